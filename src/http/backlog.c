/* Watching ingest; see backlog.h. */
#include "http/backlog.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "http/loop.h"
#include "http/metrics.h"
#include "http/pool.h"
#include "stream/watch.h"

#include <stdlib.h>
#include <sys/mman.h>

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
    int64_t records;
} look;

static bool *expiring; /* shared by all workers */
static struct pool *pool;
static bool looking;
static int64_t next_look_ms;

void backlog_setup(void)
{
    expiring =
        mmap(NULL, sizeof(*expiring), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (expiring == MAP_FAILED)
        abort();
}

bool backlog_is_expiring(void)
{
    return __atomic_load_n(expiring, __ATOMIC_RELAXED);
}

static void *open_watcher(void *config)
{
    struct watcher *watcher = xcalloc(1, sizeof(*watcher));
    watcher->config = config;
    watcher->lags =
        xcalloc((size_t)watcher->config->kafka_partitions * RECORD_KINDS, sizeof(*watcher->lags));
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
    own->records = 0;
    for (int64_t i = 0; i < watcher->config->kafka_partitions * RECORD_KINDS; i++) {
        own->expiring |= watcher->lags[i].expiring;
        if (watcher->lags[i].records > 0)
            own->records += watcher->lags[i].records;
    }
}

static void looked(struct pool_job *job)
{
    const struct look *own = (struct look *)job;
    looking = false;
    if (!own->known)
        return; /* Kafka is away: what was known stays */
    metrics_set(METRIC_INGEST_LAG, own->records);
    if (own->expiring && !backlog_is_expiring())
        log_error("http",
                  "ingest is behind by more than half of Kafka's retention time: writes are "
                  "refused until it has caught up");
    else if (!own->expiring && backlog_is_expiring())
        log_info("http", "ingest has caught up: writes are taken again");
    __atomic_store_n(expiring, own->expiring, __ATOMIC_RELAXED);
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
