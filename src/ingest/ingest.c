/* The ingest process; see ingest.h. */
#include "ingest/ingest.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "ingest/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    STATUS_EVERY_MS = 10000,
    PUBLISH_EVERY_MS = 2000,
    STOP_PATIENCE_MS = 5000,
};

struct process {
    const struct config *config;
    const char *instance;
    struct worker **workers;
    int count;
    struct ingest_counters last_said;
    int64_t said_at_ms, published_at_ms;
    struct db *db; /* for the status row */
};

static void add_up(struct process *process, struct ingest_counters *total, int64_t *ret_lag,
                   size_t *ret_partitions)
{
    for (int i = 0; i < process->count; i++) {
        struct ingest_counters own;
        int64_t lag;
        size_t partitions;
        worker_read(process->workers[i], &own, &lag, &partitions);
        *ret_lag += lag;
        *ret_partitions += partitions;
#define X(field, metric, help) total->field += own.field;
        INGEST_COUNTERS(X)
#undef X
    }
}

static void say(struct process *process, int64_t now_ms)
{
    struct ingest_counters now = {0}, *last = &process->last_said;
    int64_t lag = 0;
    size_t partitions = 0;
    add_up(process, &now, &lag, &partitions);
    double seconds = (double)(now_ms - process->said_at_ms) / 1000.0;
    log_info("ingest",
             "lag %lld, partitions %zu, per second: users %.0f events %.0f coupons %.0f; "
             "total: absorbed %llu superseded %llu rejected %llu retries %llu fenced %llu",
             (long long)lag, partitions, (double)(now.users_stored - last->users_stored) / seconds,
             (double)(now.events_stored - last->events_stored) / seconds,
             (double)(now.coupons_stored - last->coupons_stored) / seconds,
             (unsigned long long)now.absorbed, (unsigned long long)now.superseded,
             (unsigned long long)now.rejected, (unsigned long long)now.database_retries,
             (unsigned long long)now.fenced);
    process->last_said = now;
    process->said_at_ms = now_ms;
}

/* Writes the status row; while the database is gone it is simply older. */
static void publish(struct process *process, int64_t now_ms)
{
    struct ingest_status status = {.updated_at_ms = clock_realtime_ms()};
    int64_t lag = 0;
    size_t partitions = 0;
    AUTO_BUF problem = {0};
    process->published_at_ms = now_ms;
    add_up(process, &status.counters, &lag, &partitions);
    snprintf(status.instance, sizeof(status.instance), "%s", process->instance);
    if (process->db != NULL && db_is_lost(process->db)) {
        db_close(process->db);
        process->db = NULL;
    }
    if (process->db == NULL &&
        db_open(process->config, DB_INGEST_SIDE, &process->db, &problem) != 0)
        return;
    if (ingest_status_write(process->db, &status) != 0)
        log_debug("ingest", "status not written: %s", db_error(process->db));
}

static bool any_ended(const struct process *process)
{
    for (int i = 0; i < process->count; i++)
        if (worker_has_ended(process->workers[i]))
            return true;
    return false;
}

static bool all_ended(const struct process *process)
{
    for (int i = 0; i < process->count; i++)
        if (!worker_has_ended(process->workers[i]))
            return false;
    return true;
}

/* Lets the workers store what they have; for a database that is silent they do not wait long. What
 * is not stored is read again, and whether a commit was carried out its offsets will tell. */
static void stop_workers(struct process *process)
{
    for (int i = 0; i < process->count; i++)
        worker_stop(process->workers[i]);
    int64_t until_ms = clock_monotonic_ms() + STOP_PATIENCE_MS;
    bool cut = false;
    while (!all_ended(process)) {
        nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL);
        if (clock_monotonic_ms() < until_ms)
            continue;
        if (!cut)
            log_warn("ingest", "has not ended within %d s: the database is waited for no longer",
                     STOP_PATIENCE_MS / 1000);
        cut = true;
        for (int i = 0; i < process->count; i++)
            worker_cut(process->workers[i]);
    }
}

static void watch(struct process *process, volatile bool *stop)
{
    process->said_at_ms = clock_monotonic_ms();
    while (!*stop && !any_ended(process)) {
        nanosleep(&(struct timespec){.tv_nsec = 100 * 1000 * 1000}, NULL);
        int64_t now_ms = clock_monotonic_ms();
        if (now_ms - process->said_at_ms >= STATUS_EVERY_MS)
            say(process, now_ms);
        if (now_ms - process->published_at_ms >= PUBLISH_EVERY_MS)
            publish(process, now_ms);
    }
}

int ingest_run(const struct config *config, const char *instance, int consumers,
               volatile bool *stop)
{
    struct process process = {.config = config, .instance = instance, .count = consumers};
    AUTO_FREE struct worker **workers = xcalloc((size_t)consumers, sizeof(*workers));
    process.workers = workers;
    for (int i = 0; i < consumers; i++) {
        workers[i] = worker_new(config, instance, i);
        worker_start(workers[i]);
    }
    watch(&process, stop);
    int result = 0;
    stop_workers(&process);
    for (int i = 0; i < consumers; i++) {
        int err = worker_join(workers[i]);
        result = result == 0 ? err : result;
    }
    say(&process, clock_monotonic_ms() + 1);
    publish(&process, clock_monotonic_ms());
    for (int i = 0; i < consumers; i++)
        worker_free(workers[i]);
    db_close(process.db);
    return result;
}
