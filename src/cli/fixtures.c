/* See fixtures.h. */
#include "cli/fixtures.h"

#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "cli/csv_input.h"
#include "domain/codec.h"

#include <stdlib.h>

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)
#define WEEK_MS   (7 * DAY_MS)

enum { SEASON_SIZE = 16 };

static const struct competition {
    const char *stem, *league, *country;
} competitions[] = {
    {"bundesliga", "Bundesliga", "Germany"}, {"la-liga", "La Liga", "Spain"},
    {"ligue-1", "Ligue 1", "France"},        {"premier-league", "Premier League", "England"},
    {"serie-a", "Serie A", "Italy"},
};

/* A file: its competition and season. */
struct source {
    char *stem; /* "premier-league" */
    char season[SEASON_SIZE];
    const char *league, *country; /* of the table or the defaults */
};

struct fixture {
    struct origin origin;
    size_t source;
    char *home, *away;
    int64_t begin_ms;
};

struct fixtures {
    struct fixtures_defaults defaults;
    struct source *sources;
    size_t source_count;
    struct fixture *items;
    size_t count, capacity;
    int64_t shift_ms;
};

struct fixtures *fixtures_new(const struct fixtures_defaults *defaults)
{
    struct fixtures *fixtures = xcalloc(1, sizeof(*fixtures));
    fixtures->defaults = *defaults;
    return fixtures;
}

void fixtures_free(struct fixtures *fixtures)
{
    if (fixtures == NULL)
        return;
    for (size_t i = 0; i < fixtures->source_count; i++)
        free(fixtures->sources[i].stem);
    for (size_t i = 0; i < fixtures->count; i++) {
        free(fixtures->items[i].home);
        free(fixtures->items[i].away);
    }
    free(fixtures->sources);
    free(fixtures->items);
    free(fixtures);
}

/* "…/premier-league-2526.csv" -> premier-league, 2526 */
static void split_name(const char *path, struct source *source)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    size_t len = dot != NULL && dot != name ? (size_t)(dot - name) : strlen(name);
    size_t end = len;
    while (end > 0 && name[end - 1] >= '0' && name[end - 1] <= '9')
        end--;
    bool has_season = end > 1 && end < len && name[end - 1] == '-' && len - end < SEASON_SIZE;
    if (has_season)
        memcpy(source->season, name + end, len - end);
    source->stem = xmemdup0(name, has_season ? end - 1 : len);
}

static int find_competition(const struct fixtures_defaults *defaults, struct source *source)
{
    source->league = defaults->league;
    source->country = defaults->country;
    for (size_t i = 0; i < sizeof(competitions) / sizeof(competitions[0]); i++)
        if (strcmp(source->stem, competitions[i].stem) == 0) {
            source->league = source->league != NULL ? source->league : competitions[i].league;
            source->country = source->country != NULL ? source->country : competitions[i].country;
        }
    return source->league != NULL && source->country != NULL ? 0 : TIP_EINVAL;
}

/* Plausible hours (UTC) by the day of the week, chosen by the teams. */
static int64_t kick_off(int64_t day_ms, struct str home, struct str away)
{
    static const int16_t minutes[7][6] = {
        /* Sunday */ {13 * 60, 13 * 60, 15 * 60 + 30, 15 * 60 + 30, 17 * 60, 19 * 60 + 45},
        /* Monday */ {19 * 60, 19 * 60 + 45, 20 * 60, 19 * 60, 19 * 60 + 45, 20 * 60},
        /* Tuesday */ {18 * 60 + 30, 19 * 60, 19 * 60 + 45, 20 * 60, 19 * 60 + 30, 18 * 60 + 30},
        /* Wednesday */ {18 * 60 + 30, 19 * 60, 19 * 60 + 45, 20 * 60, 19 * 60 + 30, 18 * 60 + 30},
        /* Thursday */ {18 * 60 + 30, 19 * 60, 19 * 60 + 45, 20 * 60, 19 * 60 + 30, 18 * 60 + 30},
        /* Friday */ {18 * 60 + 30, 19 * 60, 19 * 60 + 30, 20 * 60, 19 * 60 + 45, 19 * 60},
        /* Saturday */ {11 * 60 + 30, 14 * 60, 14 * 60, 14 * 60, 16 * 60 + 30, 19 * 60},
    };
    int64_t day = (day_ms - (day_ms % DAY_MS + DAY_MS) % DAY_MS) / DAY_MS;
    int weekday = (int)(((day + 4) % 7 + 7) % 7); /* 1970-01-01 was a Thursday */
    return day_ms + minutes[weekday][hash_pair(home, away) % 6] * MINUTE_MS;
}

static void add_fixture(struct fixtures *fixtures, const struct fixture *fixture)
{
    if (fixtures->count == fixtures->capacity) {
        fixtures->capacity = fixtures->capacity ? fixtures->capacity * 2 : 512;
        fixtures->items =
            xreallocarray(fixtures->items, fixtures->capacity, sizeof(*fixtures->items));
    }
    fixtures->items[fixtures->count++] = *fixture;
}

struct columns {
    int date, home, away;
    size_t count;
};

static int read_header(const struct csv_row *row, const struct origin *origin,
                       struct load_report *report, struct columns *ret_columns)
{
    struct columns columns = {csv_column(row, "Date"), csv_column(row, "HomeTeam"),
                              csv_column(row, "AwayTeam"), row->count};
    const char *missing = columns.date < 0   ? "Date"
                          : columns.home < 0 ? "HomeTeam"
                          : columns.away < 0 ? "AwayTeam"
                                             : NULL;
    if (missing != NULL) {
        char pointer[32];
        snprintf(pointer, sizeof(pointer), "/%s", missing);
        load_report_bad_line(report, origin, "header", pointer,
                             "is no column of this file; its lines are not read");
        return TIP_ESYNTAX;
    }
    *ret_columns = columns;
    return 0;
}

static void read_row(struct fixtures *fixtures, const struct columns *columns,
                     const struct csv_row *row, const struct origin *origin,
                     struct load_report *report)
{
    int64_t day_ms;
    if (row->count != columns->count) {
        char detail[80];
        snprintf(detail, sizeof(detail), "has %zu cells, the header has %zu", row->count,
                 columns->count);
        load_report_bad_line(report, origin, "cells", "", detail);
        return;
    }
    struct str home = row->fields[columns->home], away = row->fields[columns->away];
    if (time_parse(row->fields[columns->date], TIME_OFFSET_OPTIONAL, &day_ms) != 0) {
        load_report_bad_line(report, origin, "format", "/Date",
                             "must be a date such as 2025-08-15");
        return;
    }
    if (home.len == 0 || away.len == 0) {
        load_report_bad_line(report, origin, "required", home.len == 0 ? "/HomeTeam" : "/AwayTeam",
                             "is empty");
        return;
    }
    struct fixture fixture = {
        .origin = *origin,
        .source = fixtures->source_count - 1,
        .home = xmemdup0(home.data, home.len),
        .away = xmemdup0(away.data, away.len),
        .begin_ms = kick_off(day_ms, home, away),
    };
    add_fixture(fixtures, &fixture);
}

int fixtures_read(struct fixtures *fixtures, struct line_input *input, struct load_report *report)
{
    struct source source = {0};
    split_name(input->name, &source);
    if (find_competition(&fixtures->defaults, &source) != 0) {
        free(source.stem);
        return TIP_EINVAL;
    }
    fixtures->sources =
        xreallocarray(fixtures->sources, fixtures->source_count + 1, sizeof(source));
    fixtures->sources[fixtures->source_count++] = source;

    struct csv_row row = {0};
    struct columns columns = {0};
    struct str line;
    bool headed = false;
    int err;
    while ((err = line_input_next(input, &line)) <= 0 && err != TIP_EIO) {
        struct origin origin = {input->name, input->line};
        const char *problem = "is longer than 1 MB";
        if (err == 0 && line.len == 0)
            continue;
        if (err != 0 || csv_row_parse(&row, line, &problem) != 0) {
            load_report_bad_line(report, &origin, "csv", "", problem);
        } else if (headed) {
            read_row(fixtures, &columns, &row, &origin, report);
        } else if (read_header(&row, &origin, report, &columns) != 0) {
            break;
        }
        headed = true;
    }
    csv_row_release(&row);
    return err == TIP_EIO ? TIP_EIO : 0;
}

void fixtures_shift_to(struct fixtures *fixtures, int64_t moment_ms)
{
    const char *season = NULL;
    int64_t latest = INT64_MIN, first = INT64_MAX;
    for (size_t i = 0; i < fixtures->count; i++)
        if (fixtures->items[i].begin_ms > latest) {
            latest = fixtures->items[i].begin_ms;
            season = fixtures->sources[fixtures->items[i].source].season;
        }
    if (season == NULL)
        return;
    for (size_t i = 0; i < fixtures->count; i++)
        if (strcmp(fixtures->sources[fixtures->items[i].source].season, season) == 0 &&
            fixtures->items[i].begin_ms < first)
            first = fixtures->items[i].begin_ms;
    int64_t distance_ms = moment_ms - (first + (latest - first) / 2);
    int64_t half = distance_ms < 0 ? -WEEK_MS / 2 : WEEK_MS / 2;
    fixtures->shift_ms = (distance_ms + half) / WEEK_MS * WEEK_MS;
}

size_t fixtures_count(const struct fixtures *fixtures)
{
    return fixtures->count;
}

/* Appends -name in lower case; runs of ASCII that is neither letter nor digit become one '-'. */
static void add_slug(const char *name, struct buf *out)
{
    bool dash = true;
    for (; *name != '\0'; name++) {
        char c = *name;
        if (c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80;
        if (plain && dash)
            buf_add_char(out, '-');
        if (plain)
            buf_add_char(out, c);
        dash = !plain;
    }
}

void fixtures_json(const struct fixtures *fixtures, size_t index, struct buf *out,
                   struct origin *ret_origin)
{
    const struct fixture *fixture = &fixtures->items[index];
    const struct source *source = &fixtures->sources[fixture->source];
    const char *sport = fixtures->defaults.sport;
    AUTO_BUF id = {0};
    buf_add_text(&id, source->stem);
    if (source->season[0] != '\0') {
        buf_add_char(&id, '-');
        buf_add_text(&id, source->season);
    }
    add_slug(fixture->home, &id);
    add_slug(fixture->away, &id);
    struct record record = {
        .kind = RECORD_EVENT,
        .event = {.event_id = buf_str(&id),
                  .sport = str_of(sport != NULL ? sport : "Soccer"),
                  .league = str_of(source->league),
                  .country = str_of(source->country),
                  .participants = {str_of(fixture->home), str_of(fixture->away)},
                  .participant_count = 2,
                  .begin_ms = fixture->begin_ms + fixtures->shift_ms,
                  .end_ms = fixture->begin_ms + fixtures->shift_ms + 2 * HOUR_MS,
                  .version = VERSION_NONE},
    };
    record_json(&record, out);
    *ret_origin = fixture->origin;
}
