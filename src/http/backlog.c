/* Watching ingest; see backlog.h. */
#include "http/backlog.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "http/loop.h"
#include "http/metrics.h"
#include "http/pool.h"
#include "http/shared.h"
#include "stream/topics.h"
#include "stream/watch.h"

#include <stdlib.h>

enum { LOOK_EVERY_MS = 5000, LOOK_TIMEOUT_MS = 1000 };

/* The thread's own. */
struct watcher {
    const struct config *config;
    struct watch *watch;
    struct lag *lags;
};

/* One look; by turns the thread's and the loop's. */
static struct look {
    struct pool_job job; /* first */
    bool known, expiring;
    struct lag *lags; /* the watcher's */
} look;

/* What all workers share. */
static struct shared {
    bool seen, expiring;
    int64_t records[]; /* one per kind and partition; -1 unknown */
} * shared;

static const struct config *settings;
static struct pool *pool;
static bool looking;
static int64_t next_look_ms;

static size_t lag_count(void)
{
    return (size_t)settings->kafka_partitions * RECORD_KINDS;
}

void backlog_setup(const struct config *config)
{
    settings = config;
    shared = shared_new(sizeof(*shared) + lag_count() * sizeof(shared->records[0]));
}

bool backlog_is_expiring(void)
{
    return __atomic_load_n(&shared->expiring, __ATOMIC_RELAXED);
}

static void *open_watcher(void *config)
{
    struct watcher *watcher = xcalloc(1, sizeof(*watcher));
    watcher->config = config;
    watcher->lags = xcalloc(lag_count(), sizeof(*watcher->lags));
    return watcher;
}

static void take_look(struct pool_job *job, void *context)
{
    struct watcher *watcher = context;
    struct look *own = (struct look *)job;
    AUTO_BUF problem = {0};
    own->known = false;
    if (watcher->watch == NULL && watch_create(watcher->config, &watcher->watch, &problem) != 0) {
        watcher->watch = NULL;
        return;
    }
    if (watch_read(watcher->watch, clock_realtime_ms(), LOOK_TIMEOUT_MS, watcher->lags) != 0)
        return;
    own->known = true;
    own->expiring = false;
    own->lags = watcher->lags;
    for (size_t i = 0; i < lag_count(); i++)
        own->expiring |= watcher->lags[i].expiring;
}

static void looked(struct pool_job *job)
{
    const struct look *own = (struct look *)job;
    looking = false;
    if (!own->known)
        return; /* Kafka is away: what was known stays */
    for (size_t i = 0; i < lag_count(); i++)
        __atomic_store_n(&shared->records[i], own->lags[i].records, __ATOMIC_RELAXED);
    __atomic_store_n(&shared->seen, true, __ATOMIC_RELEASE);
    if (own->expiring && !backlog_is_expiring())
        log_error("http",
                  "ingest is behind by more than half of Kafka's retention time: writes are "
                  "refused until it has caught up");
    else if (!own->expiring && backlog_is_expiring())
        log_info("http", "ingest has caught up: writes are taken again");
    __atomic_store_n(&shared->expiring, own->expiring, __ATOMIC_RELAXED);
}

static void collect(void *arg)
{
    (void)arg;
    pool_collect(pool);
}

static void sweep(void *arg, int64_t now_ms)
{
    (void)arg;
    if (looking || now_ms < next_look_ms)
        return;
    next_look_ms = now_ms + LOOK_EVERY_MS;
    look.job = (struct pool_job){.run = take_look, .done = looked};
    looking = pool_submit(pool, &look.job) == 0;
}

void backlog_watch(struct config *config)
{
    pool = pool_new(&(struct pool_options){.threads = 1,
                                           .queue_max = 1,
                                           .wake_fd = loop_wakeup_new(collect, NULL),
                                           .thread_open = open_watcher,
                                           .arg = config});
    loop_sweep_add(sweep, NULL);
}

int64_t backlog_records(enum record_kind kind, int32_t partition)
{
    if (!__atomic_load_n(&shared->seen, __ATOMIC_ACQUIRE))
        return -1;
    size_t index = (size_t)kind * (size_t)settings->kafka_partitions + (size_t)partition;
    return __atomic_load_n(&shared->records[index], __ATOMIC_RELAXED);
}

void backlog_render(struct buf *out)
{
    static const char lag[] = "tipster_ingest_lag_records", halt[] = "tipster_ingest_expiring";
    if (!__atomic_load_n(&shared->seen, __ATOMIC_ACQUIRE))
        return;
    metrics_head(out, lag, "gauge", "Records in Kafka that ingest has not stored yet.");
    for (size_t i = 0; i < lag_count(); i++) {
        size_t per_kind = (size_t)settings->kafka_partitions;
        int64_t records = __atomic_load_n(&shared->records[i], __ATOMIC_RELAXED);
        char name[TOPIC_NAME_SIZE];
        if (records < 0)
            continue;
        topic_name(settings, (enum record_kind)(i / per_kind), name);
        buf_addf(out, "%s{topic=\"%s\",partition=\"%zu\"} %lld\n", lag, name, i % per_kind,
                 (long long)records);
    }
    metrics_head(out, halt, "gauge",
                 "1 while writes are refused because ingest is behind by half of the retention.");
    buf_addf(out, "%s %d\n", halt, backlog_is_expiring());
}
