/* What becomes of a record, case by case. */
#include "tests/unit/unit.h"

#include "domain/decide.h"
#include "domain/record.h"

static void users_and_events(void **state)
{
    (void)state;
    const struct {
        struct precedence current, incoming;
        enum decision decision;
    } cases[] = {
        {{VERSION_NONE, 5}, {VERSION_NONE, 6}, DECISION_APPLY},
        {{VERSION_NONE, 5}, {VERSION_NONE, 5}, DECISION_SUPERSEDED}, /* delivered twice */
        {{VERSION_NONE, 5}, {VERSION_NONE, 4}, DECISION_SUPERSEDED},
        {{7, 5}, {6, 6}, DECISION_SUPERSEDED}, /* the late retry of an old put */
        {{7, 5}, {7, 6}, DECISION_APPLY},
        {{7, 5}, {8, 6}, DECISION_APPLY},
        {{7, 5}, {8, 4}, DECISION_SUPERSEDED}, /* delivered again: all since stands */
        {{7, 5}, {VERSION_NONE, 6}, DECISION_APPLY},
        {{VERSION_NONE, 5}, {0, 6}, DECISION_APPLY},
        {{0, 5}, {0, 6}, DECISION_APPLY},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(decide_mutable(&cases[i].current, &cases[i].incoming), cases[i].decision);
    assert_int_equal(decide_mutable(NULL, &cases[0].incoming), DECISION_APPLY);
}

static void coupons(void **state)
{
    (void)state;
    struct coupon_identity stored = {{1}, 10}, same = {{1}, 11}, another = {{2}, 12},
                           itself = {{1}, 10};
    assert_int_equal(decide_coupon(NULL, &same), DECISION_APPLY);
    assert_int_equal(decide_coupon(&stored, &itself), DECISION_APPLY);
    assert_int_equal(decide_coupon(&stored, &same), DECISION_ABSORB);
    assert_int_equal(decide_coupon(&stored, &another), DECISION_REJECT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(users_and_events),
                                       cmocka_unit_test(coupons)};
    return RUN_TESTS(tests);
}
