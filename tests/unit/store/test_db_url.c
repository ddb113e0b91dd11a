/* DATABASE_URL in the forms that older and newer .env files have. */
#include "tests/unit/unit.h"

#include "base/err.h"
#include "store/db_url.h"

static void takes_apart(void **state)
{
    (void)state;
    struct db_url url;
    AUTO_BUF problem = {0};
    assert_int_equal(
        db_url_parse(
            "mysql+pymysql://us%40er:p%3Aw%2F@db.example:3307/tip?charset=utf8&socket=/run/x.sock",
            &url, &problem),
        0);
    assert_string_equal(url.user, "us@er");
    assert_string_equal(url.password, "p:w/");
    assert_string_equal(url.host, "db.example");
    assert_int_equal(url.port, 3307);
    assert_string_equal(url.database, "tip");
    assert_string_equal(url.socket, "/run/x.sock");
    assert_int_equal(db_url_parse("mysql://root@[::1]/d", &url, &problem), 0);
    assert_string_equal(url.host, "::1");
    assert_string_equal(url.password, "");
    assert_int_equal(url.port, 3306);
}

static void refuses_without_the_password(void **state)
{
    (void)state;
    const char *const cases[] = {"",
                                 "postgres://u:secret@h/d",
                                 "mysqlx://u:secret@h/d",
                                 "mysql://u:secret@h",
                                 "mysql://u:secret@h/",
                                 "mysql://u:secret@h:0/d",
                                 "mysql://u:secret@h:99999/d",
                                 "mysql://u:se%zzcret@h/d",
                                 "mysql://h/d"};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct db_url url;
        AUTO_BUF problem = {0};
        assert_int_equal(db_url_parse(cases[i], &url, &problem), TIP_ECONFIG);
        assert_null(strstr(buf_cstr(&problem), "cret"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_apart),
        cmocka_unit_test(refuses_without_the_password),
    };
    return RUN_TESTS(tests);
}
