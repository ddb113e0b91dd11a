/* The reusable set of ids: see rank/id_set.h. */
#include "rank/id_set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static struct str numbered(char *buffer, size_t size, unsigned number)
{
    int len = snprintf(buffer, size, "id-%u", number * 2654435761U);
    return str_from(buffer, (size_t)len);
}

static void test_holds_what_was_added(void **state)
{
    struct id_set set;
    char buffer[32];
    (void)state;

    id_set_init(&set, false);
    assert_false(id_set_has(&set, str_of("a")));
    for (unsigned i = 0; i < 10000; i++)
        assert_true(id_set_add(&set, numbered(buffer, sizeof(buffer), i), NULL));
    for (unsigned i = 0; i < 10000; i++)
        assert_false(id_set_add(&set, numbered(buffer, sizeof(buffer), i), NULL));
    for (unsigned i = 10000; i < 20000; i++)
        assert_false(id_set_has(&set, numbered(buffer, sizeof(buffer), i)));
    id_set_release(&set);
}

static void test_compares_bytes(void **state)
{
    struct id_set set;
    (void)state;

    id_set_init(&set, false);
    assert_true(id_set_add(&set, str_from("a\0b", 3), NULL));
    assert_false(id_set_has(&set, str_from("a\0c", 3)));
    assert_false(id_set_has(&set, str_from("a", 1)));
    assert_false(id_set_has(&set, str_from("a\0", 2)));
    assert_true(id_set_add(&set, str_from("", 0), NULL));
    assert_true(id_set_has(&set, str_from(NULL, 0)));
    assert_true(id_set_add(&set, str_of("12345678"), NULL));
    assert_false(id_set_has(&set, str_from("12345678\0", 9)));
    id_set_release(&set);
}

static void test_copies_stay_while_it_grows(void **state)
{
    struct id_set set;
    struct str kept[3000];
    char buffer[RANK_ID_MAX_BYTES], expected[32];
    (void)state;

    id_set_init(&set, false);
    for (unsigned i = 0; i < 3000; i++)
        assert_true(id_set_add(&set, numbered(buffer, sizeof(buffer), i), &kept[i]));
    memset(buffer, 'x', sizeof(buffer));
    for (unsigned i = 0; i < 3000; i++)
        assert_true(str_equal(kept[i], numbered(expected, sizeof(expected), i)));
    assert_true(id_set_add(&set, str_from(buffer, sizeof(buffer)), NULL));
    id_set_release(&set);
}

static void test_borrowing_points_at_the_callers_bytes(void **state)
{
    struct id_set set;
    struct str stored;
    const char id[] = "one";
    (void)state;

    id_set_init(&set, true);
    assert_true(id_set_add(&set, str_of(id), &stored));
    assert_ptr_equal(stored.data, id);
    assert_false(id_set_add(&set, str_of("one"), &stored));
    assert_ptr_equal(stored.data, id);
    id_set_release(&set);
}

static void test_clear_forgets(void **state)
{
    struct id_set set;
    char buffer[32];
    (void)state;

    id_set_init(&set, false);
    for (unsigned round = 0; round < 50; round++) {
        for (unsigned i = round; i < round + 400; i++)
            assert_true(id_set_add(&set, numbered(buffer, sizeof(buffer), i), NULL));
        id_set_clear(&set);
        for (unsigned i = round; i < round + 400; i++)
            assert_false(id_set_has(&set, numbered(buffer, sizeof(buffer), i)));
    }
    id_set_release(&set);
}

static void test_epoch_that_wraps_does_not_revive(void **state)
{
    struct id_set set;
    (void)state;

    id_set_init(&set, false);
    assert_true(id_set_add(&set, str_of("old"), NULL)); /* in epoch 1 */
    set.index.epoch = UINT32_MAX;
    id_set_clear(&set); /* to epoch 1 again */
    assert_int_equal(set.index.epoch, 1);
    assert_false(id_set_has(&set, str_of("old")));
    id_set_release(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_holds_what_was_added),
        cmocka_unit_test(test_compares_bytes),
        cmocka_unit_test(test_copies_stay_while_it_grows),
        cmocka_unit_test(test_borrowing_points_at_the_callers_bytes),
        cmocka_unit_test(test_clear_forgets),
        cmocka_unit_test(test_epoch_that_wraps_does_not_revive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
