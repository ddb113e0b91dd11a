/* The growing buffer: numbers, formats that do not fit at first, JSON escapes. */
#include "tests/unit/unit.h"

#include "base/buf.h"

static void integers(void **state)
{
    (void)state;
    AUTO_BUF buf = {0};
    buf_add_int(&buf, 0);
    buf_add_char(&buf, ' ');
    buf_add_int(&buf, INT64_MIN);
    buf_add_char(&buf, ' ');
    buf_add_int(&buf, INT64_MAX);
    assert_string_equal(buf_cstr(&buf), "0 -9223372036854775808 9223372036854775807");
}

static void formats_grow(void **state)
{
    (void)state;
    AUTO_BUF buf = {0};
    for (int i = 0; i < 100; i++)
        buf_addf(&buf, "%0100d|", i);
    assert_int_equal(buf.len, 10100);
    assert_memory_equal(buf.data + 10100 - 3, "99|", 3);
}

static void json_strings(void **state)
{
    (void)state;
    AUTO_BUF buf = {0};
    buf_add_json(&buf, str_from("a\"b\\c\n\t\x01\x1f\x7f/é", 13));
    assert_string_equal(buf_cstr(&buf), "\"a\\\"b\\\\c\\n\\t\\u0001\\u001f\x7f/é\"");
    buf_clear(&buf);
    buf_add_json(&buf, str_of(""));
    assert_string_equal(buf_cstr(&buf), "\"\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers),
        cmocka_unit_test(formats_grow),
        cmocka_unit_test(json_strings),
    };
    return RUN_TESTS(tests);
}
