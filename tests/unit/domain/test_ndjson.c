/* Lines of NDJSON. */
#include "tests/unit/unit.h"

#include "domain/ndjson.h"

static void expect_lines(const char *body, const char *const *lines)
{
    struct ndjson cursor = {.rest = str_of(body)};
    struct str line;
    int count = 0;
    while (ndjson_next(&cursor, &line)) {
        assert_non_null(lines[count]);
        assert_true(str_equal(line, str_of(lines[count])));
        assert_int_equal(cursor.line, ++count);
    }
    assert_null(lines[count]);
}

static void lines(void **state)
{
    (void)state;
    expect_lines("", (const char *const[]){NULL});
    expect_lines("a", (const char *const[]){"a", NULL});
    expect_lines("a\n", (const char *const[]){"a", NULL});
    expect_lines("a\r\nb", (const char *const[]){"a", "b", NULL});
    expect_lines("a\n\nb\n", (const char *const[]){"a", "", "b", NULL});
    expect_lines("\n", (const char *const[]){"", NULL});
    expect_lines("\r\n", (const char *const[]){"", NULL});
    expect_lines("a\r", (const char *const[]){"a\r", NULL});
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lines)};
    return RUN_TESTS(tests);
}
