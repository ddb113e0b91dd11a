/* What is known of companies; see directory.h. */
#include "http/directory.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "http/backend.h"
#include "http/loop.h"
#include "http/metrics.h"
#include "http/pool.h"
#include "http/shared.h"
#include "store/company.h"

enum { READ_EVERY_MS = 5000, RETRY_EVERY_MS = 500 };

/* One word, so that it is read and written whole: a state, and what belongs to it. */
enum state { UNREAD, ABSENT, KNOWN };
enum { STATE_BITS = 2, STARTED_BIT = 1 << STATE_BITS, PARTITIONS_SHIFT = 8 };

static uint64_t *word; /* shared by all processes */
static const struct config *config;

/* A read on a thread of the pool; by turns the thread's and the loop's. */
static struct reading {
    struct pool_job job; /* first */
    int err;
} reading;

static struct pool *pool;
static bool is_reading;
static int64_t next_read_ms;

static uint64_t word_load(void)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static enum state word_state(uint64_t value)
{
    return (enum state)(value & (STARTED_BIT - 1));
}

void directory_setup(const struct config *settings)
{
    config = settings;
    word = shared_new(sizeof(*word));
}

static void note(uint64_t value)
{
    enum state before = word_state(word_load()), now = word_state(value);
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
    if (now == ABSENT && before != ABSENT)
        log_error("serve", "company %s is not in the database: run `tipster migrate`",
                  config->anonymous_company);
    else if (now == KNOWN && before == ABSENT)
        log_info("serve", "company %s is in the database now", config->anonymous_company);
}

int directory_read(struct db *db)
{
    struct company company;
    int err = company_read(db, config->anonymous_company, &company);
    if (err == TIP_ENOTFOUND || (err == 0 && company.partitions < 1)) {
        note(ABSENT);
        return TIP_ENOTFOUND;
    }
    if (err == 0)
        note((uint64_t)KNOWN | (company.include_started ? STARTED_BIT : 0) |
             (uint64_t)company.partitions << PARTITIONS_SHIFT);
    return err;
}

static void read_on_thread(struct pool_job *job, void *backend)
{
    struct db *db;
    struct reading *own = (struct reading *)job;
    own->err = backend_db(backend, &db);
    if (own->err == 0)
        own->err = directory_read(db);
}

static void done(struct pool_job *job)
{
    is_reading = false;
    /* What is missing comes with the server that is being started, or with `tipster migrate`. */
    if (((struct reading *)job)->err != 0)
        next_read_ms = clock_monotonic_ms() + RETRY_EVERY_MS;
}

static void sweep(void *arg, int64_t now_ms)
{
    (void)arg;
    if (is_reading || now_ms < next_read_ms)
        return;
    next_read_ms = now_ms + READ_EVERY_MS;
    reading.job = (struct pool_job){.run = read_on_thread, .done = done};
    is_reading = pool_submit(pool, &reading.job) == 0;
}

void directory_watch(struct pool *threads)
{
    pool = threads;
    loop_sweep_add(sweep, NULL);
    sweep(NULL, clock_monotonic_ms());
}

int directory_company(struct directory_company *ret_company)
{
    uint64_t value = word_load();
    if (word_state(value) != KNOWN)
        return word_state(value) == ABSENT ? TIP_ENOTFOUND : TIP_EUNAVAIL;
    *ret_company = (struct directory_company){.partitions = (int32_t)(value >> PARTITIONS_SHIFT),
                                              .include_started = (value & STARTED_BIT) != 0};
    return 0;
}

bool directory_includes_started(void)
{
    return (word_load() & STARTED_BIT) != 0;
}

void directory_problem(int err, struct buf *out)
{
    if (err == TIP_ENOTFOUND)
        buf_addf(out, "company %s is not in the database: run `tipster migrate`",
                 config->anonymous_company);
    else
        buf_addf(out, "company %s is not known yet: the database has not been reached",
                 config->anonymous_company);
}

void directory_render(struct buf *out)
{
    uint64_t value = word_load();
    metrics_head(out, "tipster_company_known", "gauge",
                 "1 when the company's row was read; until then writes are refused.");
    buf_add_text(out, "tipster_company_known{company=\"");
    metrics_label(out, str_of(config->anonymous_company));
    buf_addf(out, "\"} %d\n", word_state(value) == KNOWN);
}
