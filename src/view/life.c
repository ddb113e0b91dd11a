/* The life of one view; see life.h. */
#include "view/life.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

#include <pthread.h>
#include <stdlib.h>

enum { REPORT_EVERY_MS = 250 };

struct life {
    const struct config *config;
    struct life_options options;
    char *path;
    pthread_t thread;
    atomic_bool stop;
    bool retire; /* set before stop */

    struct view_writer *writer;
    struct follow *follow;
    struct bootstrap_progress progress;
    int64_t reported_at_ms;
    int result;
    struct buf problem;

    pthread_mutex_t lock; /* for status, and for who asks of follow's identity */
    struct life_status status;
};

static void set_phase(struct life *life, enum life_phase phase)
{
    pthread_mutex_lock(&life->lock);
    life->status.phase = phase;
    pthread_mutex_unlock(&life->lock);
}

static void report(struct life *life, int64_t left)
{
    int64_t now_ms = clock_monotonic_ms();
    if (now_ms - life->reported_at_ms < REPORT_EVERY_MS)
        return;
    life->reported_at_ms = now_ms;
    int64_t lag = follow_lag(life->follow);
    pthread_mutex_lock(&life->lock);
    life->status.left = left;
    life->status.lag = lag;
    life->status.heartbeat_ms = follow_heartbeat_ms(life->follow);
    life->status.is_cut_off = follow_is_cut_off(life->follow);
    life->status.counters = follow_counters(life->follow);
    life->status.size = view_writer_size(life->writer);
    pthread_mutex_unlock(&life->lock);
}

static int set_state(struct life *life, enum view_state state)
{
    int err;
    do {
        err = view_writer_begin(life->writer);
        if (err == 0)
            err = view_writer_set_state(life->writer, state);
        if (err == 0)
            err = view_writer_commit(life->writer);
        if (err != 0)
            view_writer_abort(life->writer);
    } while (err == TIP_ERETRY);
    if (err != 0)
        buf_addf(&life->problem, "writing the view: %s", view_writer_problem(life->writer));
    return err;
}

static int open_writer(struct life *life)
{
    const struct config *config = life->config;
    const struct view_writer_options options = {
        .dir = life->path,
        .boot_id = *config->view_boot_id != '\0' ? config->view_boot_id : NULL,
        .half_life_ms = config->half_life_days * 24 * 3600 * 1000,
        .map_bytes = (size_t)config->view_map_mb << 20,
        .shard = life->options.shard,
        .shards = life->options.shards,
        .create = life->options.is_new,
    };
    int err = view_writer_open(&options, &life->writer, &life->problem);
    if (err != 0 || life->options.is_new)
        return err;
    if (view_writer_meta(life->writer).state == VIEW_SERVING)
        return 0;
    buf_add_text(&life->problem, "it was never finished");
    return TIP_EINVAL;
}

static int start_follow(struct life *life)
{
    struct follow *follow;
    int err = follow_create(life->config, life->writer, &follow, &life->problem);
    if (err != 0)
        return err;
    pthread_mutex_lock(&life->lock);
    life->follow = follow;
    pthread_mutex_unlock(&life->lock);
    return 0;
}

/* Follows until the offsets are passed and the view says how old it is, without which nobody would
 * read it; NULL: until the end. */
static int follow_until(struct life *life, const int64_t *until)
{
    int err = 0;
    while (err == 0 && !atomic_load_explicit(&life->stop, memory_order_relaxed)) {
        int64_t left = until != NULL ? follow_left(life->follow, until) : 0;
        report(life, left);
        if (until != NULL && left == 0 && follow_heartbeat_ms(life->follow) != 0)
            return 0;
        err = follow_step(life->follow, &life->problem);
    }
    return err == 0 && until != NULL ? TIP_ETIMEOUT : err;
}

/* The follower is there before the lists are: it hears from Kafka meanwhile. */
static int fill(struct life *life, int64_t *ret_until)
{
    struct bootstrap *boot =
        bootstrap_new(life->config, life->writer, &life->stop, &life->progress, &life->problem);
    int err = bootstrap_load(boot);
    if (err == 0)
        err = start_follow(life);
    if (err == 0)
        err = bootstrap_finish(boot, ret_until);
    bootstrap_free(boot);
    return err;
}

static int build(struct life *life)
{
    AUTO_FREE int64_t *until =
        xcalloc((size_t)life->config->kafka_partitions * RECORD_KINDS, sizeof(*until));
    set_phase(life, LIFE_LOADING);
    int err = fill(life, until);
    if (err != 0)
        return err;
    set_phase(life, LIFE_CATCHING_UP);
    err = follow_until(life, until);
    return err == 0 ? set_state(life, VIEW_SERVING) : err;
}

static void *run(void *arg)
{
    struct life *life = arg;
    int err = open_writer(life);
    if (err == 0)
        err = life->options.is_new ? build(life) : start_follow(life);
    if (err == 0) {
        set_phase(life, LIFE_SERVING);
        err = follow_until(life, NULL);
    }
    if (err == 0 && life->retire)
        err = set_state(life, VIEW_RETIRED);
    life->result = err;
    set_phase(life, LIFE_ENDED);
    return NULL;
}

struct life *life_start(const struct life_options *options)
{
    struct life *life = xcalloc(1, sizeof(*life));
    life->config = options->config;
    life->options = *options;
    life->path = xstrdup(options->path);
    pthread_mutex_init(&life->lock, NULL);
    if (pthread_create(&life->thread, NULL, run, life) != 0)
        abort(); /* no threads: nothing this program can do */
    return life;
}

struct life_status life_status(struct life *life)
{
    pthread_mutex_lock(&life->lock);
    struct life_status status = life->status;
    pthread_mutex_unlock(&life->lock);
    status.events = atomic_load(&life->progress.events);
    status.users = atomic_load(&life->progress.users);
    status.coupons = atomic_load(&life->progress.coupons);
    status.coupons_total = atomic_load(&life->progress.coupons_total);
    return status;
}

const char *life_path(const struct life *life)
{
    return life->path;
}

bool life_is_of(struct life *life, const struct topic_identity *identity)
{
    pthread_mutex_lock(&life->lock);
    bool is_of = life->follow == NULL || follow_is_of(life->follow, identity);
    pthread_mutex_unlock(&life->lock);
    return is_of;
}

int life_end(struct life *life, bool retire, struct buf *ret_problem)
{
    life->retire = retire;
    atomic_store(&life->stop, true);
    pthread_join(life->thread, NULL);
    int result = life->result;
    if (result != 0)
        buf_add_str(ret_problem, buf_str(&life->problem));
    follow_free(life->follow);
    view_writer_close(life->writer);
    buf_release(&life->problem);
    pthread_mutex_destroy(&life->lock);
    free(life->path);
    free(life);
    return result;
}
