/* Parameters of the read routes: see http/read_params.h. */
#include "base/err.h"
#include "http/read_params.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

enum { ALL = (1 << 16) - 1 - PARAM_N_OLDER + PARAM_VIA };

static struct arena arena;
static struct violations violations;
static struct read_params params;

static int parse(const char *text, unsigned allowed, enum generation generation)
{
    struct query query;
    assert_int_equal(query_parse(str_of(text), &query), 0);
    violations_clear(&violations);
    int err = read_params_parse(&query, allowed, generation, &arena, &params, &violations);
    query_release(&query); /* what was parsed is the arena's */
    return err;
}

static void assert_good(const char *text)
{
    assert_int_equal(parse(text, ALL, GENERATION_V1), 0);
    assert_int_equal(violations.total, 0);
}

static void assert_bad(const char *text, enum violation_code code, const char *detail_begins)
{
    assert_int_equal(parse(text, ALL, GENERATION_V1), TIP_EINVAL);
    assert_int_equal(violations.count, 1);
    assert_int_equal(violations.items[0].code, code);
    assert_string_equal(violations.items[0].pointer, "");
    assert_memory_equal(violations.items[0].detail, detail_begins, strlen(detail_begins));
}

static int release(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

static void test_absent_ones(void **state)
{
    (void)state;
    assert_good("");
    assert_true(params.n == PARAM_ABSENT && params.limit == PARAM_ABSENT);
    assert_true(params.explain == PARAM_ABSENT && params.include_started == PARAM_ABSENT);
    assert_true(params.as_of_ms == PARAM_ABSENT && params.from_ms == PARAM_ABSENT);
    assert_int_equal(params.sports.count, 0);
    assert_null(params.user_id.data);
    assert_false(params.has_cursor);
}

static void test_via(void **state)
{
    (void)state;
    assert_good("");
    assert_int_equal(params.via, VIA_EITHER);
    assert_good("via=sql");
    assert_int_equal(params.via, VIA_SQL);
    assert_good("via=view");
    assert_int_equal(params.via, VIA_VIEW);
    assert_bad("via=", VIOLATION_FORMAT, "via: neither");
    assert_bad("via=views", VIOLATION_FORMAT, "via: neither");
    assert_bad("via=sql&via=sql", VIOLATION_DUPLICATE, "via: given twice");
}

static void test_all_forms(void **state)
{
    (void)state;
    assert_good("n=100&limit=1000&explain=1&include_started=0&as_of=2026-11-21&"
                "before=2026-11-21T06:00:00%2B01:00&sport=a&sport=b+c&user_id=%C3%A9");
    assert_int_equal(params.n, 100);
    assert_int_equal(params.limit, 1000);
    assert_int_equal(params.explain, 1);
    assert_int_equal(params.include_started, 0);
    assert_true(params.as_of_ms == 1795219200000);
    assert_true(params.before_ms == 1795219200000 + 5 * 3600 * 1000);
    assert_int_equal(params.sports.count, 2);
    assert_true(str_equal(params.sports.values[1], str_of("b c")));
    assert_true(str_equal(params.user_id, str_of("\xc3\xa9")));
}

static void test_bad_values(void **state)
{
    (void)state;
    static const char *const not_integers[] = {
        "n=",   "n=x",   "n=1.5", "n=1e1",  "n=+5",
        "n=5x", "n=--5", "n=-",   "n=0x10", "n=99999999999999999999"};
    for (size_t i = 0; i < sizeof(not_integers) / sizeof(not_integers[0]); i++)
        assert_bad(not_integers[i], VIOLATION_FORMAT, "n: ");
    assert_bad("n=0", VIOLATION_RANGE, "n: ");
    assert_bad("n=101", VIOLATION_RANGE, "n: ");
    assert_bad("n=-9223372036854775807", VIOLATION_RANGE, "n: ");
    assert_bad("limit=1001", VIOLATION_RANGE, "limit: ");
    assert_bad("explain=yes", VIOLATION_FORMAT, "explain: ");
    assert_bad("explain=2", VIOLATION_RANGE, "explain: ");
    assert_bad("as_of=2026-11-21T06:00:00", VIOLATION_FORMAT, "as_of: ");
    assert_bad("as_of=1800-01-01", VIOLATION_RANGE, "as_of: ");
    assert_bad("cursor=AAAA", VIOLATION_FORMAT, "cursor: ");
    assert_bad("sport=", VIOLATION_EMPTY, "sport: ");
    assert_bad("sport=%ff", VIOLATION_ENCODING, "sport: ");
    assert_bad("exclude=%ed%a0%80", VIOLATION_ENCODING, "exclude: ");
}

static void test_unknown_and_repeated_ones(void **state)
{
    (void)state;
    assert_bad("foo=1", VIOLATION_UNKNOWN_FIELD, "foo: ");
    assert_bad("%01=1", VIOLATION_UNKNOWN_FIELD, "a parameter whose name is no text");
    assert_bad("n=1&n=1", VIOLATION_DUPLICATE, "n: ");
    assert_int_equal(parse("n=1", PARAM_LIMIT, GENERATION_V1), TIP_EINVAL);
    assert_int_equal(parse("n=0&foo=1&limit=x", ALL, GENERATION_V1), TIP_EINVAL);
    assert_int_equal(violations.total, 3);
}

static void test_too_many_values(void **state)
{
    (void)state;
    char text[FILTER_VALUES_MAX * 8 + 16] = "";
    for (int i = 0; i < FILTER_VALUES_MAX; i++)
        strcat(text, i == 0 ? "sport=x" : "&sport=x");
    assert_good(text);
    assert_int_equal(params.sports.count, FILTER_VALUES_MAX);
    strcat(text, "&sport=x");
    assert_bad(text, VIOLATION_LENGTH, "sport: ");
}

static void test_older_routes(void **state)
{
    (void)state;
    unsigned allowed = PARAM_N_OLDER | PARAM_USER_ID;
    assert_int_equal(parse("n=-1&user_id=u&other=1&n=7", allowed, GENERATION_OLDER), 0);
    assert_int_equal(params.n, -1);
    assert_int_equal(parse("n=9223372036854775807", allowed, GENERATION_OLDER), 0);
    assert_int_equal(parse("n=-2", allowed, GENERATION_OLDER), TIP_EINVAL);
    assert_int_equal(parse("n=abc", allowed, GENERATION_OLDER), TIP_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_absent_ones),
        cmocka_unit_test(test_via),
        cmocka_unit_test(test_all_forms),
        cmocka_unit_test(test_bad_values),
        cmocka_unit_test(test_unknown_and_repeated_ones),
        cmocka_unit_test(test_too_many_values),
        cmocka_unit_test(test_older_routes),
    };
    return cmocka_run_group_tests_name("http/read_params", tests, NULL, release);
}
