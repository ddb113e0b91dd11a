/* One consumer; see worker.h. */
#include "ingest/worker.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "ingest/apply.h"
#include "ingest/barrier.h"
#include "ingest/owner.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    POLL_MS = 100,
    BACKOFF_FIRST_MS = 50,
    BACKOFF_MAX_MS = 3000,
    REPORT_EVERY_MS = 500,
    PING_AFTER_MS = 3000,
};

struct worker {
    const struct config *config;
    char instance[129];
    pthread_t thread;
    atomic_bool stopping, ended;
    int result;

    struct consumer *consumer;
    struct owner *owner;
    struct db *db;           /* NULL: not connected; changed by set_db */
    pthread_mutex_t db_lock; /* while it changes, and while it is cut */
    int64_t db_used_ms;      /* monotonic */
    struct batch batch;
    bool uncertain; /* a commit's answer was lost: the batch may be stored */
    bool begin_anew;
    int64_t fenced_at_ms; /* monotonic; 0: not fenced, or the group has taken partitions since */

    struct ingest_counters counters; /* of this thread; copied for the status line */
    int64_t reported_at_ms;
    pthread_mutex_t report_lock;
    struct ingest_counters report;
    int64_t report_lag;
    size_t report_partitions;
};

static bool stopping(const struct worker *worker)
{
    return atomic_load_explicit(&worker->stopping, memory_order_relaxed);
}

/* Sleeps, in short pieces so that a stop is noticed; the next pause is twice as long. */
static void back_off(struct worker *worker, int64_t *pause_ms)
{
    int64_t until_ms = clock_monotonic_ms() + *pause_ms;
    while (!stopping(worker) && clock_monotonic_ms() < until_ms)
        nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL);
    *pause_ms = *pause_ms * 2 < BACKOFF_MAX_MS ? *pause_ms * 2 : BACKOFF_MAX_MS;
}

static void set_db(struct worker *worker, struct db *db)
{
    pthread_mutex_lock(&worker->db_lock);
    struct db *before = worker->db;
    worker->db = db;
    pthread_mutex_unlock(&worker->db_lock);
    db_close(before);
}

/* Connects when not connected. TIP_EUNAVAIL is logged once per outage by the caller's back-off. */
static int connect_db(struct worker *worker)
{
    AUTO_BUF problem = {0};
    struct db *db = NULL;
    if (worker->db != NULL && !db_is_lost(worker->db))
        return 0;
    set_db(worker, NULL);
    int err = db_open(worker->config, DB_INGEST, &db, &problem);
    if (err != 0)
        log_warn("ingest", "%s: %s; trying again", worker->instance, buf_cstr(&problem));
    set_db(worker, db);
    return err;
}

/* The server drops sessions that fall silent, as a frozen process does: an idle one says a word. */
static void stay_connected(struct worker *worker, int64_t now_ms)
{
    if (worker->db == NULL || db_is_lost(worker->db) || now_ms - worker->db_used_ms < PING_AFTER_MS)
        return;
    worker->db_used_ms = now_ms;
    (void)db_ping(worker->db); /* when it fails, the next batch connects anew */
}

static int on_assigned(void *arg, struct partition *partitions, size_t count)
{
    struct worker *worker = arg;
    int64_t pause_ms = BACKOFF_FIRST_MS;
    batch_clear(&worker->batch);
    worker->uncertain = false;
    while (!stopping(worker)) {
        AUTO_BUF problem = {0};
        int err = connect_db(worker);
        if (err == 0)
            err = owner_claim(worker->owner, worker->db, partitions, count, &problem);
        if (err == 0) {
            log_info("ingest", "%s: has %zu partitions", worker->instance, count);
            return 0;
        }
        if (problem.len > 0)
            log_warn("ingest", "%s: %s; trying again", worker->instance, buf_cstr(&problem));
        back_off(worker, &pause_ms);
    }
    return TIP_EUNAVAIL;
}

/* Commits to Kafka how far the database is: for whoever looks at lag. */
static void show_progress(struct worker *worker)
{
    size_t capacity = (size_t)worker->config->kafka_partitions * RECORD_KINDS;
    AUTO_FREE struct partition *partitions = xcalloc(capacity, sizeof(*partitions));
    size_t count = owner_list(worker->owner, partitions, capacity);
    int64_t lag = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t end = consumer_high_watermark(worker->consumer, &partitions[i]);
        lag += end > partitions[i].offset ? end - partitions[i].offset : 0;
    }
    if (count > 0)
        consumer_commit(worker->consumer, partitions, count);
    pthread_mutex_lock(&worker->report_lock);
    worker->report = worker->counters;
    worker->report_lag = lag;
    worker->report_partitions = count;
    pthread_mutex_unlock(&worker->report_lock);
    worker->reported_at_ms = clock_monotonic_ms();
}

/* One record that only the database refuses: a defect, kept where it can be seen. */
static int reject_by_database(struct worker *worker, struct item *item)
{
    item->rejected = true;
    item->reason = REJECT_DATABASE;
    snprintf(item->detail, sizeof(item->detail), "%s", db_error(worker->db));
    log_error("ingest", "%s: the database refuses a record of %s [%d] at %lld: %s",
              worker->instance, item->partition->claim.topic, item->message.partition,
              (long long)item->message.offset, item->detail);
    return apply_slice(worker->db, item, 1, false, &worker->counters);
}

/*
 * Stores items[0..count), halving them while the database refuses a row among them. *ret_done
 * counts what is stored, also when an error ends it half-way.
 */
static int store(struct worker *worker, struct item *items, size_t count, size_t *ret_done)
{
    int err = apply_slice(worker->db, items, count, worker->uncertain, &worker->counters);
    if (err == TIP_EDATA && count == 1)
        err = reject_by_database(worker, items);
    if (err == 0)
        *ret_done += count;
    if (err != TIP_EDATA || count == 1)
        return err;
    err = store(worker, items, count / 2, ret_done);
    return err == 0 ? store(worker, items + count / 2, count - count / 2, ret_done) : err;
}

/* Stores the batch slice by slice; *ret_done as in store. */
static int store_slices(struct worker *worker, size_t *ret_done)
{
    const struct batch *batch = &worker->batch;
    size_t done = 0;
    int err = 0;
    while (err == 0 && done < batch->count) {
        size_t len = barrier_slice(batch->items + done, batch->count - done);
        err = store(worker, batch->items + done, len, &done);
    }
    *ret_done = done;
    return err;
}

/* Takes the stored items out of the front of the batch. */
static void drop_stored(struct batch *batch, size_t done)
{
    struct batch stored = {.items = batch->items, .count = done, .capacity = batch->capacity};
    batch_clear(&stored);
    memmove(batch->items, batch->items + done, (batch->count - done) * sizeof(*batch->items));
    batch->count -= done;
}

/*
 * The database says that another process has our partitions: what comes of them is passed over. If
 * that process has our name as well, it is the one to stay, and beginning anew would take its
 * place: the group is asked first, by a commit.
 */
static void note_fenced(struct worker *worker)
{
    log_warn("ingest", "%s: fenced: another process has taken over", worker->instance);
    worker->counters.fenced++;
    worker->fenced_at_ms = clock_monotonic_ms();
    batch_clear(&worker->batch);
    show_progress(worker);
    owner_drop(worker->owner);
}

/* Within a session's time the group has said that we are replaced, or has taken our partitions;
 * else it takes us for their owner still. */
static bool is_left_alone(const struct worker *worker, int64_t now_ms)
{
    return worker->fenced_at_ms != 0 &&
           now_ms - worker->fenced_at_ms > worker->config->ingest_session_ms;
}

/*
 * Stores the batch, waiting for the database as long as it takes. 0: stored, or dropped because we
 * are stopping or fenced (it will be read again); TIP_EFATAL: an error nobody knows.
 */
static int flush(struct worker *worker)
{
    int64_t pause_ms = BACKOFF_FIRST_MS;
    barrier_order(&worker->batch);
    while (worker->batch.count > 0) {
        size_t done = 0;
        int err = connect_db(worker);
        if (err == 0) {
            err = store_slices(worker, &done);
            worker->uncertain = err == TIP_EUNAVAIL;
            worker->db_used_ms = clock_monotonic_ms();
        }
        drop_stored(&worker->batch, done);
        if (err == 0)
            break;
        if (err == TIP_EFENCED) {
            note_fenced(worker);
            break;
        }
        if (err == TIP_EFATAL || err == TIP_EDATA || err == TIP_ECONFIG) {
            log_error("ingest", "%s: stopped by an unknown database error: %s", worker->instance,
                      worker->db != NULL ? db_error(worker->db) : tip_err_text(err));
            return TIP_EFATAL;
        }
        worker->counters.database_retries++;
        if (worker->db != NULL)
            log_warn("ingest", "%s: %s; repeating", worker->instance, db_error(worker->db));
        if (stopping(worker)) {
            batch_clear(&worker->batch);
            break;
        }
        back_off(worker, &pause_ms);
    }
    worker->uncertain = false;
    show_progress(worker);
    return 0;
}

static void on_revoked(void *arg, bool lost)
{
    struct worker *worker = arg;
    if (!lost && flush(worker) != 0)
        worker->begin_anew = true;
    batch_clear(&worker->batch);
    owner_drop(worker->owner);
    worker->fenced_at_ms = 0; /* the group takes us for a member, and will give partitions anew */
    log_info("ingest", "%s: partitions %s", worker->instance, lost ? "lost" : "given back");
}

static void take(struct worker *worker, struct consumer_message *message, int64_t now_ms)
{
    struct owned_partition *partition =
        owner_find(worker->owner, message->kind, message->partition);
    if (partition == NULL || message->offset < partition->read_next) {
        consumer_message_release(message); /* not ours any more, or seen already */
        return;
    }
    partition->read_next = message->offset + 1;
    batch_add(&worker->batch, message, partition, now_ms);
}

/* How long the next poll may wait: 0 when the batch is due. Short, so that a stop is noticed. */
static int poll_ms(const struct worker *worker, int64_t now_ms)
{
    if (worker->batch.count == 0)
        return POLL_MS;
    int64_t left = worker->batch.started_at_ms + worker->config->ingest_batch_ms - now_ms;
    return left > POLL_MS ? POLL_MS : left > 0 ? (int)left : 0;
}

/* A quarter of a batch is enough where it holds records that met somebody else's backlog. */
static bool is_full(const struct worker *worker)
{
    return batch_is_full(&worker->batch) || (worker->batch.count >= worker->batch.capacity / 4 &&
                                             consumer_gave_few(worker->consumer));
}

static bool is_due(const struct worker *worker, int64_t now_ms)
{
    return worker->batch.count > 0 && (is_full(worker) || poll_ms(worker, now_ms) == 0);
}

/* Reads and stores until stopped, fenced or failed. */
static int consume(struct worker *worker)
{
    int64_t now_ms = clock_monotonic_ms();
    while (!stopping(worker) && !worker->begin_anew) {
        AUTO_BUF problem = {0};
        struct consumer_message message;
        int err = consumer_poll(worker->consumer, poll_ms(worker, now_ms), &message, &problem);
        now_ms = clock_monotonic_ms(); /* once for each message */
        if (err == 0)
            take(worker, &message, now_ms);
        if (worker->fenced_at_ms != 0)
            consumer_turn(worker->consumer); /* what is passed over fills no batch */
        if (err == TIP_ERETRY) {
            log_warn("ingest", "%s: %s; beginning anew", worker->instance, buf_cstr(&problem));
            worker->begin_anew = true;
            return 0;
        }
        if (err < 0) {
            log_error("ingest", "%s: %s", worker->instance, buf_cstr(&problem));
            return err;
        }
        if (is_due(worker, now_ms)) {
            err = flush(worker);
            if (err != 0)
                return err;
            consumer_turn(worker->consumer);
            now_ms = clock_monotonic_ms();
        }
        if (now_ms - worker->reported_at_ms > REPORT_EVERY_MS)
            show_progress(worker);
        stay_connected(worker, now_ms);
        if (is_left_alone(worker, now_ms)) {
            log_warn("ingest", "%s: not replaced in the group; beginning anew", worker->instance);
            worker->begin_anew = true;
        }
    }
    return 0;
}

static void *run(void *arg)
{
    struct worker *worker = arg;
    const struct consumer_events events = {worker, on_assigned, on_revoked};
    int64_t pause_ms = BACKOFF_FIRST_MS;
    int err = 0;
    while (err == 0 && !stopping(worker)) {
        AUTO_BUF problem = {0};
        worker->begin_anew = false;
        worker->fenced_at_ms = 0;
        err =
            consumer_create(worker->config, worker->instance, &events, &worker->consumer, &problem);
        if (err != 0) {
            log_error("ingest", "%s: %s", worker->instance, buf_cstr(&problem));
            break;
        }
        err = consume(worker);
        if (err != 0)
            batch_clear(&worker->batch);
        consumer_destroy(worker->consumer); /* calls on_revoked, which stores the rest */
        worker->consumer = NULL;
        if (err == 0 && worker->begin_anew)
            back_off(worker, &pause_ms);
    }
    worker->result = err;
    atomic_store(&worker->ended, true);
    return NULL;
}

struct worker *worker_new(const struct config *config, const char *instance, int number)
{
    struct worker *worker = xcalloc(1, sizeof(*worker));
    worker->config = config;
    snprintf(worker->instance, sizeof(worker->instance), "%s-%d", instance, number);
    worker->owner = owner_new(config);
    batch_init(&worker->batch, (size_t)config->ingest_batch_records);
    pthread_mutex_init(&worker->db_lock, NULL);
    pthread_mutex_init(&worker->report_lock, NULL);
    return worker;
}

void worker_start(struct worker *worker)
{
    if (pthread_create(&worker->thread, NULL, run, worker) != 0)
        abort(); /* no threads: nothing this program can do */
}

void worker_stop(struct worker *worker)
{
    atomic_store(&worker->stopping, true);
}

void worker_cut(struct worker *worker)
{
    pthread_mutex_lock(&worker->db_lock);
    if (worker->db != NULL)
        db_cut(worker->db);
    pthread_mutex_unlock(&worker->db_lock);
}

int worker_join(struct worker *worker)
{
    pthread_join(worker->thread, NULL);
    return worker->result;
}

void worker_free(struct worker *worker)
{
    batch_release(&worker->batch);
    owner_free(worker->owner);
    db_close(worker->db);
    pthread_mutex_destroy(&worker->db_lock);
    pthread_mutex_destroy(&worker->report_lock);
    free(worker);
}

bool worker_has_ended(struct worker *worker)
{
    return atomic_load(&worker->ended);
}

void worker_read(struct worker *worker, struct ingest_counters *ret_counters, int64_t *ret_lag,
                 size_t *ret_partitions)
{
    pthread_mutex_lock(&worker->report_lock);
    *ret_counters = worker->report;
    *ret_lag = worker->report_lag;
    *ret_partitions = worker->report_partitions;
    pthread_mutex_unlock(&worker->report_lock);
}
