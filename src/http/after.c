/* Reading one's own writes; see after.h. */
#include "http/after.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "http/backend.h"
#include "http/call_state.h"
#include "http/loop.h"
#include "http/metrics.h"
#include "http/node_view.h"
#include "http/reply.h"
#include "store/offsets.h"
#include "stream/topics.h"

#include <stdlib.h>

enum { TICK_MS = 2, SQL_EVERY_MS = 10 };

/* How far a path is: the first offset that is not in it, by kind, then by partition. */
struct progress {
    int64_t *next;
    bool known;
};

static const struct config *config;
static struct pool *database;
static char topics[RECORD_KINDS][TOPIC_NAME_SIZE];
static struct progress view, sql;
static bool is_ticking, is_reading, somebody_wants_sql;
static int64_t next_reading_ms;

/* By turns the thread's and the loop's. */
static struct reading {
    struct pool_job job; /* first */
    int err;
    struct stored_offset *offsets;
} reading;

static size_t partitions(void)
{
    return (size_t)config->kafka_partitions;
}

void after_setup(const struct config *settings, struct pool *pool)
{
    config = settings;
    database = pool;
    view.next = xcalloc(RECORD_KINDS * partitions(), sizeof(*view.next));
    sql.next = xcalloc(RECORD_KINDS * partitions(), sizeof(*sql.next));
    reading.offsets = xcalloc(RECORD_KINDS * partitions(), sizeof(*reading.offsets));
    for (int kind = 0; kind < RECORD_KINDS; kind++)
        topic_name(config, (enum record_kind)kind, topics[kind]);
}

bool after_read(struct call *call)
{
    if (call->after.len == 0 ||
        position_read(call->after, config->kafka_partitions, &call->position) == 0)
        return true;
    reply_problem(call, PROBLEM_BAD_PARAMETER, "Tipster-After: not a Tipster-Position of a 202");
    return false;
}

static int64_t next_in_view(struct view_reader *reader, enum record_kind kind, int32_t partition)
{
    struct view_offset offset;
    int err = view_reader_offset(reader, str_of(topics[kind]), partition, &offset);
    return err == 0 ? offset.next_offset : 0;
}

bool after_is_in_view(const struct call *call, struct view_reader *reader)
{
    for (int i = 0; i < call->position.count; i++) {
        const struct position_place *place = &call->position.places[i];
        if (next_in_view(reader, place->kind, place->partition) <= place->offset)
            return false;
    }
    return true;
}

static bool is_past(const struct progress *progress, const struct position *position)
{
    if (position->count == 0)
        return true;
    for (int i = 0; progress->known && i < position->count; i++) {
        const struct position_place *place = &position->places[i];
        if (progress->next[place->kind * partitions() + (size_t)place->partition] <= place->offset)
            return false;
    }
    return progress->known;
}

bool after_is_in_sql(const struct call *call)
{
    return is_past(&sql, &call->position);
}

static void look_at_view(void)
{
    struct view_reader *reader;
    view.known = node_view_begin(&reader) == NODE_VIEW_SERVES;
    if (!view.known)
        return;
    for (int kind = 0; kind < RECORD_KINDS; kind++)
        for (size_t i = 0; i < partitions(); i++)
            view.next[(size_t)kind * partitions() + i] =
                next_in_view(reader, (enum record_kind)kind, (int32_t)i);
    node_view_end();
}

static void read_on_thread(struct pool_job *job, void *backend)
{
    struct db *db;
    struct reading *own = (struct reading *)job;
    own->err = backend_db(backend, &db);
    for (size_t kind = 0; own->err == 0 && kind < RECORD_KINDS; kind++)
        own->err = offsets_read(db, topics[kind], partitions(), own->offsets + kind * partitions());
}

static void have_read(struct pool_job *job)
{
    const struct reading *own = (const struct reading *)job;
    is_reading = false;
    if (own->err != 0)
        return;
    for (size_t i = 0; i < RECORD_KINDS * partitions(); i++)
        sql.next[i] = own->offsets[i].next_offset;
    sql.known = true;
}

static void look_at_sql(int64_t now_ms)
{
    if (is_reading || now_ms < next_reading_ms)
        return;
    next_reading_ms = now_ms + SQL_EVERY_MS;
    reading.job = (struct pool_job){.run = read_on_thread, .done = have_read};
    is_reading = pool_submit(database, &reading.job) == 0;
}

static enum call_fate judge(const struct call *call, int64_t now_ms)
{
    if (now_ms >= call->started_us / 1000 + AFTER_LIMIT_MS)
        return CALL_IS_LATE;
    bool wants_sql = call->after_path == AFTER_SQL;
    somebody_wants_sql |= wants_sql;
    if (wants_sql ? is_past(&sql, &call->position) : !view.known || is_past(&view, &call->position))
        return CALL_WAKES;
    return CALL_SLEEPS_ON;
}

static void tick(void *arg)
{
    (void)arg;
    int64_t now_ms = clock_monotonic_ms();
    look_at_view();
    if (somebody_wants_sql)
        look_at_sql(now_ms);
    somebody_wants_sql = false;
    int left = call_judge_sleeping(judge, now_ms);
    metrics_set(METRIC_AFTER_WAITING, left);
    is_ticking = left > 0;
    if (is_ticking)
        loop_once(tick, NULL, TICK_MS);
}

void after_wait(struct call *call, enum after_path path, call_woken_fn woken, void *arg)
{
    metrics_add(METRIC_AFTER_WAITS, 1);
    call->after_path = path;
    somebody_wants_sql |= path == AFTER_SQL;
    call_sleep(call, woken, arg);
    if (!is_ticking)
        loop_once(tick, NULL, TICK_MS);
    is_ticking = true;
}
