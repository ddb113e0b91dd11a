/* Season files as events; see cli/fixtures.h. */
#include "unit.h"

#include "base/err.h"
#include "base/timefmt.h"
#include "cli/fixtures.h"
#include "domain/codec.h"

#include <stdlib.h>
#include <unistd.h>

#define WEEK_MS (INT64_C(7) * 24 * 3600 * 1000)

static char folder[] = "/tmp/tipster-fixtures-XXXXXX";

static int read_text(struct fixtures *fixtures, const char *name, const char *text,
                     struct load_report *report)
{
    static char paths[8][128]; /* origins point to them */
    static int used;
    char *path = paths[used++ % 8];
    struct line_input input;
    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(line_input_open(path, &input), 0);
    int err = fixtures_read(fixtures, &input, report);
    line_input_close(&input);
    unlink(path);
    return err;
}

static void event_at(const struct fixtures *fixtures, size_t index, struct record *ret_record)
{
    AUTO_BUF json = {0};
    struct origin origin;
    struct violations violations;
    violations_clear(&violations);
    fixtures_json(fixtures, index, &json, &origin);
    assert_int_equal(
        record_parse(RECORD_EVENT, GENERATION_V1, buf_str(&json), 0, ret_record, &violations), 0);
}

static void test_event(void **state)
{
    (void)state;
    struct load_report report;
    struct fixtures *fixtures = fixtures_new(&(struct fixtures_defaults){0});
    AUTO_RECORD record = {0};
    load_report_begin(&report, NULL);
    assert_int_equal(read_text(fixtures, "premier-league-2526.csv",
                               "Date,HomeTeam,AwayTeam,FTHG\n"
                               "2025-08-16,Nott'm Forest,Man United,1\n",
                               &report),
                     0);
    assert_int_equal(fixtures_count(fixtures), 1);
    event_at(fixtures, 0, &record);
    assert_true(
        str_equal(record.event.event_id, str_of("premier-league-2526-nott-m-forest-man-united")));
    assert_true(str_equal(record.event.sport, str_of("Soccer")));
    assert_true(str_equal(record.event.league, str_of("Premier League")));
    assert_true(str_equal(record.event.country, str_of("England")));
    assert_true(str_equal(record.event.participants[0], str_of("Nott'm Forest")));
    struct civil begin;
    time_to_civil(record.event.begin_ms, &begin);
    assert_int_equal(begin.day, 16);
    assert_in_range(begin.hour, 11, 19); /* a Saturday */
    assert_int_equal(record.event.end_ms - record.event.begin_ms, 2 * 3600 * 1000);
    fixtures_free(fixtures);
}

static void test_bad_lines(void **state)
{
    (void)state;
    struct load_report report;
    struct fixtures *fixtures = fixtures_new(&(struct fixtures_defaults){0});
    load_report_begin(&report, NULL);
    report.shown = BAD_LINES_SHOWN; /* quiet */
    read_text(fixtures, "serie-a-2526.csv",
              "Date,HomeTeam,AwayTeam\n16/08/2025,A,B\n2025-08-16,,B\n2025-08-16,A\n"
              "2025-08-16,\"A,B\n\n2025-08-16,A,B",
              &report);
    assert_int_equal(report.bad_lines, 4);
    assert_int_equal(fixtures_count(fixtures), 1);
    read_text(fixtures, "serie-a-2425.csv", "Date,Home,AwayTeam\n2024-08-16,A,B\n", &report);
    assert_int_equal(report.bad_lines, 5);
    assert_int_equal(read_text(fixtures, "premiership-2526.csv", "Date\n", &report), TIP_EINVAL);
    fixtures_free(fixtures);
}

/* All files move by the same whole weeks; the middle of the last season lands on the day. */
static void test_shift(void **state)
{
    (void)state;
    struct load_report report;
    struct fixtures *fixtures = fixtures_new(&(struct fixtures_defaults){0});
    int64_t before[4], target;
    load_report_begin(&report, NULL);
    read_text(fixtures, "la-liga-2425.csv", "Date,HomeTeam,AwayTeam\n2024-08-15,A,B\n", &report);
    read_text(fixtures, "la-liga-2526.csv",
              "Date,HomeTeam,AwayTeam\n2025-08-15,A,B\n2026-05-24,B,A\n", &report);
    read_text(fixtures, "serie-a-2526.csv", "Date,HomeTeam,AwayTeam\n2025-08-01,C,D\n", &report);
    for (size_t i = 0; i < 4; i++) {
        AUTO_RECORD record = {0};
        event_at(fixtures, i, &record);
        before[i] = record.event.begin_ms;
    }
    assert_int_equal(time_parse(str_of("2026-11-21"), TIME_OFFSET_OPTIONAL, &target), 0);
    fixtures_shift_to(fixtures, target);
    int64_t shift = 0, begins[4];
    for (size_t i = 0; i < 4; i++) {
        AUTO_RECORD record = {0};
        event_at(fixtures, i, &record);
        begins[i] = record.event.begin_ms;
        shift = begins[i] - before[i];
        assert_int_equal(shift % WEEK_MS, 0);
        assert_int_equal(shift, begins[0] - before[0]);
    }
    assert_true(shift > 0);
    int64_t middle = begins[3] + (begins[2] - begins[3]) / 2;
    assert_true(llabs(middle - target) <= WEEK_MS / 2);
    fixtures_free(fixtures);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_event),
        cmocka_unit_test(test_bad_lines),
        cmocka_unit_test(test_shift),
    };
    if (mkdtemp(folder) == NULL)
        return 1;
    int failed = RUN_TESTS(tests);
    rmdir(folder);
    return failed;
}
