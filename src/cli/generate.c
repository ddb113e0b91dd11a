/*
 * `tipster generate`: a synthetic population to a server, or as NDJSON on standard output. The same
 * options give the same records everywhere, so an interrupted run can simply be repeated.
 */
#include "cli/verbs.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "cli/api_events.h"
#include "cli/load_options.h"
#include "domain/codec.h"
#include "generator/population.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#define HOUR_MS INT64_C(3600000)
#define DAY_MS  (24 * HOUR_MS)

enum {
    OPTION_USERS = 1,
    OPTION_EVENTS,
    OPTION_COUPONS,
    OPTION_SEED,
    OPTION_AS_OF,
    OPTION_DAYS,
    OPTION_EVENTS_FROM,
    OPTION_ONLY,
    OPTION_HOLDOUT,
    OPTION_HOLDOUT_TO,
    OPTION_TASTES,
};

enum { ALL_KINDS = -1, OUTPUT_BYTES = 1 << 18 };

struct generate {
    struct load_options load;
    struct population_options options;
    bool coupons_given;
    const char *events_from; /* NULL: none */
    int only;                /* a record kind or ALL_KINDS */
    uint64_t holdout;
    const char *holdout_to, *tastes_to;
    struct population *population;
    uint32_t *left; /* coupons still to come, by user; with holdout */
    FILE *holdout_file;
    uint64_t held_out;
    struct load_report report;
    struct progress progress;
    struct sender *sender;
};

static void complain(const char *what, const char *detail)
{
    fprintf(stderr, "tipster generate: %s%s%s\n", what, *detail != '\0' ? ": " : "", detail);
}

/* --- options */

static int read_number(struct generate *generate, int code, const char *value)
{
    uint64_t number = 0;
    int err = 0;
    switch (code) {
    case OPTION_USERS:
        err = command_number(&command_generate, "users", value, 0, POPULATION_COUNT_MAX, &number);
        generate->options.users = number;
        return err;
    case OPTION_EVENTS:
        err = command_number(&command_generate, "events", value, 0, POPULATION_COUNT_MAX, &number);
        generate->options.events = number;
        return err;
    case OPTION_COUPONS:
        err = command_number(&command_generate, "coupons", value, 0, POPULATION_COUNT_MAX, &number);
        generate->options.coupons = number;
        generate->coupons_given = true;
        return err;
    case OPTION_SEED:
        return command_number(&command_generate, "seed", value, 0, UINT64_MAX,
                              &generate->options.seed);
    case OPTION_DAYS:
        err = command_number(&command_generate, "days", value, 1, POPULATION_DAYS_MAX, &number);
        generate->options.days = (int)number;
        return err;
    default:
        return command_number(&command_generate, "holdout", value, 1, 1000, &generate->holdout);
    }
}

static int read_option(struct generate *generate, int code, const char *value)
{
    switch (code) {
    case OPTION_AS_OF:
        return command_time(&command_generate, "as-of", value, &generate->options.as_of_ms);
    case OPTION_EVENTS_FROM:
        generate->events_from = value;
        return 0;
    case OPTION_ONLY:
        generate->only = (int)load_options_kind(value);
        return 0;
    case OPTION_HOLDOUT_TO:
        generate->holdout_to = value;
        return 0;
    case OPTION_TASTES:
        generate->tastes_to = value;
        return 0;
    case OPTION_USERS:
    case OPTION_EVENTS:
    case OPTION_COUPONS:
    case OPTION_SEED:
    case OPTION_DAYS:
    case OPTION_HOLDOUT:
        return read_number(generate, code, value);
    default:
        return load_options_take(&generate->load, &command_generate, code, value) == 0 ? 0
                                                                                       : TIP_EINVAL;
    }
}

static bool to_stdout(const struct generate *generate)
{
    return strcmp(generate->load.sender.url, "-") == 0;
}

static int check_use(struct generate *generate)
{
    const char *problem = NULL;
    if (to_stdout(generate) && generate->only == ALL_KINDS)
        problem = "--to - needs --only users, events or coupons";
    else if (to_stdout(generate) && generate->load.json)
        problem = "--to - and --json both want standard output";
    else if ((generate->holdout > 0) != (generate->holdout_to != NULL))
        problem = "--holdout and --holdout-to belong together";
    else if (generate->options.as_of_ms < INT64_C(631152000000) ||
             generate->options.as_of_ms > INT64_C(7258118400000))
        problem = "--as-of must be in the years 1990 to 2199";
    if (problem == NULL)
        return 0;
    command_wrong(&command_generate, "%s", problem);
    return TIP_EINVAL;
}

/* TIP_EINVAL: wrong use, which has been said. */
static int read_options(struct generate *generate, struct command_line *line)
{
    const char *value;
    int code;
    while ((code = command_next(line, &value)) != COMMAND_END)
        if (code == COMMAND_WRONG || read_option(generate, code, value) != 0)
            return TIP_EINVAL;
    if (!generate->coupons_given)
        generate->options.coupons = generate->options.users * 10;
    return check_use(generate);
}

/* --- the population */

static void add_event(void *context, const struct event *event)
{
    population_add_event(context, event);
}

static int fetch_events(struct generate *generate)
{
    AUTO_BUF problem = {0};
    const char *url = generate->events_from;
    if (strcmp(url, "api") == 0)
        url = to_stdout(generate) ? generate->load.default_url : generate->load.sender.url;
    int64_t as_of_ms = generate->options.as_of_ms;
    int err = api_events_fetch(
        url, generate->load.sender.key, as_of_ms - generate->options.days * DAY_MS,
        as_of_ms + POPULATION_WINDOW_MS, add_event, generate->population, &problem);
    if (err != 0)
        complain("cannot fetch events", buf_cstr(&problem));
    return err;
}

static int prepare(struct generate *generate)
{
    generate->population = population_new(&generate->options);
    int err = generate->events_from != NULL ? fetch_events(generate) : 0;
    if (err != 0)
        return err;
    if (population_ready(generate->population) != 0) {
        complain(generate->options.users == 0
                     ? "coupons need users"
                     : "no event begins in the days of the coupons, so there is nothing to bet on",
                 "");
        return TIP_ENOTFOUND;
    }
    if (generate->holdout == 0)
        return 0;
    generate->left = xcalloc(generate->options.users + 1, sizeof(*generate->left));
    for (size_t i = 0; i < generate->options.coupons; i++)
        generate->left[population_coupon_user(generate->population, i)]++;
    generate->holdout_file = fopen(generate->holdout_to, "w");
    if (generate->holdout_file == NULL)
        complain(generate->holdout_to, strerror(errno));
    return generate->holdout_file != NULL ? 0 : TIP_EIO;
}

static int write_tastes(const struct generate *generate)
{
    FILE *file = fopen(generate->tastes_to, "w");
    AUTO_BUF line = {0};
    struct population_record made;
    for (size_t i = 0; file != NULL && i < generate->options.users; i++) {
        struct population_taste taste = population_user_taste(generate->population, i);
        population_make(generate->population, RECORD_USER, i, &made);
        buf_clear(&line);
        buf_add_text(&line, "{\"user_id\":");
        buf_add_json(&line, made.record.user.user_id);
        buf_add_text(&line, ",\"sport\":");
        buf_add_json(&line, taste.sport);
        buf_add_text(&line, ",\"league\":");
        buf_add_json(&line, taste.league);
        buf_add_text(&line, ",\"participant\":");
        buf_add_json(&line, taste.participant);
        buf_add_text(&line, "}\n");
        fwrite(line.data, 1, line.len, file);
    }
    bool written = file != NULL && fflush(file) == 0 && ferror(file) == 0;
    if (!written)
        complain(generate->tastes_to, strerror(errno));
    if (file != NULL)
        fclose(file);
    return written ? 0 : TIP_EIO;
}

/* Whether a coupon is one of the last of its user; then it goes to the file. */
static bool hold_out(struct generate *generate, size_t index, const struct buf *line)
{
    if (generate->left == NULL ||
        generate->left[population_coupon_user(generate->population, index)]-- > generate->holdout)
        return false;
    fwrite(line->data, 1, line->len, generate->holdout_file);
    fputc('\n', generate->holdout_file);
    generate->held_out++;
    return true;
}

/* --- where it goes */

static int write_all(const struct buf *buf)
{
    for (size_t done = 0; done < buf->len;) {
        ssize_t wrote = write(STDOUT_FILENO, buf->data + done, buf->len - done);
        if (wrote < 0 && errno != EINTR)
            return TIP_EIO;
        done += wrote > 0 ? (size_t)wrote : 0;
    }
    return 0;
}

static int print_kind(struct generate *generate, enum record_kind kind)
{
    AUTO_BUF out = {0};
    AUTO_BUF line = {0};
    struct population_record made;
    size_t count = population_count(generate->population, kind);
    int err = 0;
    for (size_t i = 0; i < count && err == 0; i++) {
        buf_clear(&line);
        population_make(generate->population, kind, i, &made);
        record_json(&made.record, &line);
        if (kind == RECORD_COUPON && hold_out(generate, i, &line))
            continue;
        buf_add_str(&out, buf_str(&line));
        buf_add_char(&out, '\n');
        if (out.len >= OUTPUT_BYTES) {
            err = write_all(&out);
            buf_clear(&out);
            progress_show(&generate->progress, i + 1);
        }
    }
    if (err == 0)
        err = write_all(&out);
    progress_end(&generate->progress);
    if (err != 0 && errno != EPIPE) /* a reader that has enough is no failure to speak of */
        complain("standard output", strerror(errno));
    return err;
}

static int send_kind(struct generate *generate, enum record_kind kind)
{
    AUTO_BUF line = {0};
    struct population_record made;
    size_t count = population_count(generate->population, kind);
    int err = 0;
    for (size_t i = 0; i < count && err == 0; i++) {
        struct origin origin = {record_kind_plural(kind), (int64_t)i + 1};
        buf_clear(&line);
        population_make(generate->population, kind, i, &made);
        record_json(&made.record, &line);
        if (kind == RECORD_COUPON && hold_out(generate, i, &line))
            continue;
        err = sender_add(generate->sender, kind, buf_str(&line), &origin);
    }
    return err;
}

static uint64_t planned(const struct generate *generate)
{
    uint64_t total = 0;
    for (int kind = 0; kind < RECORD_KINDS; kind++)
        if (generate->only == ALL_KINDS || generate->only == kind)
            total += population_count(generate->population, (enum record_kind)kind);
    return total;
}

static int send_all(struct generate *generate)
{
    if (sender_open(&generate->load.sender, &generate->report, &generate->sender) != 0) {
        complain("--to must be http://HOST:PORT or -, is", generate->load.sender.url);
        return EXIT_USAGE;
    }
    int err = 0;
    for (int kind = 0; kind < RECORD_KINDS && err == 0; kind++)
        if (generate->only == ALL_KINDS || generate->only == kind)
            err = send_kind(generate, (enum record_kind)kind);
    if (sender_finish(generate->sender) != 0)
        err = TIP_EUNAVAIL;
    progress_end(&generate->progress);
    if (err != 0) {
        complain(sender_problem(generate->sender), "");
        generate->report.not_sent = planned(generate) - load_report_accepted(&generate->report) -
                                    generate->report.bad_lines - generate->held_out;
    }
    load_report_print(&generate->report, "generate", generate->load.json);
    sender_close(generate->sender);
    return load_report_exit_code(&generate->report);
}

static int generate_all(struct generate *generate)
{
    if (prepare(generate) != 0)
        return EXIT_USAGE;
    if (generate->tastes_to != NULL && write_tastes(generate) != 0)
        return EXIT_USAGE;
    progress_begin(&generate->progress, stderr, "generate", planned(generate));
    load_report_begin(&generate->report, &generate->progress);
    int code;
    if (to_stdout(generate))
        code = print_kind(generate, (enum record_kind)generate->only) == 0 ? EXIT_DONE : EXIT_USAGE;
    else
        code = send_all(generate);
    if (generate->holdout_file != NULL &&
        (fflush(generate->holdout_file) != 0 || ferror(generate->holdout_file) != 0)) {
        complain(generate->holdout_to, strerror(errno));
        code = EXIT_FAILED;
    }
    return code;
}

static int run(struct command_line *line, const struct config *config)
{
    int64_t now_ms = clock_realtime_ms();
    struct generate generate = {
        .options = {.seed = 1,
                    .users = 1000,
                    .events = 2000,
                    .days = 90,
                    .as_of_ms = now_ms - now_ms % HOUR_MS},
        .only = ALL_KINDS,
    };
    load_options_init(&generate.load, config);
    int code = read_options(&generate, line) == 0 ? generate_all(&generate) : EXIT_USAGE;
    if (generate.holdout_file != NULL)
        fclose(generate.holdout_file);
    population_free(generate.population);
    free(generate.left);
    load_options_release(&generate.load);
    return code;
}

static const struct command_option known_options[] = {
    {OPTION_USERS, "users", "N", "default 1000"},
    {OPTION_EVENTS, "events", "N", "default 2000, from --days before to four weeks after --as-of"},
    {OPTION_COUPONS, "coupons", "N", "default 10 per user"},
    {OPTION_SEED, "seed", "N", "default 1"},
    {OPTION_AS_OF, "as-of", "TIME", "when the coupons end, default the hour now"},
    {OPTION_DAYS, "days", "N", "how long before that they begin, default 90"},
    {OPTION_EVENTS_FROM, "events-from", "X",
     "'api': coupons are also placed on the events that the server has, and none are invented in "
     "their leagues (--events 0: none at all); or the URL of another server to take them from"},
    {OPTION_ONLY, "only", "KIND", "users, events or coupons alone",
     .words = "users events coupons"},
    {OPTION_HOLDOUT, "holdout", "K", "do not send the last K coupons of each user …"},
    {OPTION_HOLDOUT_TO, "holdout-to", "FILE", "… but write them here as NDJSON",
     .completion = COMPLETE_FILES},
    {OPTION_TASTES, "tastes", "FILE", "write each user's favourites here as NDJSON",
     .completion = COMPLETE_FILES},
    LOAD_OPTIONS("server, default http://BIND:PORT of the settings; '-': NDJSON on standard "
                 "output, with --only"),
    {0},
};

static const struct command_exit exits[] = {
    {EXIT_DONE, "all in"},
    {EXIT_FAILED, "some were refused or not sent"},
    {EXIT_USAGE, "nothing was sent, wrong use or a wrong setting"},
    {0, NULL},
};

const struct command command_generate = {
    .name = "generate",
    .summary = "Make up users, events and coupons and send them.",
    .description =
        "Makes up users with differing tastes (favourite sport, league and team by Zipf's law), "
        "events of six sports, and coupons that the users place over time, and sends them to a "
        "running server. The same options give the same records: repeating a run changes "
        "nothing.\n\nA server that wants a key gets the one in API_KEY (`tipster key add`).",
    .options = known_options,
    .exits = exits,
    .examples = "tipster generate --users 10000 --coupons 100000 --events-from api\n"
                "tipster generate --only coupons --coupons 1000000 --to - > coupons.ndjson",
    .run = run,
};
