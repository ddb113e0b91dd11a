/* Samples of Prometheus' text, with and without labels. */
#include "cli/metrics_text.h"
#include "unit.h"

static const char text[] =
    "# HELP a Some.\n# TYPE a counter\na{worker=\"1\"} 2\na{worker=\"2\"} 3\n"
    "ab 7\nb 1.5\na_total{x=\"a}b\"} 4\nc{x=\"1\"}\nno end";

static void test_sums(void **state)
{
    (void)state;
    assert_true(metrics_sum(str_of(text), "a", "") == 5);
    assert_true(metrics_sum(str_of(text), "a", "worker=\"2\"") == 3);
    assert_true(metrics_sum(str_of(text), "b", "") == 1.5);
    assert_true(metrics_sum(str_of(text), "a_total", "") == 4);
    assert_true(metrics_sum(str_of(text), "c", "") == 0);
    assert_true(metrics_sum(str_of(text), "no", "") == 0);
    assert_true(metrics_sum((struct str){0}, "a", "") == 0);
}

static void note(void *context, struct str labels, double value)
{
    (void)value;
    *(struct str *)context = labels;
}

static void test_labels(void **state)
{
    struct str labels = {0};
    (void)state;
    assert_int_equal(metrics_each(str_of(text), "a", note, &labels), 2);
    assert_true(str_equal(labels, str_of("worker=\"2\"")));
    assert_int_equal(metrics_each(str_of(text), "b", note, &labels), 1);
    assert_int_equal(labels.len, 0);
    assert_int_equal(metrics_each(str_of(text), "d", note, &labels), 0);
    assert_int_equal(metrics_each(str_of(text), "a", NULL, NULL), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_labels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
