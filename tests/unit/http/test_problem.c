/* Error answers: see http/problem.h. */
#include "http/problem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void test_a_problem_without_violations(void **state)
{
    (void)state;
    AUTO_BUF out = {0};
    problem_json(PROBLEM_NOT_FOUND, str_of("no \"such\" path"), str_of("r-1"), NULL, &out);
    assert_string_equal(
        buf_cstr(&out),
        "{\"type\":\"about:blank\",\"title\":\"There is no such thing\",\"status\":404,"
        "\"detail\":\"no \\\"such\\\" path\",\"code\":\"not_found\",\"request_id\":\"r-1\"}");
}

static void test_violations_are_listed(void **state)
{
    (void)state;
    static struct violations violations;
    violations_clear(&violations);
    violation_add(&violations, VIOLATION_REQUIRED, "/user_id", "is missing");
    violations.line = 3;
    violation_add(&violations, VIOLATION_RANGE, "/stake", "must be above 0");
    AUTO_BUF out = {0};
    problem_json(PROBLEM_INVALID_RECORD, str_of("2 things"), str_of("r"), &violations, &out);
    assert_non_null(
        strstr(buf_cstr(&out),
               "\"status\":422,\"detail\":\"2 things\",\"code\":\"invalid_record\","
               "\"request_id\":\"r\",\"errors\":["
               "{\"pointer\":\"/user_id\",\"code\":\"required\",\"detail\":\"is missing\"},"
               "{\"line\":3,\"pointer\":\"/stake\",\"code\":\"range\",\"detail\":\"must be "
               "above 0\"}]}"));
}

static void test_the_older_form(void **state)
{
    (void)state;
    static struct violations violations;
    violations_clear(&violations);
    for (int i = 0; i < 5; i++)
        violation_add(&violations, VIOLATION_REQUIRED, "/a", "is missing");
    AUTO_BUF out = {0};
    problem_json_older(PROBLEM_INVALID_RECORD, str_of(""), &violations, &out);
    assert_string_equal(buf_cstr(&out),
                        "{\"error\":\"/a: is missing; /a: is missing; /a: is missing; "
                        "and 2 more\"}");
    buf_clear(&out);
    problem_json_older(PROBLEM_UNAVAILABLE, str_of(""), NULL, &out);
    assert_string_equal(buf_cstr(&out), "{\"error\":\"Not available just now; the same request may "
                                        "succeed later\"}");
}

static void test_problems_by_status(void **state)
{
    (void)state;
    assert_int_equal(problem_of_status(413), PROBLEM_TOO_LARGE);
    assert_int_equal(problem_of_status(503), PROBLEM_UNAVAILABLE);
    assert_int_equal(problem_of_status(499), PROBLEM_INTERNAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_problem_without_violations),
        cmocka_unit_test(test_violations_are_listed),
        cmocka_unit_test(test_the_older_form),
        cmocka_unit_test(test_problems_by_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
