/* Weights of choices and tags by hand: see rank/affinity.h. */
#include "base/err.h"
#include "rank/affinity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const int64_t day_ms = 86400000;
static const int64_t one = RANK_WEIGHT_ONE;

static struct rank_choice choice(int64_t time_ms, const char *kind, const char *series,
                                 const char *region, const struct str *members, size_t count)
{
    return (struct rank_choice){.time_ms = time_ms,
                                .tags = {.kind = str_of(kind),
                                         .series = str_of(series),
                                         .region = str_of(region),
                                         .members = members,
                                         .member_count = count}};
}

static int64_t weight(const struct affinity *affinity, enum rank_tag_class class, const char *kind,
                      const char *value)
{
    uint32_t number = RANK_NO_KIND;
    if (kind != NULL && !affinity_kind(affinity, str_of(kind), &number))
        return -1;
    return affinity_weight(affinity, class, number, str_of(value));
}

static void test_weight_halves_per_half_life(void **state)
{
    (void)state;
    assert_int_equal(rank_weight(0, 30 * day_ms), one);
    assert_int_equal(rank_weight(30 * day_ms, 30 * day_ms), one / 2);
    assert_int_equal(rank_weight(300 * day_ms, 30 * day_ms), one / 1024);
    /* 2^30 * 2^(-1/30) = 1049217526.84…, 2^30 * 2^(-1/2) = 759250124.99… (worked out in decimals)
     */
    assert_int_equal(rank_weight(day_ms, 30 * day_ms), 1049217527);
    assert_int_equal(rank_weight(15 * day_ms, 30 * day_ms), 759250125);
    /* One half rounds up, less is nothing; ages without end are no error. */
    assert_int_equal(rank_weight(31, 1), 1);
    assert_int_equal(rank_weight(32, 1), 0);
    assert_int_equal(rank_weight(INT64_MAX, 1), 0);
}

static void test_tags_sum_and_do_not_mix(void **state)
{
    const struct str clubs[] = {str_of("Lions"), str_of("Bears")};
    const struct str lions[] = {str_of("Lions")};
    const struct rank_choice choices[] = {
        choice(100 * day_ms, "Soccer", "Cup", "Spain", clubs, 2),
        choice(70 * day_ms, "Tennis", "Cup", "Spain", lions, 1),
        choice(40 * day_ms, "Soccer", "Liga", "Spain", lions, 1),
    };
    struct affinity *affinity = affinity_new();
    size_t count;
    (void)state;

    assert_int_equal(affinity_build(affinity, choices, 3, 30 * day_ms), 0);
    assert_int_equal(affinity_total(affinity), one + one / 2 + one / 4);
    assert_int_equal(weight(affinity, RANK_KIND, "Soccer", ""), one + one / 4);
    assert_int_equal(weight(affinity, RANK_KIND, "Tennis", ""), one / 2);
    assert_int_equal(weight(affinity, RANK_SERIES, "Soccer", "Cup"), one);
    assert_int_equal(weight(affinity, RANK_SERIES, "Tennis", "Cup"), one / 2);
    assert_int_equal(weight(affinity, RANK_SERIES, "Tennis", "Liga"), 0);
    assert_int_equal(weight(affinity, RANK_MEMBER, "Soccer", "Lions"), one + one / 4);
    assert_int_equal(weight(affinity, RANK_MEMBER, "Tennis", "Lions"), one / 2);
    assert_int_equal(weight(affinity, RANK_MEMBER, "Tennis", "Bears"), 0);
    assert_int_equal(weight(affinity, RANK_REGION, NULL, "Spain"), one + one / 2 + one / 4);
    assert_int_equal(weight(affinity, RANK_REGION, NULL, "spain"), 0);
    assert_int_equal(weight(affinity, RANK_REGION, NULL, "Spai"), 0);
    assert_int_equal(weight(affinity, RANK_KIND, "Chess", ""), -1);

    const struct affinity_tag *tags = affinity_tags(affinity, &count);
    assert_int_equal(count, 2 + 3 + 1 + 3);
    assert_int_equal(tags[0].class, RANK_KIND);
    assert_true(str_equal(tags[0].value, str_of("Soccer")));
    assert_int_equal(tags[0].kind, 0);
    assert_int_equal(tags[2].class, RANK_REGION);
    assert_int_equal(tags[2].kind, RANK_NO_KIND);
    affinity_free(affinity);
}

static void test_item_in_two_choices_counts_twice_but_a_doubled_member_once(void **state)
{
    const struct str twins[] = {str_of("Lions"), str_of("Lions")};
    const struct rank_choice choices[] = {
        choice(5, "Soccer", "Cup", "Spain", twins, 2),
        choice(5, "Soccer", "Cup", "Spain", twins, 2),
    };
    struct affinity *affinity = affinity_new();
    (void)state;

    assert_int_equal(affinity_build(affinity, choices, 2, day_ms), 0);
    assert_int_equal(affinity_total(affinity), 2 * one);
    assert_int_equal(weight(affinity, RANK_SERIES, "Soccer", "Cup"), 2 * one);
    assert_int_equal(weight(affinity, RANK_MEMBER, "Soccer", "Lions"), 2 * one);
    affinity_free(affinity);
}

static void test_classes_of_one_name_are_apart(void **state)
{
    const struct str members[] = {str_of("X")};
    const struct rank_choice choices[] = {
        choice(30 * day_ms, "X", "X", "X", members, 1),
        choice(0, "Y", "X", "X", NULL, 0),
    };
    struct affinity *affinity = affinity_new();
    (void)state;

    assert_int_equal(affinity_build(affinity, choices, 2, 30 * day_ms), 0);
    assert_int_equal(weight(affinity, RANK_KIND, "X", ""), one);
    assert_int_equal(weight(affinity, RANK_SERIES, "X", "X"), one);
    assert_int_equal(weight(affinity, RANK_SERIES, "Y", "X"), one / 2);
    assert_int_equal(weight(affinity, RANK_REGION, NULL, "X"), one + one / 2);
    assert_int_equal(weight(affinity, RANK_MEMBER, "X", "X"), one);
    assert_int_equal(weight(affinity, RANK_MEMBER, "Y", "X"), 0);
    affinity_free(affinity);
}

static void test_kind_of_weight_zero_is_still_known(void **state)
{
    const struct rank_choice choices[] = {
        choice(1000 * day_ms, "Soccer", "Cup", "Spain", NULL, 0),
        choice(0, "Tennis", "Open", "Italy", NULL, 0),
    };
    struct affinity *affinity = affinity_new();
    (void)state;

    assert_int_equal(affinity_build(affinity, choices, 2, day_ms), 0);
    assert_int_equal(weight(affinity, RANK_KIND, "Tennis", ""), 0);
    assert_int_equal(affinity_total(affinity), one);
    affinity_free(affinity);
}

static void test_build_replaces_and_refuses(void **state)
{
    struct rank_choice choices[RANK_CHOICES_MAX + 1];
    struct affinity *affinity = affinity_new();
    size_t count;
    (void)state;

    for (size_t i = 0; i <= RANK_CHOICES_MAX; i++)
        choices[i] = choice(7, "Soccer", "Cup", "Spain", NULL, 0);
    assert_int_equal(affinity_build(affinity, choices, RANK_CHOICES_MAX, 1), 0);
    assert_int_equal(affinity_total(affinity), RANK_CHOICES_MAX * one);
    assert_int_equal(affinity_build(affinity, choices, 1, 1), 0);
    assert_int_equal(affinity_total(affinity), one);
    assert_int_equal(affinity_build(affinity, choices, RANK_CHOICES_MAX + 1, 1), TIP_EINVAL);
    assert_int_equal(affinity_build(affinity, choices, 1, 0), TIP_EINVAL);
    assert_int_equal(affinity_total(affinity), 0);
    assert_int_equal(affinity_build(affinity, choices, 0, 1), 0);
    assert_int_equal(affinity_total(affinity), 0);
    assert_int_equal(weight(affinity, RANK_KIND, "Soccer", ""), -1);
    affinity_tags(affinity, &count);
    assert_int_equal(count, 0);
    choices[0].time_ms = INT64_MIN;
    choices[1].time_ms = INT64_MAX;
    assert_int_equal(affinity_build(affinity, choices, 2, 1), 0);
    assert_int_equal(affinity_total(affinity), one);
    affinity_free(affinity);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weight_halves_per_half_life),
        cmocka_unit_test(test_tags_sum_and_do_not_mix),
        cmocka_unit_test(test_item_in_two_choices_counts_twice_but_a_doubled_member_once),
        cmocka_unit_test(test_classes_of_one_name_are_apart),
        cmocka_unit_test(test_kind_of_weight_zero_is_still_known),
        cmocka_unit_test(test_build_replaces_and_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
