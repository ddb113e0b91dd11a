/*
 * `tipster check`: holds ledgers of what was sent against what is stored. It waits until ingest has
 * stored everything that is in Kafka, reads the company's tables whole, and tells what is not as it
 * must be (docs/reliability.md).
 */
#include "cli/check.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "cli/admin.h"
#include "cli/servers.h"
#include "cli/verbs.h"
#include "store/company.h"
#include "store/migrations.h"
#include "stream/topics.h"
#include "stream/watch.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

enum { EXIT_UNCHECKED = 4, KAFKA_TIMEOUT_MS = 5000, WAIT_DEFAULT_S = 30, WAIT_MAX_S = 24 * 3600 };

struct options {
    const char *company;
    int64_t wait_ms;
    bool partial, json;
    const char **files;
    int file_count;
};

static int complain(int code, struct buf *problem)
{
    fprintf(stderr, "tipster check: %s\n", buf_cstr(problem));
    return code;
}

/* Ends of all partitions in Kafka, and how far each is stored. */
struct progress_view {
    const struct config *config;
    struct watch *watch;
    struct db *db;
    size_t partitions;    /* per topic */
    int64_t *ends, *next; /* RECORD_KINDS * partitions */
};

/* How far the database is from the ends, either way: ahead means that the topic is another one. */
static int64_t records_behind(const struct progress_view *view, int64_t *ret_total)
{
    int64_t behind = 0, total = 0;
    for (size_t i = 0; i < RECORD_KINDS * view->partitions; i++) {
        behind += llabs(view->ends[i] - view->next[i]);
        total += view->ends[i];
    }
    *ret_total = total;
    return behind;
}

/* Reads both sides. */
static int read_view(struct progress_view *view, struct buf *ret_problem)
{
    int err = watch_ends(view->watch, KAFKA_TIMEOUT_MS, view->ends);
    if (err != 0) {
        buf_addf(ret_problem, "Kafka at %s does not say how long its topics are",
                 view->config->kafka_bootstrap_servers);
        return err;
    }
    err = servers_stored(view->db, view->config, view->next);
    if (err != 0)
        buf_addf(ret_problem, "cannot read stream_offsets: %s", db_error(view->db));
    return err;
}

static int wait_until_stored(struct progress_view *view, int64_t wait_ms, struct buf *ret_problem)
{
    int64_t deadline_ms = clock_monotonic_ms() + wait_ms, total = 0;
    struct progress progress;
    progress_begin(&progress, stderr, "records stored", 0);
    for (;;) {
        bool late = clock_monotonic_ms() >= deadline_ms;
        buf_clear(ret_problem);
        int err = read_view(view, ret_problem); /* a server may be away while there is time */
        int64_t behind = err == 0 ? records_behind(view, &total) : 0;
        if (behind > 0 && late) {
            buf_addf(ret_problem, "ingest is %" PRId64 " records behind after %" PRId64 " s",
                     behind, wait_ms / 1000);
            err = TIP_ETIMEOUT;
        }
        if ((err != 0 && late) || (err == 0 && behind == 0)) {
            progress_end(&progress);
            return err;
        }
        if (err == 0) {
            progress.total = (uint64_t)total;
            progress_show(&progress, (uint64_t)(total > behind ? total - behind : 0));
        }
        nanosleep(&(struct timespec){.tv_nsec = 100 * 1000 * 1000}, NULL);
    }
}

/* With a partial ledger others go on sending: then it is enough to have caught up once. */
static int require_quiet(struct progress_view *view, bool partial, struct buf *ret_problem)
{
    if (partial)
        return 0;
    size_t count = RECORD_KINDS * view->partitions;
    AUTO_FREE int64_t *ends = xcalloc(count, sizeof(*ends));
    if (watch_ends(view->watch, KAFKA_TIMEOUT_MS, ends) == 0 &&
        memcmp(ends, view->ends, count * sizeof(*ends)) == 0)
        return 0;
    buf_add_text(ret_problem,
                 "records were sent while it was checked (or Kafka is away): check again");
    return TIP_ERETRY;
}

static int look(struct check *check, struct buf *ret_problem)
{
    progress_begin(&check->progress, stderr, "rows read", 0);
    int err = check_rejected(check);
    if (err == 0)
        err = check_coupons(check);
    if (err == 0)
        err = check_users(check);
    if (err == 0)
        err = check_events(check);
    if (err == 0)
        err = check_tables(check);
    progress_end(&check->progress);
    if (err != 0)
        buf_addf(ret_problem, "cannot read the database: %s", db_error(check->db));
    return err;
}

static void tally_ledger(const struct ledger *ledger, struct report *report)
{
    for (size_t i = 0; i < ledger->count; i++) {
        const struct attempt *attempt = &ledger->attempts[i];
        struct tally *tally = &report->tallies[attempt->kind];
        tally->attempted++;
        tally->acknowledged += attempt->outcome == OUTCOME_OK;
        tally->unknown += attempt->outcome == OUTCOME_UNKNOWN;
        tally->refused += attempt->outcome == OUTCOME_FAIL;
        if (attempt->outcome != OUTCOME_OK || attempt->valid)
            continue;
        char number[32];
        snprintf(number, sizeof(number), "%llu", (unsigned long long)attempt->seq);
        report_find(report, FINDING_INVALID, record_kind_name(attempt->kind), (struct str){0},
                    str_of(number), "the attempt of this number was acknowledged");
    }
}

static int open_servers(const struct config *config, const char *company,
                        struct progress_view *view, struct buf *ret_problem)
{
    struct company ignored;
    int err = db_open(config, DB_READ_ALL, &view->db, ret_problem);
    if (err == 0)
        err = migrations_check(view->db, migrations_directory(), ret_problem);
    if (err == 0)
        err = topics_check(config, KAFKA_TIMEOUT_MS, ret_problem);
    if (err != 0)
        return err;
    err = company_read(view->db, company, &ignored);
    if (err != 0) {
        buf_addf(ret_problem, "company %s: %s", company,
                 err == TIP_ENOTFOUND ? "there is none" : db_error(view->db));
        return err;
    }
    return watch_create(config, &view->watch, ret_problem);
}

/* An exit code. */
static int check_against(const struct config *config, const struct options *options,
                         struct ledger *ledger)
{
    AUTO_BUF problem = {0};
    struct report report = {0};
    size_t partitions = (size_t)config->kafka_partitions;
    AUTO_FREE int64_t *ends = xcalloc(RECORD_KINDS * partitions, sizeof(*ends));
    AUTO_FREE int64_t *next = xcalloc(RECORD_KINDS * partitions, sizeof(*next));
    struct progress_view view = {
        .config = config, .partitions = partitions, .ends = ends, .next = next};
    struct check check = {.company = str_of(options->company),
                          .partial = options->partial,
                          .ledger = ledger,
                          .report = &report};
    int err = open_servers(config, options->company, &view, &problem);
    if (err == 0)
        err = wait_until_stored(&view, options->wait_ms, &problem);
    check.db = view.db;
    tally_ledger(ledger, &report);
    if (err == 0)
        err = look(&check, &problem);
    if (err == 0)
        err = require_quiet(&view, options->partial, &problem);
    if (err == 0)
        (options->json ? report_print_json : report_print)(&report, options->company, stdout);
    int code = err != 0                    ? complain(EXIT_UNCHECKED, &problem)
               : report_total(&report) > 0 ? EXIT_FAILED
                                           : EXIT_DONE;
    report_release(&report);
    if (view.watch != NULL)
        watch_destroy(view.watch);
    db_close(view.db);
    return code;
}

static int check_ledgers(const struct config *config, const struct options *options)
{
    AUTO_BUF problem = {0};
    struct ledger ledger = {0};
    int err = 0, code = EXIT_USAGE;
    for (int i = 0; err == 0 && i < options->file_count; i++)
        err = ledger_read(&ledger, options->files[i], clock_realtime_ms(), &problem);
    if (err == 0) {
        ledger_index(&ledger);
        code = check_against(config, options, &ledger);
    } else {
        complain(code, &problem);
    }
    ledger_release(&ledger);
    return code;
}

/* False: wrong use, which has been said. */
static bool read_options(struct command_line *line, struct options *options)
{
    const char *value;
    uint64_t seconds;
    int option;
    while ((option = command_next(line, &value)) >= 0) {
        if (option == 'l') {
            options->files[options->file_count++] = value;
        } else if (option == 'c') {
            options->company = value;
        } else if (option == 'w') {
            if (command_number(&command_check, "wait", value, 0, WAIT_MAX_S, &seconds) != 0)
                return false;
            options->wait_ms = (int64_t)seconds * 1000;
        } else if (option == 'p') {
            options->partial = true;
        } else {
            options->json = true;
        }
    }
    if (option == COMMAND_WRONG)
        return false;
    for (char **file = command_arguments(line); *file != NULL; file++)
        options->files[options->file_count++] = *file;
    const char *problem = options->file_count == 0 ? "--ledger FILE is missing"
                          : *options->company == '\0'
                              ? "--company is missing (and ANONYMOUS_COMPANY is not set)"
                              : NULL;
    if (problem != NULL)
        command_wrong(&command_check, "%s", problem);
    return problem == NULL && admin_company_id(&command_check, options->company);
}

static int run(struct command_line *line, const struct config *config)
{
    AUTO_FREE const char **files = xcalloc((size_t)line->argc + 1, sizeof(*files));
    struct options options = {
        .company = config->anonymous_company, .wait_ms = WAIT_DEFAULT_S * 1000, .files = files};
    return read_options(line, &options) ? check_ledgers(config, &options) : EXIT_USAGE;
}

static const struct command_option known_options[] = {
    {'l', "ledger", "FILE",
     "text, tab separated: attempt SEQ coupon|user|event put|delete|erase v1|older JSON, and "
     "outcome SEQ ok|fail|unknown (docs/reliability.md); several are read together",
     .completion = COMPLETE_FILES},
    {'c', "company", "ID", "whose records these are (ANONYMOUS_COMPANY)"},
    {'w', "wait", "SECONDS", "how long ingest may take to catch up (30)"},
    {'p', "partial", NULL, "the company has records that are in no ledger"},
    {'j', "json", NULL, "the result as JSON"},
    {0},
};

static const struct command_exit exits[] = {
    {EXIT_DONE, "clean"},
    {EXIT_FAILED, "something is wrong"},
    {EXIT_USAGE, "wrong use or a wrong setting"},
    {EXIT_UNCHECKED, "could not check: a server is away, or ingest is behind"},
    {0, NULL},
};

const struct command command_check = {
    .name = "check",
    .summary = "Hold a ledger of what was sent against what is stored.",
    .description =
        "Holds ledgers of what was sent against what is stored: every acknowledged record is "
        "stored once with the content it had, or stands in `rejected`, or was overtaken by a "
        "later one; nothing else is there; derived tables agree. Waits first until ingest has "
        "stored all that is in Kafka. Send nothing while it runs.",
    .arguments = "[FILE…]",
    .arguments_max = COMMAND_ANY_NUMBER,
    .completion = COMPLETE_FILES,
    .options = known_options,
    .exits = exits,
    .examples = "tipster check --ledger sent.ledger --wait 60",
    .with_database = true,
    .run = run,
};
