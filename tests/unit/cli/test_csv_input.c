/* CSV rows as JSON records; see cli/csv_input.h. */
#include "unit.h"

#include "base/err.h"
#include "cli/csv_input.h"

static void assert_json(enum record_kind kind, const char *header, const char *line,
                        const char *json)
{
    struct csv_row names = {0}, row = {0};
    struct csv_layout layout;
    const char *problem;
    AUTO_BUF out = {0};
    assert_int_equal(csv_row_parse(&names, str_of(header), &problem), 0);
    assert_int_equal(csv_layout_read(kind, &names, &layout, &problem), 0);
    assert_int_equal(csv_row_parse(&row, str_of(line), &problem), 0);
    csv_row_json(&layout, &row, &out);
    assert_string_equal(buf_cstr(&out), json);
    csv_row_release(&names);
    csv_row_release(&row);
}

static void test_coupon(void **state)
{
    (void)state;
    const char *header = "selections,coupon_id,note,user_id,stake,timestamp";
    assert_json(RECORD_COUPON, header, "\"a:1:1.50; b:2\",c1,x,\"u,\"\"1\",2.5,2026-11-21",
                "{\"coupon_id\":\"c1\",\"user_id\":\"u,\\\"1\",\"stake\":2.5,"
                "\"timestamp\":\"2026-11-21\",\"selections\":[{\"event_id\":\"a:1\",\"odds\":1.50},"
                "{\"event_id\":\"b\",\"odds\":2}]}");
    /* What is no number stays a string; what is not there stays away: the validator names both. */
    assert_json(RECORD_COUPON, header, "a,c1,x,u1,2.,2026-11-21",
                "{\"coupon_id\":\"c1\",\"user_id\":\"u1\",\"stake\":\"2.\","
                "\"timestamp\":\"2026-11-21\",\"selections\":[{\"event_id\":\"a\"}]}");
    assert_json(RECORD_COUPON, header, ",c1,x,u1,01,2026-11-21",
                "{\"coupon_id\":\"c1\",\"user_id\":\"u1\",\"stake\":\"01\","
                "\"timestamp\":\"2026-11-21\",\"selections\":[]}");
    assert_json(RECORD_COUPON, header, ",,,,,",
                "{\"coupon_id\":\"\",\"user_id\":\"\",\"stake\":\"\",\"timestamp\":\"\","
                "\"selections\":[]}");
}

static void test_event(void **state)
{
    (void)state;
    const char *header = "event_id,sport,league,country,participants,begin_timestamp,"
                         "end_timestamp,version";
    assert_json(RECORD_EVENT, header, "e,S,L,C,A; B;C D,2026-01-01,2026-01-02,",
                "{\"event_id\":\"e\",\"sport\":\"S\",\"league\":\"L\",\"country\":\"C\","
                "\"participants\":[\"A\",\"B\",\"C D\"],\"begin_timestamp\":\"2026-01-01\","
                "\"end_timestamp\":\"2026-01-02\"}");
    assert_json(RECORD_EVENT, header, "e,S,L,C,A,2026-01-01,2026-01-02,7",
                "{\"event_id\":\"e\",\"sport\":\"S\",\"league\":\"L\",\"country\":\"C\","
                "\"participants\":[\"A\"],\"begin_timestamp\":\"2026-01-01\","
                "\"end_timestamp\":\"2026-01-02\",\"version\":7}");
}

static void test_missing_column(void **state)
{
    (void)state;
    struct csv_row row = {0};
    struct csv_layout layout;
    const char *missing = NULL;
    assert_int_equal(csv_row_parse(&row, str_of("user_id,birth_year,country"), &missing), 0);
    assert_int_equal(csv_layout_read(RECORD_USER, &row, &layout, &missing), TIP_EINVAL);
    assert_string_equal(missing, "currency");
    csv_row_release(&row);
}

static void test_bad_quotes(void **state)
{
    (void)state;
    struct csv_row row = {0};
    const char *problem = NULL;
    assert_int_equal(csv_row_parse(&row, str_of("a,\"b,c"), &problem), TIP_ESYNTAX);
    assert_non_null(problem);
    problem = NULL;
    assert_int_equal(csv_row_parse(&row, str_of("a,b\"c,d"), &problem), TIP_ESYNTAX);
    assert_non_null(problem);
    assert_int_equal(csv_row_parse(&row, str_of("a,,\"\""), &problem), 0); /* and it goes on */
    assert_int_equal(row.count, 3);
    csv_row_release(&row);
}

static void test_too_many_cells(void **state)
{
    (void)state;
    struct csv_row row = {0};
    char line[600];
    const char *problem = NULL;
    memset(line, ',', sizeof(line));
    assert_int_equal(csv_row_parse(&row, str_from(line, sizeof(line)), &problem), TIP_ESYNTAX);
    assert_non_null(problem);
    csv_row_release(&row);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_coupon),         cmocka_unit_test(test_event),
        cmocka_unit_test(test_missing_column), cmocka_unit_test(test_bad_quotes),
        cmocka_unit_test(test_too_many_cells),
    };
    return RUN_TESTS(tests);
}
