/* Places in Kafka as text: see http/position.h. */
#include "base/err.h"
#include "http/position.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void test_written_as_read(void **state)
{
    (void)state;
    struct position position = {0}, again;
    AUTO_BUF text = {0}, text_again = {0};
    position_add(&position, RECORD_COUPON, 3, 80);
    position_add(&position, RECORD_USER, 3, 17);
    position_add(&position, RECORD_COUPON, 4, 2);
    position_add(&position, RECORD_COUPON, 3, 90);
    position_add(&position, RECORD_COUPON, 3, 85); /* reported late */
    assert_true(position_write(&position, &text));
    assert_string_equal(buf_cstr(&text), "u:3.17;c:3.90,4.2");
    assert_int_equal(position_read(buf_str(&text), 16, &again), 0);
    assert_int_equal(again.count, 3);
    assert_true(position_write(&again, &text_again));
    assert_string_equal(buf_cstr(&text_again), "u:3.17;c:3.90,4.2");
}

static void test_as_many_as_fit(void **state)
{
    (void)state;
    struct position position = {0}, again;
    AUTO_BUF text = {0};
    for (int32_t i = 0; i < POSITION_PLACES_MAX; i++)
        position_add(&position, RECORD_EVENT, i, INT32_MAX);
    assert_true(position_write(&position, &text));
    assert_true(text.len <= POSITION_BYTES_MAX);
    assert_int_equal(position_read(buf_str(&text), POSITION_PLACES_MAX, &again), 0);
    assert_int_equal(again.count, POSITION_PLACES_MAX);
    position_add(&position, RECORD_EVENT, 0, INT32_MAX); /* known */
    assert_true(position_write(&position, &text));
    position_add(&position, RECORD_EVENT, POSITION_PLACES_MAX, 1);
    assert_false(position_write(&position, &text));
}

static void test_what_is_no_position(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "u",
        "u:",
        "u:1",
        "u:1.",
        "u:.1",
        "x:1.1",
        "u:1.1;",
        ";u:1.1",
        "u:1.1,",
        "u:1.1;;",
        "u:1.1;u:1.2",
        "u:1.1,1.1",
        "u:16.1",
        "u:-1.1",
        "u:1.-1",
        "u:01.1",
        "u:1.01",
        "u:1.1 ",
        " u:1.1",
        "U:1.1",
        "u:1.9223372036854775807",
        "u:1.99999999999999999999",
        "u:4294967297.1",
    };
    struct position position;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (position_read(str_of(bad[i]), 16, &position) != TIP_EINVAL)
            fail_msg("taken: %s", bad[i]);
}

/* Each of the two bounds, while the other is kept. */
static void test_too_many_and_too_long(void **state)
{
    (void)state;
    struct position position;
    AUTO_BUF many = {0}, lengthy = {0};
    for (int i = 0; i <= POSITION_PLACES_MAX; i++)
        buf_addf(&many, "%s%d.1", i == 0 ? "u:" : ",", i);
    assert_true(many.len <= POSITION_BYTES_MAX);
    assert_int_equal(position_read(buf_str(&many), 1024, &position), TIP_EINVAL);
    for (int i = 0; i < POSITION_PLACES_MAX; i++)
        buf_addf(&lengthy, "%s%d.1000000000000000000", i == 0 ? "u:" : ",", 100 + i);
    assert_true(lengthy.len > POSITION_BYTES_MAX);
    assert_int_equal(position_read(buf_str(&lengthy), 1024, &position), TIP_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_written_as_read), cmocka_unit_test(test_as_many_as_fit),
        cmocka_unit_test(test_what_is_no_position), cmocka_unit_test(test_too_many_and_too_long)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
