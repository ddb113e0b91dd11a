/* Numerators and reasons by hand: see rank/score.h. */
#include "rank/score.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const int64_t one = RANK_WEIGHT_ONE;
static const struct rank_weights usual = {3000, 3500, 1000, 2500};

static struct rank_tags tags(const char *kind, const char *series, const char *region,
                             const struct str *members, size_t count)
{
    return (struct rank_tags){str_of(kind), str_of(series), str_of(region), members, count};
}

/* Soccer twice (now: Cup, Spain, Lions and Bears; one half-life ago: Liga, Italy, Lions). */
static struct affinity *soccer_fan(void)
{
    static struct str members[2];
    struct affinity *affinity = affinity_new();

    members[0] = str_of("Lions");
    members[1] = str_of("Bears");
    const struct rank_choice choices[] = {
        {.time_ms = 10, .tags = tags("Soccer", "Cup", "Spain", members, 2)},
        {.time_ms = 0, .tags = tags("Soccer", "Liga", "Italy", members, 1)},
    };
    assert_int_equal(affinity_build(affinity, choices, 2, 10), 0);
    return affinity;
}

static void assert_reason(const struct rank_reason *reason, enum rank_tag_class class,
                          const char *value, int64_t part, int64_t numerator)
{
    assert_int_equal(reason->class, class);
    assert_true(str_equal(reason->value, str_of(value)));
    assert_int_equal(reason->part, part);
    assert_true(reason->share == (double)part / (double)numerator);
}

static void test_weights_must_sum(void **state)
{
    (void)state;
    assert_true(rank_weights_valid(&usual));
    assert_true(rank_weights_valid(&(struct rank_weights){10000, 0, 0, 0}));
    assert_false(rank_weights_valid(&(struct rank_weights){3000, 3500, 1000, 2501}));
    assert_false(rank_weights_valid(&(struct rank_weights){3000, 3500, 1000, 2499}));
    assert_false(rank_weights_valid(&(struct rank_weights){-1, 10001, 0, 0}));
    assert_false(rank_weights_valid(&(struct rank_weights){INT64_MAX, INT64_MAX, 10001, 1}));
    assert_false(rank_weights_valid(&(struct rank_weights){0}));
}

static void test_numerator_takes_the_best_member_only(void **state)
{
    const struct str both[] = {str_of("Bears"), str_of("Lions"), str_of("Owls")};
    struct affinity *affinity = soccer_fan();
    int64_t numerator = -1;
    struct rank_tags item = tags("Soccer", "Liga", "Spain", both, 3);
    (void)state;

    assert_true(score_item(affinity, &usual, &item, &numerator));
    assert_int_equal(numerator, 3000 * (one + one / 2) + 3500 * (one / 2) + 1000 * one +
                                    2500 * (one + one / 2));
    item.member_count = 1;
    assert_true(score_item(affinity, &usual, &item, &numerator));
    assert_int_equal(numerator,
                     3000 * (one + one / 2) + 3500 * (one / 2) + 1000 * one + 2500 * one);
    item = tags("Soccer", "None", "Nowhere", NULL, 0);
    assert_true(score_item(affinity, &usual, &item, &numerator));
    assert_int_equal(numerator, 3000 * (one + one / 2));
    affinity_free(affinity);
}

static void test_other_kinds_are_no_candidates(void **state)
{
    const struct str lions[] = {str_of("Lions")};
    struct affinity *affinity = soccer_fan();
    struct rank_reason reasons[RANK_TAG_CLASSES];
    int64_t numerator = -1;
    struct rank_tags item = tags("Tennis", "Cup", "Spain", lions, 1);
    (void)state;

    assert_false(score_item(affinity, &usual, &item, &numerator));
    assert_int_equal(numerator, -1);
    assert_int_equal(score_explain(affinity, &usual, &item, reasons), 0);
    affinity_free(affinity);
}

static void test_score_of_what_was_chosen_once_is_one(void **state)
{
    const struct str lions[] = {str_of("Lions")};
    struct affinity *affinity = affinity_new();
    struct rank_choice choice = {.time_ms = 3, .tags = tags("A", "B", "C", lions, 1)};
    int64_t numerator;
    (void)state;

    assert_int_equal(affinity_build(affinity, &choice, 1, 1), 0);
    assert_true(score_item(affinity, &usual, &choice.tags, &numerator));
    assert_true(score_value(numerator, affinity_total(affinity)) == 1.0);
    assert_true(score_value(0, 0) == 0.0);
    affinity_free(affinity);
}

static void test_reasons_are_sorted_by_part(void **state)
{
    const struct str members[] = {str_of("Owls"), str_of("Lions")};
    struct affinity *affinity = soccer_fan();
    struct rank_reason reasons[RANK_TAG_CLASSES];
    struct rank_tags item = tags("Soccer", "Liga", "Spain", members, 2);
    int64_t numerator;
    (void)state;

    assert_true(score_item(affinity, &usual, &item, &numerator));
    assert_int_equal(score_explain(affinity, &usual, &item, reasons), 4);
    assert_reason(&reasons[0], RANK_KIND, "Soccer", 4500 * one, numerator);
    assert_reason(&reasons[1], RANK_MEMBER, "Lions", 3750 * one, numerator);
    assert_reason(&reasons[2], RANK_SERIES, "Liga", 1750 * one, numerator);
    assert_reason(&reasons[3], RANK_REGION, "Spain", 1000 * one, numerator);
    item = tags("Soccer", "None", "Italy", members, 1);
    assert_int_equal(score_explain(affinity, &usual, &item, reasons), 2);
    assert_reason(&reasons[0], RANK_KIND, "Soccer", 4500 * one, 5000 * one);
    assert_reason(&reasons[1], RANK_REGION, "Italy", 500 * one, 5000 * one);
    affinity_free(affinity);
}

static void test_equal_parts_keep_the_order_of_classes(void **state)
{
    /* Zebras and Bears weigh the same: the first by bytes is named, wherever it stands. */
    const struct str members[] = {str_of("Zebras"), str_of("Bears"), str_of("Bearss")};
    const struct rank_weights equal = {2500, 2500, 2500, 2500};
    struct rank_choice choice = {.time_ms = 3, .tags = tags("A", "B", "C", members, 3)};
    struct affinity *affinity = affinity_new();
    struct rank_reason reasons[RANK_TAG_CLASSES];
    (void)state;

    assert_int_equal(affinity_build(affinity, &choice, 1, 1), 0);
    assert_int_equal(score_explain(affinity, &equal, &choice.tags, reasons), 4);
    assert_reason(&reasons[0], RANK_KIND, "A", 2500 * one, 10000 * one);
    assert_reason(&reasons[1], RANK_SERIES, "B", 2500 * one, 10000 * one);
    assert_reason(&reasons[2], RANK_REGION, "C", 2500 * one, 10000 * one);
    assert_reason(&reasons[3], RANK_MEMBER, "Bears", 2500 * one, 10000 * one);
    affinity_free(affinity);
}

static void test_nothing_of_weight_zero_is_a_reason(void **state)
{
    const struct rank_choice choices[] = {
        {.time_ms = 1000, .tags = tags("A", "B", "C", NULL, 0)},
        {.time_ms = 0, .tags = tags("D", "E", "F", NULL, 0)}, /* 1000 half-lives old: weighs 0 */
    };
    struct affinity *affinity = affinity_new();
    struct rank_reason reasons[RANK_TAG_CLASSES];
    int64_t numerator = -1;
    (void)state;

    assert_int_equal(affinity_build(affinity, choices, 2, 1), 0);
    assert_true(score_item(affinity, &usual, &choices[1].tags, &numerator));
    assert_int_equal(numerator, 0);
    assert_int_equal(score_explain(affinity, &usual, &choices[1].tags, reasons), 0);
    affinity_free(affinity);
}

static void test_the_largest_score_does_not_overflow(void **state)
{
    const struct str lions[] = {str_of("Lions")};
    struct rank_choice choices[RANK_CHOICES_MAX];
    struct affinity *affinity = affinity_new();
    int64_t numerator;
    (void)state;

    for (size_t i = 0; i < RANK_CHOICES_MAX; i++)
        choices[i] = (struct rank_choice){.time_ms = 3, .tags = tags("A", "B", "C", lions, 1)};
    assert_int_equal(affinity_build(affinity, choices, RANK_CHOICES_MAX, 1), 0);
    assert_true(score_item(affinity, &usual, &choices[0].tags, &numerator));
    assert_int_equal(numerator, 2147483648000000);
    assert_true(score_value(numerator, affinity_total(affinity)) == 1.0);
    affinity_free(affinity);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights_must_sum),
        cmocka_unit_test(test_numerator_takes_the_best_member_only),
        cmocka_unit_test(test_other_kinds_are_no_candidates),
        cmocka_unit_test(test_score_of_what_was_chosen_once_is_one),
        cmocka_unit_test(test_reasons_are_sorted_by_part),
        cmocka_unit_test(test_equal_parts_keep_the_order_of_classes),
        cmocka_unit_test(test_nothing_of_weight_zero_is_a_reason),
        cmocka_unit_test(test_the_largest_score_does_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
