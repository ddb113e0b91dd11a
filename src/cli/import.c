/*
 * `tipster import fixtures|users|events|coupons FILE…`: CSV or NDJSON files to the server. Every
 * line is checked here with the server's own validator; bad ones are listed, the rest goes in.
 */
#include "cli/verbs.h"

#include "base/clock.h"
#include "base/err.h"
#include "cli/csv_input.h"
#include "cli/fixtures.h"
#include "cli/line_input.h"
#include "cli/load_options.h"
#include "domain/codec.h"

#include <errno.h>
#include <strings.h>

enum { OPTION_SHIFT_TO = 1, OPTION_LEAGUE, OPTION_COUNTRY, OPTION_SPORT, OPTION_NO_CHECK };

struct import {
    struct load_options load;
    bool is_fixtures, no_check;
    enum record_kind kind;
    const char *shift_to;
    int64_t shift_ms;
    struct fixtures_defaults defaults;
    struct load_report report;
    struct progress progress;
    struct sender *sender;
    int64_t now_ms;
    bool unreadable; /* a file was */
};

static void complain(struct import *import, const char *file, const char *problem)
{
    progress_end(&import->progress);
    fprintf(stderr, "tipster import: %s: %s\n", file, problem);
    import->unreadable = true;
}

/* --- one record */

static int take_record(struct import *import, struct str json, const struct origin *origin)
{
    if (!import->no_check) {
        struct violations violations;
        AUTO_RECORD record = {0};
        violations_clear(&violations);
        if (record_parse(import->kind, GENERATION_V1, json, import->now_ms, &record, &violations) !=
            0) {
            const struct violation *first = &violations.items[0];
            char detail[200];
            size_t others = violations.total - 1;
            snprintf(detail, sizeof(detail), others > 0 ? "%s (and %zu more)" : "%s", first->detail,
                     others);
            load_report_bad_line(&import->report, origin, violation_code_text(first->code),
                                 first->pointer, detail);
            return 0;
        }
    }
    return sender_add(import->sender, import->kind, json, origin);
}

/* --- files of records */

static bool has_extension(const char *path, const char *extension)
{
    size_t len = strlen(path), extension_len = strlen(extension);
    return len > extension_len && strcasecmp(path + len - extension_len, extension) == 0;
}

static bool is_csv(struct line_input *input)
{
    if (has_extension(input->name, ".csv"))
        return true;
    if (has_extension(input->name, ".ndjson") || has_extension(input->name, ".jsonl") ||
        has_extension(input->name, ".json"))
        return false;
    return line_input_peek(input) != '{';
}

static int import_ndjson(struct import *import, struct line_input *input)
{
    struct str line;
    int err;
    while ((err = line_input_next(input, &line)) <= 0 && err != TIP_EIO) {
        struct origin origin = {input->name, input->line};
        if (err == TIP_EFULL)
            load_report_bad_line(&import->report, &origin, "length", "", "is longer than 1 MB");
        else if (line.len > 0 && (err = take_record(import, line, &origin)) != 0)
            return err;
    }
    return err == TIP_EIO ? err : 0;
}

/* The header row; false (with a bad line) when it does not do. */
static bool read_layout(struct import *import, const struct csv_row *row,
                        const struct origin *origin, struct csv_layout *layout)
{
    const char *missing;
    if (csv_layout_read(import->kind, row, layout, &missing) == 0)
        return true;
    char pointer[64];
    snprintf(pointer, sizeof(pointer), "/%s", missing);
    load_report_bad_line(&import->report, origin, "header", pointer,
                         "is no column of this file; its lines are not read");
    return false;
}

static int take_row(struct import *import, const struct csv_layout *layout,
                    const struct csv_row *row, const struct origin *origin, struct buf *json)
{
    if (row->count != layout->columns) {
        char detail[80];
        snprintf(detail, sizeof(detail), "has %zu cells, the header has %zu", row->count,
                 layout->columns);
        load_report_bad_line(&import->report, origin, "cells", "", detail);
        return 0;
    }
    buf_clear(json);
    csv_row_json(layout, row, json);
    return take_record(import, buf_str(json), origin);
}

static int import_csv(struct import *import, struct line_input *input)
{
    __attribute__((cleanup(csv_row_release))) struct csv_row row = {0};
    AUTO_BUF json = {0};
    struct csv_layout layout;
    bool headed = false;
    struct str line;
    int err;
    while ((err = line_input_next(input, &line)) <= 0 && err != TIP_EIO) {
        struct origin origin = {input->name, input->line};
        const char *problem = "is longer than 1 MB";
        if (err == 0 && line.len == 0)
            continue;
        if (err != 0 || csv_row_parse(&row, line, &problem) != 0) {
            load_report_bad_line(&import->report, &origin, "csv", "", problem);
            if (!headed)
                return 0;
        } else if (headed) {
            err = take_row(import, &layout, &row, &origin, &json);
            if (err != 0)
                return err;
        } else if (!read_layout(import, &row, &origin, &layout)) {
            return 0;
        }
        headed = true;
    }
    return err == TIP_EIO ? err : 0;
}

static int import_file(struct import *import, const char *path)
{
    struct line_input input;
    if (line_input_open(path, &input) != 0) {
        complain(import, path, strerror(errno));
        return 0;
    }
    int err = is_csv(&input) ? import_csv(import, &input) : import_ndjson(import, &input);
    if (err == TIP_EIO) {
        complain(import, path, strerror(errno));
        err = 0;
    }
    line_input_close(&input);
    return err;
}

static int import_records(struct import *import, char **files)
{
    uint64_t total = 0;
    for (char **file = files; *file != NULL; file++)
        total += line_count(*file);
    progress_begin(&import->progress, stderr, "import", total);
    int err = 0;
    for (char **file = files; *file != NULL && err == 0; file++)
        err = import_file(import, *file);
    return err;
}

/* --- fixtures */

static void read_fixtures(struct import *import, struct fixtures *fixtures, const char *path)
{
    struct line_input input;
    if (line_input_open(path, &input) != 0) {
        complain(import, path, strerror(errno));
        return;
    }
    int err = fixtures_read(fixtures, &input, &import->report);
    if (err == TIP_EINVAL)
        complain(import, path,
                 "its name says no league (bundesliga, la-liga, ligue-1, premier-league, serie-a); "
                 "--league and --country do");
    else if (err != 0)
        complain(import, path, strerror(errno));
    line_input_close(&input);
}

static int import_fixtures(struct import *import, char **files)
{
    struct fixtures *fixtures = fixtures_new(&import->defaults);
    AUTO_BUF json = {0};
    int err = 0;
    for (char **file = files; *file != NULL; file++)
        read_fixtures(import, fixtures, *file);
    if (import->shift_to != NULL)
        fixtures_shift_to(fixtures, import->shift_ms);
    progress_begin(&import->progress, stderr, "import", fixtures_count(fixtures));
    for (size_t i = 0; i < fixtures_count(fixtures) && err == 0; i++) {
        struct origin origin;
        buf_clear(&json);
        fixtures_json(fixtures, i, &json, &origin);
        err = take_record(import, buf_str(&json), &origin);
    }
    fixtures_free(fixtures);
    return err;
}

/* --- the verb */

static int read_shift(struct import *import, const char *value)
{
    import->shift_to = value;
    if (strcmp(value, "today") == 0) {
        import->shift_ms = clock_realtime_ms();
        return 0;
    }
    return command_time(&command_import, "shift-to", value, &import->shift_ms);
}

static int check_use(const struct import *import)
{
    const struct fixtures_defaults *defaults = &import->defaults;
    if (import->is_fixtures || (import->shift_to == NULL && defaults->league == NULL &&
                                defaults->country == NULL && defaults->sport == NULL))
        return 0;
    command_wrong(&command_import, "--shift-to, --league, --country and --sport are for fixtures");
    return TIP_EINVAL;
}

/* TIP_EINVAL: wrong use, which has been said. */
static int read_options(struct import *import, struct command_line *line)
{
    const char *value;
    int code, err = 0;
    while (err == 0 && (code = command_next(line, &value)) != COMMAND_END) {
        switch (code) {
        case OPTION_SHIFT_TO:
            err = read_shift(import, value);
            break;
        case OPTION_LEAGUE:
            import->defaults.league = value;
            break;
        case OPTION_COUNTRY:
            import->defaults.country = value;
            break;
        case OPTION_SPORT:
            import->defaults.sport = value;
            break;
        case OPTION_NO_CHECK:
            import->no_check = true;
            break;
        case COMMAND_WRONG:
            return TIP_EINVAL;
        default:
            err = load_options_take(&import->load, &command_import, code, value);
        }
    }
    if (err != 0)
        return err;
    const char *what = command_arguments(line)[0];
    import->is_fixtures = strcmp(what, "fixtures") == 0;
    import->kind = import->is_fixtures ? RECORD_EVENT : load_options_kind(what);
    return check_use(import);
}

static int import_all(struct import *import, char **files)
{
    import->now_ms = clock_realtime_ms();
    load_report_begin(&import->report, &import->progress);
    progress_begin(&import->progress, stderr, "import", 0);
    if (sender_open(&import->load.sender, &import->report, &import->sender) != 0) {
        fprintf(stderr, "tipster import: --to must be http://HOST:PORT, is '%s'\n",
                import->load.sender.url);
        return EXIT_USAGE;
    }
    int err = import->is_fixtures ? import_fixtures(import, files) : import_records(import, files);
    if (sender_finish(import->sender) != 0 || err != 0) {
        progress_end(&import->progress);
        fprintf(stderr, "tipster import: %s\n", sender_problem(import->sender));
        err = TIP_EUNAVAIL;
    }
    progress_end(&import->progress);
    load_report_print(&import->report, "import", import->load.json);
    int code = load_report_exit_code(&import->report);
    if (code == EXIT_DONE && (err != 0 || import->unreadable))
        code = load_report_accepted(&import->report) > 0 ? EXIT_FAILED : EXIT_USAGE;
    sender_close(import->sender);
    return code;
}

static int run(struct command_line *line, const struct config *config)
{
    struct import import = {0};
    int code = EXIT_USAGE;
    load_options_init(&import.load, config);
    if (read_options(&import, line) == 0)
        code = import_all(&import, command_arguments(line) + 1);
    load_options_release(&import.load);
    return code;
}

static const struct command_option known_options[] = {
    {OPTION_SHIFT_TO, "shift-to", "DATE",
     "fixtures: move all by whole weeks so that the middle of the last season falls on DATE, or "
     "'today'"},
    {OPTION_LEAGUE, "league", "NAME", "fixtures: the league, where the file's name says none"},
    {OPTION_COUNTRY, "country", "NAME", "fixtures: likewise"},
    {OPTION_SPORT, "sport", "NAME", "fixtures: default Soccer"},
    {OPTION_NO_CHECK, "no-check", NULL, "leave checking the lines to the server"},
    LOAD_OPTIONS("server, default http://BIND:PORT of the settings"),
    {0},
};

static const struct command_exit exits[] = {
    {EXIT_DONE, "all in"},
    {EXIT_FAILED, "some lines were bad or not sent"},
    {EXIT_USAGE, "nothing was sent, wrong use or a wrong setting"},
    {0, NULL},
};

const struct command command_import = {
    .name = "import",
    .summary = "Send fixtures, users, events or coupons from files.",
    .description =
        "Sends files to a running server. CSV (a header row names the fields; participants are "
        "separated by ';', selections are event:odds separated by ';') or NDJSON, by the file's "
        "extension, else by its content; '-' is standard input. Bad lines are listed as "
        "FILE:LINE, the rest goes in.\n\n"
        "fixtures are season files with the columns Date, HomeTeam, AwayTeam; the file's name "
        "says the league (premier-league-2526.csv; see data/football/README.md).\n\n"
        "A server that wants a key gets the one in API_KEY (`tipster key add`).",
    .arguments = "fixtures|users|events|coupons FILE…",
    .argument_words = "fixtures users events coupons",
    .arguments_min = 2,
    .arguments_max = COMMAND_ANY_NUMBER,
    .completion = COMPLETE_FILES,
    .options = known_options,
    .exits = exits,
    .examples = "tipster import fixtures data/football/*.csv --shift-to today\n"
                "tipster import coupons --batch 1000 --connections 8 coupons.ndjson",
    .run = run,
};
