/* Settings: the order environment, file, default; refusals that name the setting. */
#include "tests/unit/unit.h"

#include "base/err.h"
#include "config/config.h"

#include <stdlib.h>
#include <unistd.h>

static const char *write_file(const char *text)
{
    static char path[] = "/tmp/tipster-config-XXXXXX";
    strcpy(path + sizeof(path) - 7, "XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    return path;
}

static void environment_beats_file_beats_default(void **state)
{
    (void)state;
    struct config config;
    AUTO_BUF problem = {0};
    const char *path =
        write_file("# comment\nexport PORT=6000\nBIND='0.0.0.0'\nUNKNOWN=1\nno equals\n"
                   "LOG_LEVEL=\"debug\"  \nSQLALCHEMY_DATABASE_URI=mysql://a:b@c/d\n");
    setenv("PORT", "7000", 1);
    assert_int_equal(config_load(path, &config, &problem), 0);
    unlink(path);
    unsetenv("PORT");
    assert_int_equal(config.port, 7000);
    assert_string_equal(config.bind, "0.0.0.0");
    assert_string_equal(config.log_level, "debug");
    assert_string_equal(config.database_url, "mysql://a:b@c/d");
    assert_int_equal(config.kafka_partitions, 16);
    config_release(&config);
}

static void older_name_yields_to_the_new_one(void **state)
{
    (void)state;
    struct config config;
    AUTO_BUF problem = {0};
    setenv("DATABASE_URL", "mysql://new:x@h/d", 1);
    setenv("SQLALCHEMY_DATABASE_URI", "mysql://old:x@h/d", 1);
    assert_int_equal(config_load(NULL, &config, &problem), 0);
    assert_string_equal(config.database_url, "mysql://new:x@h/d");
    config_release(&config);
    unsetenv("DATABASE_URL");
    assert_int_equal(config_load(NULL, &config, &problem), 0);
    assert_string_equal(config.database_url, "mysql://old:x@h/d");
    config_release(&config);
    unsetenv("SQLALCHEMY_DATABASE_URI");
}

static void refusals_name_the_setting(void **state)
{
    (void)state;
    const struct {
        const char *name, *value;
    } cases[] = {{"PORT", "0"},        {"PORT", "65536"},     {"PORT", "5000x"},
                 {"PORT", ""},         {"WORKERS", "-1"},     {"RANK_WEIGHTS", "1,2,3,4"},
                 {"OPS_BIND", "5001"}, {"LOG_FORMAT", "xml"}, {"RANK_WEIGHTS", "10000,0,0"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct config config;
        AUTO_BUF problem = {0};
        setenv(cases[i].name, cases[i].value, 1);
        assert_int_equal(config_load(NULL, &config, &problem), TIP_ECONFIG);
        unsetenv(cases[i].name);
        assert_non_null(strstr(buf_cstr(&problem), cases[i].name));
    }
    struct config config;
    AUTO_BUF problem = {0};
    assert_int_equal(config_load("/nonexistent/env", &config, &problem), TIP_EIO);
}

static void a_long_line_is_refused(void **state)
{
    (void)state;
    struct config config;
    AUTO_BUF text = {0}, problem = {0};
    buf_addf(&text, "#%*s", 8190, ""); /* what follows would begin a line of its own */
    buf_add_text(&text, "PORT=1\n");
    const char *path = write_file(buf_cstr(&text));
    assert_int_equal(config_load(path, &config, &problem), TIP_ECONFIG);
    assert_non_null(strstr(buf_cstr(&problem), "longer than 8190 bytes"));
    unlink(path);
}

static void binds(void **state)
{
    (void)state;
    char host[16];
    int port = 0;
    assert_true(config_split_bind("127.0.0.1:5001", host, sizeof(host), &port));
    assert_string_equal(host, "127.0.0.1");
    assert_int_equal(port, 5001);
    assert_false(config_split_bind(":1", host, sizeof(host), &port));
    assert_false(config_split_bind("a:", host, sizeof(host), &port));
    assert_false(config_split_bind("a:70000", host, sizeof(host), &port));
    assert_false(config_split_bind("a-name-longer-than-this:1", host, sizeof(host), &port));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(environment_beats_file_beats_default),
        cmocka_unit_test(older_name_yields_to_the_new_one),
        cmocka_unit_test(refusals_name_the_setting),
        cmocka_unit_test(a_long_line_is_refused),
        cmocka_unit_test(binds),
    };
    return RUN_TESTS(tests);
}
