/*
 * The codec: good records of each generation, their canonical form, and every rule's violation with
 * its code and pointer.
 */
#include "tests/unit/unit.h"

#include "base/err.h"
#include "base/timefmt.h"
#include "domain/codec.h"

#define NOW_MS 1795240800000 /* 2026-11-21T06:00:00Z */

#define USER                                                                                       \
    "{\"user_id\":\"u1\",\"birth_year\":1990,\"country\":\"Norway\",\"currency\":\"NOK\","         \
    "\"gender\":\"f\",\"registration_date\":\"2020-01-02\"}"
#define EVENT                                                                                      \
    "{\"event_id\":\"e1\",\"sport\":\"Soccer\",\"league\":\"La Liga\",\"country\":\"Spain\","      \
    "\"participants\":[\"B\",\"A\"],\"begin_timestamp\":\"2026-11-22T18:00:00+01:00\","            \
    "\"end_timestamp\":\"2026-11-22T20:00:00.5Z\",\"version\":3}"
#define COUPON                                                                                     \
    "{\"coupon_id\":\"c1\",\"user_id\":\"u1\",\"stake\":10.50,\"timestamp\":\"2026-11-21T05:00:"   \
    "00Z\","                                                                                       \
    "\"selections\":[{\"event_id\":\"e2\",\"odds\":2.15},{\"event_id\":\"e1\",\"odds\":3}]}"

static struct violations violations;

static void expect_forms(enum record_kind kind, enum generation generation, const char *text,
                         const char *canonical, const char *json)
{
    struct record record;
    AUTO_BUF out = {0};
    violations_clear(&violations);
    int err = record_parse(kind, generation, str_of(text), NOW_MS, &record, &violations);
    if (err != 0)
        fail_msg("%s: %s %s", text, violations.items[0].pointer, violations.items[0].detail);
    record_canonical(&record, &out);
    assert_string_equal(buf_cstr(&out), canonical);
    buf_clear(&out);
    record_json(&record, &out);
    if (json != NULL)
        assert_string_equal(buf_cstr(&out), json);
    record_release(&record);
    if (generation == GENERATION_CANONICAL)
        return;
    /* What stands in Kafka is read back as the same. */
    expect_forms(kind, GENERATION_CANONICAL, canonical, canonical, json);
}

static void forms(void **state)
{
    (void)state;
    expect_forms(
        RECORD_USER, GENERATION_V1, USER,
        "{\"user_id\":\"u1\",\"birth_year\":1990,\"country\":\"Norway\",\"currency\":\"NOK\","
        "\"gender\":\"f\",\"registration_date\":1577923200000}",
        "{\"user_id\":\"u1\",\"birth_year\":1990,\"country\":\"Norway\",\"currency\":\"NOK\","
        "\"gender\":\"f\",\"registration_date\":\"2020-01-02T00:00:00.000Z\"}");
    expect_forms(
        RECORD_EVENT, GENERATION_V1, EVENT,
        "{\"event_id\":\"e1\",\"sport\":\"Soccer\",\"league\":\"La Liga\",\"country\":\"Spain\","
        "\"participants\":[\"B\",\"A\"],\"begin_timestamp\":1795366800000,"
        "\"end_timestamp\":1795377600500,\"version\":3}",
        NULL);
    expect_forms(
        RECORD_COUPON, GENERATION_V1, COUPON,
        "{\"coupon_id\":\"c1\",\"user_id\":\"u1\",\"stake\":10.5,\"timestamp\":1795237200000,"
        "\"selections\":[{\"event_id\":\"e1\",\"odds\":3},{\"event_id\":\"e2\",\"odds\":2.15}]}",
        "{\"coupon_id\":\"c1\",\"user_id\":\"u1\",\"stake\":10.5,"
        "\"timestamp\":\"2026-11-21T05:00:00.000Z\","
        "\"selections\":[{\"event_id\":\"e1\",\"odds\":3},{\"event_id\":\"e2\",\"odds\":2.15}]}");
}

static void older_clients(void **state)
{
    (void)state;
    expect_forms(
        RECORD_COUPON, GENERATION_OLDER,
        "{\"coupon_id\":\"c\",\"user_id\":\"u\",\"stake\":-1.00005,\"timestamp\":\"2026-11-21T05:"
        "00:00\","
        "\"selections\":[{\"event_id\":\"e\",\"x\":1},{\"event_id\":\"d\",\"odds\":null}],"
        "\"extra\":[]}",
        "{\"coupon_id\":\"c\",\"user_id\":\"u\",\"stake\":-1.0001,\"timestamp\":1795237200000,"
        "\"selections\":[{\"event_id\":\"d\"},{\"event_id\":\"e\"}]}",
        NULL);
    expect_forms(RECORD_COUPON, GENERATION_OLDER,
                 "{\"coupon_id\":\"c\",\"user_id\":\"u\",\"stake\":0,\"timestamp\":\"2026-11-21\","
                 "\"selections\":[]}",
                 "{\"coupon_id\":\"c\",\"user_id\":\"u\",\"stake\":0,\"timestamp\":1795219200000,"
                 "\"selections\":[]}",
                 NULL);
    expect_forms(RECORD_EVENT, GENERATION_OLDER,
                 "{\"event_id\":\"e\",\"sport\":\"S\",\"league\":\"L\",\"country\":\"C\","
                 "\"version\":\"any\","
                 "\"participants\":[\"A\",\"A\"],\"begin_timestamp\":\"2026-11-21\",\"end_"
                 "timestamp\":\"2026-11-21\"}",
                 "{\"event_id\":\"e\",\"sport\":\"S\",\"league\":\"L\",\"country\":\"C\","
                 "\"participants\":[\"A\"],"
                 "\"begin_timestamp\":1795219200000,\"end_timestamp\":1795219200000}",
                 NULL);
}

struct bad {
    enum record_kind kind;
    const char *find, *put; /* in the good record: replaced once */
    enum violation_code code;
    const char *pointer;
};

static const char *const good[RECORD_KINDS] = {USER, EVENT, COUPON};

/* The good record of a kind with one piece replaced. */
static void altered(const struct bad *bad, struct buf *out)
{
    const char *base = good[bad->kind];
    const char *at = strstr(base, bad->find);
    assert_non_null(at);
    buf_clear(out);
    buf_add(out, base, (size_t)(at - base));
    buf_add_text(out, bad->put);
    buf_add_text(out, at + strlen(bad->find));
}

#define X50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static void rules(void **state)
{
    (void)state;
    static const struct bad cases[] = {
        {RECORD_USER, "\"u1\"", "\"\"", VIOLATION_LENGTH, "/user_id"},
        {RECORD_USER, "\"u1\"", "\"" X50 X50 "\"", VIOLATION_LENGTH, "/user_id"},
        {RECORD_USER, "\"u1\"", "1", VIOLATION_TYPE, "/user_id"},
        {RECORD_USER, "\"u1\"", "\"a\\u202eb\"", VIOLATION_CONTROL_CHARACTER, "/user_id"},
        {RECORD_USER, "\"u1\"", "\"a\\u0085b\"", VIOLATION_CONTROL_CHARACTER, "/user_id"},
        {RECORD_USER, "\"user_id\":\"u1\",", "", VIOLATION_REQUIRED, "/user_id"},
        {RECORD_USER, "1990", "1899", VIOLATION_RANGE, "/birth_year"},
        {RECORD_USER, "1990", "2027", VIOLATION_RANGE, "/birth_year"},
        {RECORD_USER, "1990", "1990.0", VIOLATION_TYPE, "/birth_year"},
        {RECORD_USER, "\"NOK\"", "\"nok\"", VIOLATION_FORMAT, "/currency"},
        {RECORD_USER, "\"NOK\"", "\"NOKK\"", VIOLATION_FORMAT, "/currency"},
        {RECORD_USER, "\"f\"", "\"xxxxxxxxxxxxxxxxxxxxx\"", VIOLATION_LENGTH, "/gender"},
        {RECORD_USER, "\"Norway\"", "\"" X50 X50 "x\"", VIOLATION_LENGTH, "/country"},
        {RECORD_USER, "\"2020-01-02\"", "\"2020-01-32\"", VIOLATION_FORMAT, "/registration_date"},
        {RECORD_USER, "\"2020-01-02\"", "\"1899-01-02\"", VIOLATION_RANGE, "/registration_date"},
        {RECORD_USER, "\"2020-01-02\"", "\"2020-01-02T00:00:00\"", VIOLATION_FORMAT,
         "/registration_date"},
        {RECORD_USER, "}", ",\"company\":\"x\"}", VIOLATION_UNKNOWN_FIELD, "/company"},
        {RECORD_USER, "}", ",\"a/b~c\":1}", VIOLATION_UNKNOWN_FIELD, "/a~1b~0c"},
        {RECORD_USER, "}", ",\"version\":-1}", VIOLATION_RANGE, "/version"},
        {RECORD_USER, "}", ",\"version\":9007199254740993}", VIOLATION_RANGE, "/version"},
        {RECORD_EVENT, "\"Soccer\"", "\"" X50 "x\"", VIOLATION_LENGTH, "/sport"},
        {RECORD_EVENT, "[\"B\",\"A\"]", "[]", VIOLATION_LENGTH, "/participants"},
        {RECORD_EVENT, "[\"B\",\"A\"]", "[\"B\",\"A\",\"B\"]", VIOLATION_DUPLICATE,
         "/participants/2"},
        {RECORD_EVENT, "[\"B\",\"A\"]", "[\"B\",7]", VIOLATION_TYPE, "/participants/1"},
        {RECORD_EVENT, "[\"B\",\"A\"]", "{}", VIOLATION_TYPE, "/participants"},
        {RECORD_EVENT, "2026-11-22T20:00:00.5Z", "2026-11-22T16:59:59.999Z", VIOLATION_ORDER,
         "/end_timestamp"},
        {RECORD_COUPON, "10.50", "0", VIOLATION_RANGE, "/stake"},
        {RECORD_COUPON, "10.50", "1e-999", VIOLATION_RANGE, "/stake"},
        {RECORD_COUPON, "10.50", "1000000000.0001", VIOLATION_RANGE, "/stake"},
        {RECORD_COUPON, "10.50", "0.00001", VIOLATION_DECIMALS, "/stake"},
        {RECORD_COUPON, "10.50", "\"10.50\"", VIOLATION_TYPE, "/stake"},
        {RECORD_COUPON, "2.15", "1", VIOLATION_RANGE, "/selections/0/odds"},
        {RECORD_COUPON, "2.15", "1000000.0001", VIOLATION_RANGE, "/selections/0/odds"},
        {RECORD_COUPON, "2.15", "2.15001", VIOLATION_DECIMALS, "/selections/0/odds"},
        {RECORD_COUPON, ",\"odds\":3", "", VIOLATION_REQUIRED, "/selections/1/odds"},
        {RECORD_COUPON, "\"e1\",\"odds\":3", "\"e2\",\"odds\":3", VIOLATION_DUPLICATE,
         "/selections/1/event_id"},
        {RECORD_COUPON, "{\"event_id\":\"e2\",\"odds\":2.15}", "5", VIOLATION_TYPE,
         "/selections/0"},
        {RECORD_COUPON, "2026-11-21T05:00:00Z", "2026-11-22T06:00:00.001Z", VIOLATION_FUTURE,
         "/timestamp"},
    };
    AUTO_BUF text = {0};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct record record;
        altered(&cases[i], &text);
        violations_clear(&violations);
        int err = record_parse(cases[i].kind, GENERATION_V1, buf_str(&text), NOW_MS, &record,
                               &violations);
        if (err != TIP_EINVAL || violations.total != 1 || violations.items[0].code != cases[i].code)
            fail_msg("%s: err %d, %zu violations, first %s %s", buf_cstr(&text), err,
                     violations.total, violations.items[0].pointer, violations.items[0].detail);
        assert_string_equal(violations.items[0].pointer, cases[i].pointer);
    }
}

static void bounds_that_are_allowed(void **state)
{
    (void)state;
    static const struct bad cases[] = {
        {RECORD_USER, "1990", "2026", 0, NULL},
        {RECORD_USER, "1990", "1900", 0, NULL},
        {RECORD_USER, "}", ",\"version\":9007199254740992}", 0, NULL},
        {RECORD_COUPON, "10.50", "1000000000", 0, NULL},
        {RECORD_COUPON, "10.50", "0.0001", 0, NULL},
        {RECORD_COUPON, "10.50", "1050e-2", 0, NULL},
        {RECORD_COUPON, "2.15", "1.0001", 0, NULL},
        {RECORD_COUPON, "2.15", "1000000", 0, NULL},
        {RECORD_COUPON, "2026-11-21T05:00:00Z", "2026-11-22T06:00:00Z", 0, NULL},
    };
    AUTO_BUF text = {0};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct record record;
        altered(&cases[i], &text);
        violations_clear(&violations);
        assert_int_equal(record_parse(cases[i].kind, GENERATION_V1, buf_str(&text), NOW_MS, &record,
                                      &violations),
                         0);
        record_release(&record);
    }
}

static void all_violations_at_once(void **state)
{
    (void)state;
    struct record record;
    violations_clear(&violations);
    violations.line = 7;
    assert_int_equal(record_parse(RECORD_COUPON, GENERATION_V1,
                                  str_of("{\"coupon_id\":5,\"stake\":-1,\"timestamp\":\"x\","
                                         "\"selections\":[{\"odds\":0},3],\"z\":1}"),
                                  NOW_MS, &record, &violations),
                     TIP_EINVAL);
    assert_int_equal(violations.total, 8);
    for (size_t i = 0; i < violations.count; i++)
        assert_int_equal(violations.items[i].line, 7);
}

static void not_json(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum violation_code code;
    } cases[] = {
        {"", VIOLATION_EMPTY},
        {"{", VIOLATION_SYNTAX},
        {"5", VIOLATION_SYNTAX},
        {"\xef\xbb\xbf{}", VIOLATION_SYNTAX},
        {"{} x", VIOLATION_SYNTAX},
        {"{\"a\":NaN}", VIOLATION_SYNTAX},
        {"{\"a\":1e999}", VIOLATION_RANGE},
        {"{\"a\":9223372036854775808}", VIOLATION_RANGE},
        {"{\"a\":1,\"a\":2}", VIOLATION_DUPLICATE_KEY},
        {"{\"a\":\"\xff\"}", VIOLATION_ENCODING},
        {"{\"a\":\"\\u0000\"}", VIOLATION_ENCODING},
        {"[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", VIOLATION_DEPTH},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct record record;
        violations_clear(&violations);
        assert_int_equal(record_parse(RECORD_USER, GENERATION_V1, str_of(cases[i].text), NOW_MS,
                                      &record, &violations),
                         TIP_ESYNTAX);
        assert_int_equal(violations.total, 1);
        assert_int_equal(violations.items[0].code, cases[i].code);
    }
}

static void put_takes_the_paths_id(void **state)
{
    (void)state;
    struct record record;
    const char *without = strstr(USER, "\"birth_year\"");
    AUTO_BUF text = {0};
    buf_addf(&text, "{%s", without);
    violations_clear(&violations);
    assert_int_equal(
        record_parse_put(RECORD_USER, str_of("u9"), buf_str(&text), NOW_MS, &record, &violations),
        0);
    assert_true(str_equal(record.user.user_id, str_of("u9")));
    record_release(&record);
    assert_int_equal(
        record_parse_put(RECORD_USER, str_of("u9"), str_of(USER), NOW_MS, &record, &violations),
        TIP_EINVAL);
    assert_int_equal(violations.items[0].code, VIOLATION_MISMATCH);
    assert_string_equal(violations.items[0].pointer, "/user_id");
}

static void decimals(void **state)
{
    (void)state;
    static const struct {
        int64_t value;
        const char *text;
    } cases[] = {{0, "0"},
                 {1, "0.0001"},
                 {21500, "2.15"},
                 {10000, "1"},
                 {-5, "-0.0005"},
                 {-15000, "-1.5"},
                 {10000000000000, "1000000000"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        AUTO_BUF out = {0};
        decimal_add(&out, cases[i].value);
        assert_string_equal(buf_cstr(&out), cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms),
        cmocka_unit_test(older_clients),
        cmocka_unit_test(rules),
        cmocka_unit_test(bounds_that_are_allowed),
        cmocka_unit_test(all_violations_at_once),
        cmocka_unit_test(not_json),
        cmocka_unit_test(put_takes_the_paths_id),
        cmocka_unit_test(decimals),
    };
    return RUN_TESTS(tests);
}
