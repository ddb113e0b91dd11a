/* Queries and percent-encoding: see http/query.h. */
#include "base/err.h"
#include "http/query.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define assert_str(actual, text)                                                                   \
    do {                                                                                           \
        assert_int_equal((actual).len, strlen(text));                                              \
        assert_memory_equal((actual).data, text, strlen(text));                                    \
    } while (0)

static void test_values_are_decoded_in_order(void **state)
{
    (void)state;
    struct query query;
    assert_int_equal(query_parse(str_of("sport=a+b&n=10&sport=%C3%A9%2B&empty=&flag"), &query), 0);
    assert_int_equal(query.count, 5);
    size_t cursor = 0;
    struct str value;
    assert_true(query_next(&query, "sport", &cursor, &value));
    assert_str(value, "a b");
    assert_true(query_next(&query, "sport", &cursor, &value));
    assert_str(value, "\xc3\xa9+");
    assert_false(query_next(&query, "sport", &cursor, &value));
    assert_true(query_get(&query, "empty", &value));
    assert_int_equal(value.len, 0);
    assert_true(query_get(&query, "flag", &value));
    assert_int_equal(value.len, 0);
    assert_false(query_get(&query, "absent", &value));
    query_release(&query);
}

static void test_odd_but_harmless(void **state)
{
    (void)state;
    struct query query;
    struct str value;
    assert_int_equal(query_parse(str_of(""), &query), 0);
    assert_int_equal(query.count, 0);
    assert_int_equal(query_parse(str_of("&&a=1&&=x&b=c=d&"), &query), 0);
    assert_int_equal(query.count, 3);
    assert_true(query_get(&query, "b", &value));
    assert_str(value, "c=d");
    assert_true(query_get(&query, "", &value));
    assert_str(value, "x");
    query_release(&query);
}

static void test_names_are_decoded_too(void **state)
{
    (void)state;
    struct query query;
    struct str value;
    assert_int_equal(query_parse(str_of("%6e=3"), &query), 0);
    assert_true(query_get(&query, "n", &value));
    assert_str(value, "3");
    query_release(&query);
}

static void test_bad_escapes_are_errors(void **state)
{
    (void)state;
    static const char *const bad[] = {"a=%", "a=%4",  "a=%zz",    "a=%4g",
                                      "%=1", "a=%00", "a=1&b=%2", NULL};
    for (int i = 0; bad[i] != NULL; i++) {
        struct query query = {0};
        assert_int_equal(query_parse(str_of(bad[i]), &query), TIP_ESYNTAX);
        assert_null(query.params);
    }
}

static void test_unknown_names_are_found(void **state)
{
    (void)state;
    static const char *const names[] = {"n", "sport", NULL};
    struct query query;
    assert_int_equal(query_parse(str_of("n=1&sprot=x"), &query), 0);
    const struct query_param *unknown = query_unknown(&query, names);
    assert_non_null(unknown);
    assert_str(unknown->name, "sprot");
    query_release(&query);
    assert_int_equal(query_parse(str_of("n=1"), &query), 0);
    assert_null(query_unknown(&query, names));
    query_release(&query);
}

static void test_a_plus_in_a_path_is_a_plus(void **state)
{
    (void)state;
    char out[16];
    size_t len;
    assert_int_equal(percent_decode(str_of("a+b%2Fc"), false, out, &len), 0);
    assert_str(str_from(out, len), "a+b/c");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_are_decoded_in_order),
        cmocka_unit_test(test_odd_but_harmless),
        cmocka_unit_test(test_names_are_decoded_too),
        cmocka_unit_test(test_bad_escapes_are_errors),
        cmocka_unit_test(test_unknown_names_are_found),
        cmocka_unit_test(test_a_plus_in_a_path_is_a_plus),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
