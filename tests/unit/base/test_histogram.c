/* Percentiles are within a bucket's width (1/16) of the exact ones, and never above the maximum. */
#include "tests/unit/unit.h"

#include "base/histogram.h"

static void percentiles(void **state)
{
    (void)state;
    static struct histogram histogram, other;
    assert_int_equal(histogram_percentile_us(&histogram, 50), 0);
    for (int64_t value = 1; value <= 100000; value++)
        histogram_add(value % 2 ? &histogram : &other, value);
    histogram_merge(&histogram, &other);
    const double percentiles_wanted[] = {1, 50, 90, 99, 99.9};
    for (int i = 0; i < 5; i++) {
        double exact = percentiles_wanted[i] * 1000;
        double got = (double)histogram_percentile_us(&histogram, percentiles_wanted[i]);
        assert_true(got >= exact && got <= exact * 17 / 16 + 1);
    }
    assert_int_equal(histogram_percentile_us(&histogram, 100), 100000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(percentiles)};
    return RUN_TESTS(tests);
}
