/* Ingest's own figures; see ingest_watch.h. */
#include "http/ingest_watch.h"

#include "base/clock.h"
#include "base/err.h"
#include "http/backend.h"
#include "http/loop.h"
#include "http/metrics.h"
#include "http/pool.h"
#include "http/shared.h"
#include "store/ingest_status.h"

#include <sched.h>
#include <stdlib.h>

enum {
    READ_EVERY_MS = 2000,
    PROCESSES_MAX = 64,
    HEARD_OF_MS = 10 * 60 * 1000, /* a process that is silent for longer is not shown */
};

struct statuses {
    size_t count;
    struct ingest_status items[PROCESSES_MAX];
};

/* One writer at a time; a reader tries again when version was odd or has changed meanwhile. */
static struct shared {
    uint32_t version;
    struct statuses statuses;
} * shared;

/* By turns the thread's and the loop's. */
static struct reading {
    struct pool_job job; /* first */
    int err;
    struct statuses statuses;
} reading;

static struct pool *pool;
static bool is_reading;
static int64_t next_read_ms;

void ingest_watch_setup(void)
{
    shared = shared_new(sizeof(*shared));
}

static void read_on_thread(struct pool_job *job, void *backend)
{
    struct db *db;
    struct reading *own = (struct reading *)job;
    own->err = backend_db(backend, &db);
    if (own->err == 0)
        own->err = ingest_status_read(db, clock_realtime_ms() - HEARD_OF_MS, own->statuses.items,
                                      PROCESSES_MAX, &own->statuses.count);
}

static void done(struct pool_job *job)
{
    const struct reading *own = (const struct reading *)job;
    is_reading = false;
    if (own->err != 0)
        return;
    /* A writer that was killed half-way left it odd. */
    uint32_t version = shared->version | 1;
    __atomic_store_n(&shared->version, version, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    shared->statuses = own->statuses;
    __atomic_store_n(&shared->version, version + 1, __ATOMIC_RELEASE);
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

void ingest_watch_start(struct pool *threads)
{
    pool = threads;
    loop_sweep_add(sweep, NULL);
}

/* False: a writer was at it each time. */
static bool take(struct statuses *ret_statuses)
{
    for (int attempt = 0; attempt < 100; attempt++) {
        uint32_t version = __atomic_load_n(&shared->version, __ATOMIC_ACQUIRE);
        if (!(version & 1)) {
            *ret_statuses = shared->statuses;
            __atomic_thread_fence(__ATOMIC_ACQUIRE);
            if (__atomic_load_n(&shared->version, __ATOMIC_RELAXED) == version)
                return true;
        }
        sched_yield();
    }
    return false;
}

static void render_instance(struct buf *out, const char *name, const struct ingest_status *status)
{
    buf_addf(out, "%s{" INGEST_LABEL "=\"", name);
    metrics_label(out, str_of(status->instance));
    buf_add_text(out, "\"} ");
}

void ingest_watch_render(struct buf *out)
{
    static struct statuses now;
    if (!take(&now))
        return;
    static const char seen[] = "tipster_ingest_last_seen_timestamp_seconds";
    metrics_head(out, seen, "gauge", "When this ingest process last gave its figures.");
    for (size_t i = 0; i < now.count; i++) {
        render_instance(out, seen, &now.items[i]);
        buf_addf(out, "%.3f\n", (double)now.items[i].updated_at_ms / 1000.0);
    }
#define X(field, name, help)                                                                       \
    metrics_head(out, name, "counter", help);                                                      \
    for (size_t i = 0; i < now.count; i++) {                                                       \
        render_instance(out, name, &now.items[i]);                                                 \
        buf_addf(out, "%llu\n", (unsigned long long)now.items[i].counters.field);                  \
    }
    INGEST_COUNTERS(X)
#undef X
}
