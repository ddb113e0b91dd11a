/* Cursors of lists: see http/cursor.h. */
#include "base/err.h"
#include "base/timefmt.h"
#include "http/cursor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

static void assert_round_trip(int64_t begin_ms, struct str event_id)
{
    AUTO_BUF text = {0};
    struct cursor cursor;
    cursor_write(CURSOR_EVENTS, begin_ms, event_id, &text);
    assert_int_equal(cursor_read(CURSOR_EVENTS, buf_str(&text), &cursor), 0);
    assert_true(cursor.time_ms == begin_ms);
    assert_true(str_equal(cursor_id(&cursor), event_id));
    for (size_t i = 0; i < text.len; i++)
        assert_non_null(strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
                               text.data[i]));
}

static void test_what_is_written_is_read(void **state)
{
    (void)state;
    char longest[ID_MAX_BYTES];
    memset(longest, 'x', sizeof(longest));
    for (size_t len = 1; len <= sizeof(longest); len++)
        assert_round_trip(1795240800000, str_from(longest, len));
    assert_round_trip(TIME_MIN_MS, str_of("e"));
    assert_round_trip(TIME_MAX_MS, str_of("\xe6\x97\xa5\xe6\x9c\xac \"&="));
    assert_round_trip(-1, str_of("?>?>"));
}

static void assert_refused(struct str text)
{
    struct cursor cursor = {.time_ms = 77};
    assert_int_equal(cursor_read(CURSOR_EVENTS, text, &cursor), TIP_EINVAL);
    assert_true(cursor.time_ms == 77);
}

static void test_anything_else_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",   "x",        "AAAA",     "MTIz",
        "-1", "\xc3\xa9", "AQAAAAH9", "AQAAAaH9u1ig" /* a time without an id */};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_refused(str_of(texts[i]));
    char endless[2000];
    memset(endless, 'A', sizeof(endless));
    assert_refused(str_from(endless, sizeof(endless)));
}

static void test_a_changed_cursor_is_refused(void **state)
{
    (void)state;
    AUTO_BUF text = {0};
    cursor_write(CURSOR_EVENTS, 1795240800000, str_of("e-z"), &text);
    assert_refused(str_from(text.data, text.len - 1)); /* bits are left over */
    buf_add_char(&text, '=');
    assert_refused(buf_str(&text));
    text.len--;
    struct cursor cursor;
    assert_int_equal(cursor_read(CURSOR_COUPONS, buf_str(&text), &cursor), TIP_EINVAL);
    text.data[0] = 'B'; /* no list */
    assert_refused(buf_str(&text));
}

static void test_times_and_ids_that_cannot_be(void **state)
{
    (void)state;
    AUTO_BUF text = {0};
    cursor_write(CURSOR_EVENTS, TIME_MAX_MS + 1, str_of("e"), &text);
    assert_refused(buf_str(&text));
    buf_clear(&text);
    cursor_write(CURSOR_EVENTS, TIME_MIN_MS - 1, str_of("e"), &text);
    assert_refused(buf_str(&text));
    buf_clear(&text);
    cursor_write(CURSOR_EVENTS, 0, str_of("\x01"), &text);
    assert_refused(buf_str(&text));
}

static void test_a_place_of_rejects_is_any_bytes(void **state)
{
    (void)state;
    char longest[CURSOR_ID_MAX_BYTES];
    struct cursor cursor;
    AUTO_BUF text = {0};
    memset(longest, 0xff, sizeof(longest));
    cursor_write(CURSOR_REJECTED, 5, str_from(longest, sizeof(longest)), &text);
    assert_int_equal(cursor_read(CURSOR_REJECTED, buf_str(&text), &cursor), 0);
    assert_true(str_equal(cursor_id(&cursor), str_from(longest, sizeof(longest))));
    assert_refused(buf_str(&text));
}

static void test_random_bytes_do_no_harm(void **state)
{
    (void)state;
    srandom(7);
    for (int round = 0; round < 20000; round++) {
        char text[120];
        size_t len = (size_t)random() % sizeof(text);
        struct cursor cursor;
        for (size_t i = 0; i < len; i++)
            text[i] = (char)(random() % 8 == 0 ? random() : 'A' + random() % 26);
        if (len > 1 && random() % 2 == 0)
            memcpy(text, "AQ", 2);
        int err = cursor_read(CURSOR_EVENTS, str_from(text, len), &cursor);
        if (err == 0) {
            AUTO_BUF again = {0};
            cursor_write(CURSOR_EVENTS, cursor.time_ms, cursor_id(&cursor), &again);
            assert_true(str_equal(buf_str(&again), str_from(text, len)));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_is_read),
        cmocka_unit_test(test_anything_else_is_refused),
        cmocka_unit_test(test_a_changed_cursor_is_refused),
        cmocka_unit_test(test_times_and_ids_that_cannot_be),
        cmocka_unit_test(test_a_place_of_rejects_is_any_bytes),
        cmocka_unit_test(test_random_bytes_do_no_harm),
    };
    return cmocka_run_group_tests_name("http/cursor", tests, NULL, NULL);
}
