/*
 * Files for `tipster import`: lines, CSV rows and the JSON made of them, for all three records, and
 * season files. A row of text becomes well-formed JSON; what is wrong with it is for the validator
 * to say, never for the parser.
 */
#include "base/err.h"
#include "cli/csv_input.h"
#include "cli/fixtures.h"
#include "cli/line_input.h"
#include "domain/codec.h"
#include "domain/utf8.h"
#include "fuzz.h"

#include <unistd.h>

/* Codes of what JSON cannot hold, however it is written: NUL in strings, numbers past int64. */
static bool may_be_unwritable(enum violation_code code)
{
    return code == VIOLATION_ENCODING || code == VIOLATION_RANGE;
}

static void check_row(const struct csv_layout *layout, const struct csv_row *row, struct buf *json)
{
    static struct violations violations;
    AUTO_RECORD record = {0};
    buf_clear(json);
    csv_row_json(layout, row, json);
    violations_clear(&violations);
    int err =
        record_parse(layout->kind, GENERATION_V1, buf_str(json), FUZZ_NOW_MS, &record, &violations);
    if (err == 0)
        return;
    fuzz_require_violations(&violations);
    FUZZ_REQUIRE(err == TIP_EINVAL || !utf8_is_valid(buf_str(json)) ||
                     may_be_unwritable(violations.items[0].code),
                 "a row becomes well-formed JSON");
}

static void read_records(enum record_kind kind, const char *path)
{
    struct line_input input;
    __attribute__((cleanup(csv_row_release))) struct csv_row row = {0};
    AUTO_BUF json = {0};
    struct csv_layout layout;
    struct str line;
    bool headed = false, readable = true;
    int err;
    FUZZ_REQUIRE(line_input_open(path, &input) == 0, "the file opens");
    line_input_peek(&input);
    while (readable && (err = line_input_next(&input, &line)) <= 0) {
        const char *problem = NULL;
        if (csv_row_parse(&row, line, &problem) != 0) {
            FUZZ_REQUIRE(problem != NULL, "a bad row says why");
        } else if (headed && row.count == layout.columns) {
            check_row(&layout, &row, &json);
        } else if (!headed) {
            readable = csv_layout_read(kind, &row, &layout, &problem) == 0;
            FUZZ_REQUIRE(readable || problem != NULL, "a missing column is named");
            headed = true;
        }
    }
    line_input_close(&input);
}

static void read_fixtures(const char *path)
{
    static const struct fixtures_defaults defaults = {"Soccer", "League", "Country"};
    struct line_input input;
    struct load_report report;
    struct fixtures *fixtures = fixtures_new(&defaults);
    AUTO_BUF json = {0};
    load_report_begin(&report, NULL);
    report.shown = BAD_LINES_SHOWN; /* say nothing */
    FUZZ_REQUIRE(line_input_open(path, &input) == 0, "the file opens");
    input.name = "league-2526.csv";
    FUZZ_REQUIRE(fixtures_read(fixtures, &input, &report) == 0, "a season file is read to its end");
    line_input_close(&input);
    fixtures_shift_to(fixtures, FUZZ_NOW_MS);
    for (size_t i = 0; i < fixtures_count(fixtures); i++) {
        static struct violations violations;
        struct origin origin;
        AUTO_RECORD record = {0};
        buf_clear(&json);
        fixtures_json(fixtures, i, &json, &origin);
        violations_clear(&violations);
        int err = record_parse(RECORD_EVENT, GENERATION_V1, buf_str(&json), FUZZ_NOW_MS, &record,
                               &violations);
        FUZZ_REQUIRE(err == 0 || violations.count > 0, "a fixture is an event or says why not");
    }
    fixtures_free(fixtures);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd;
    char path[32];
    fuzz_file(fuzz_input(data, size), &fd, path);
    for (int kind = 0; kind < RECORD_KINDS; kind++)
        read_records((enum record_kind)kind, path);
    read_fixtures(path);
    close(fd);
    return 0;
}
