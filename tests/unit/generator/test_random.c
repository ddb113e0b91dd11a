/* The random numbers are the published ones, and their shapes are what they promise. */
#include "unit.h"

#include "generator/random.h"
#include "generator/zipf.h"

/* First outputs of the reference xoshiro256** for the state 1, 2, 3, 4. */
static void test_reference_values(void **state)
{
    (void)state;
    struct random_source random = {{1, 2, 3, 4}};
    assert_true(random_next(&random) == UINT64_C(11520));
    assert_true(random_next(&random) == UINT64_C(0));
    assert_true(random_next(&random) == UINT64_C(1509978240));
    assert_true(random_next(&random) == UINT64_C(1215971899390074240));
}

static void test_streams_differ(void **state)
{
    (void)state;
    struct random_source a, b, c, again;
    random_init(&a, 1, 2, 3);
    random_init(&b, 1, 2, 4);
    random_init(&c, 1, 3, 3);
    random_init(&again, 1, 2, 3);
    uint64_t first = random_next(&a);
    assert_true(first != random_next(&b));
    assert_true(first != random_next(&c));
    assert_true(first == random_next(&again));
}

static void test_below_is_even(void **state)
{
    (void)state;
    enum { BOUND = 10, DRAWS = 100000 };
    unsigned counts[BOUND] = {0};
    struct random_source random;
    random_init(&random, 7, 0, 0);
    for (int i = 0; i < DRAWS; i++)
        counts[random_below(&random, BOUND)]++;
    for (int i = 0; i < BOUND; i++) /* 10000 ± 5 standard deviations */
        assert_in_range(counts[i], 9500, 10500);
    assert_int_equal(random_below(&random, 1), 0);
}

/* Rank k is chosen in proportion to 1/k. */
static void test_zipf_shape(void **state)
{
    (void)state;
    enum { RANKS = 20, DRAWS = 200000 };
    unsigned counts[RANKS] = {0};
    double harmonic = 0;
    struct random_source random;
    struct zipf zipf;
    random_init(&random, 9, 0, 0);
    zipf_init(&zipf, 50);
    for (int i = 0; i < DRAWS; i++)
        counts[zipf_pick(&zipf, &random, RANKS)]++;
    zipf_release(&zipf);
    for (int k = 1; k <= RANKS; k++)
        harmonic += 1.0 / k;
    for (int k = 1; k <= RANKS; k++) {
        double expected = DRAWS / (harmonic * k);
        assert_true(counts[k - 1] > expected * 0.92 && counts[k - 1] < expected * 1.08);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference_values),
        cmocka_unit_test(test_streams_differ),
        cmocka_unit_test(test_below_is_even),
        cmocka_unit_test(test_zipf_shape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
