/* Applying what comes; see follow.h. */
#include "view/follow.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "stream/tail.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    IDLE_MS = 50,
    HEARTBEAT_EVERY_MS = 250,
    FIRST_HEARTBEAT_MS = 5, /* until there is one: nobody reads a new view before */
    PRUNE_EVERY_MS = 30000,
    PRUNE_EVENTS = 2000,
};

struct item {
    struct consumer_message message;
    struct change change;
    bool readable; /* decoded */
};

/* A partition as the view has it. */
struct source {
    unsigned generation;
    int64_t next_offset;
    char cluster_id[65], topic_id[65];
    bool touched; /* in this batch */
};

struct follow {
    const struct config *config;
    struct view_writer *writer;
    struct tail *tail;
    char topics[RECORD_KINDS][TOPIC_NAME_SIZE];
    struct source *sources; /* by kind, then by partition */
    struct item *items;
    size_t count, capacity;
    int64_t heartbeat_ms;                     /* real time, as written */
    int64_t marked_at_ms;                     /* real time of the tail's mark; 0: none */
    int64_t beat_at_ms, prune_at_ms;          /* monotonic: when due again */
    bool is_pruning;                          /* the last round left something */
    struct follow_counters counters, pending; /* pending: of the transaction */
};

static size_t source_count(const struct follow *follow)
{
    return (size_t)follow->config->kafka_partitions * RECORD_KINDS;
}

static struct source *source_of(const struct follow *follow, const struct consumer_message *message)
{
    return &follow->sources[(size_t)message->kind * (size_t)follow->config->kafka_partitions +
                            (size_t)message->partition];
}

static void copy_id(char *ret_id, size_t size, struct str id)
{
    snprintf(ret_id, size, "%.*s", (int)id.len, id.data);
}

static int take_offset(void *ctx, const struct view_partition *partition)
{
    struct follow *follow = ctx;
    int kind = 0;
    while (kind < RECORD_KINDS && !str_equal(partition->topic, str_of(follow->topics[kind])))
        kind++;
    if (kind == RECORD_KINDS || partition->partition >= follow->config->kafka_partitions)
        return TIP_EINVAL;
    struct source *source =
        &follow->sources[kind * follow->config->kafka_partitions + partition->partition];
    source->generation = partition->generation;
    source->next_offset = partition->next_offset;
    copy_id(source->cluster_id, sizeof(source->cluster_id), partition->cluster_id);
    copy_id(source->topic_id, sizeof(source->topic_id), partition->topic_id);
    return 0;
}

static int read_offsets(struct follow *follow, struct buf *ret_problem)
{
    int err = view_writer_begin(follow->writer);
    if (err == 0)
        err = view_writer_each_offset(follow->writer, take_offset, follow);
    view_writer_abort(follow->writer);
    for (size_t i = 0; err == 0 && i < source_count(follow); i++)
        if (follow->sources[i].generation == 0)
            err = TIP_EINVAL;
    if (err != 0)
        buf_addf(ret_problem, "its offsets are not those of %lld partitions of %s…",
                 (long long)follow->config->kafka_partitions, follow->topics[0]);
    return err;
}

static int start_tail(struct follow *follow, struct buf *ret_problem)
{
    AUTO_FREE int64_t *next = xcalloc(source_count(follow), sizeof(*next));
    for (size_t i = 0; i < source_count(follow); i++)
        next[i] = follow->sources[i].next_offset;
    return tail_create(follow->config, next, &follow->tail, ret_problem);
}

int follow_create(const struct config *config, struct view_writer *writer,
                  struct follow **ret_follow, struct buf *ret_problem)
{
    struct follow *follow = xcalloc(1, sizeof(*follow));
    follow->config = config;
    follow->writer = writer;
    follow->capacity = (size_t)config->index_batch_records;
    follow->items = xcalloc(follow->capacity, sizeof(*follow->items));
    follow->sources = xcalloc(source_count(follow), sizeof(*follow->sources));
    for (int kind = 0; kind < RECORD_KINDS; kind++)
        topic_name(config, (enum record_kind)kind, follow->topics[kind]);
    int err = read_offsets(follow, ret_problem);
    if (err == 0)
        err = start_tail(follow, ret_problem);
    if (err == 0)
        *ret_follow = follow;
    else
        follow_free(follow);
    return err;
}

static void clear_batch(struct follow *follow)
{
    for (size_t i = 0; i < follow->count; i++) {
        if (follow->items[i].readable)
            change_release(&follow->items[i].change);
        consumer_message_release(&follow->items[i].message);
    }
    follow->count = 0;
}

void follow_free(struct follow *follow)
{
    if (follow == NULL)
        return;
    clear_batch(follow);
    tail_destroy(follow->tail);
    free(follow->items);
    free(follow->sources);
    free(follow);
}

static void add_item(struct follow *follow, const struct consumer_message *message)
{
    char detail[160];
    struct item *item = &follow->items[follow->count++];
    item->message = *message;
    item->change.record.json = NULL;
    item->readable =
        change_decode(message->kind, &message->source, &item->change, detail, sizeof(detail)) == 0;
    if (!item->readable)
        log_debug("index", "%s [%d] at %lld: %s", follow->topics[message->kind], message->partition,
                  (long long)message->offset, detail);
}

/* Collects until the batch is full or as old as it may get; waits for its first record only a
 * little. */
static int collect(struct follow *follow, struct buf *ret_problem)
{
    int64_t deadline_us = 0;
    int idle_ms = follow->heartbeat_ms == 0 ? FIRST_HEARTBEAT_MS : IDLE_MS;
    if (view_writer_is_behind(follow->writer))
        idle_ms = 0;
    while (follow->count < follow->capacity) {
        int64_t left_us = deadline_us - clock_monotonic_us();
        if (follow->count > 0 && left_us <= 0)
            break;
        struct consumer_message message;
        int wait_ms = follow->count == 0 ? idle_ms : (int)((left_us + 999) / 1000);
        int err = tail_poll(follow->tail, wait_ms, &message, ret_problem);
        if (err < 0)
            return err == TIP_ENOTFOUND ? TIP_EINVAL : err;
        if (err > 0 && follow->count == 0)
            break;
        if (err > 0)
            continue;
        if (follow->count == 0)
            deadline_us = clock_monotonic_us() + follow->config->index_batch_ms * 1000;
        add_item(follow, &message);
    }
    return 0;
}

static int apply_item(struct follow *follow, const struct item *item)
{
    struct source *source = source_of(follow, &item->message);
    enum decision decision = DECISION_REJECT;
    source->touched = true;
    source->next_offset = item->message.offset + 1;
    if (item->readable) {
        const struct view_position position = {
            item->message.partition, position_of(source->generation, item->message.offset)};
        int err = view_writer_apply(follow->writer, &item->change, &position, &decision);
        if (err != 0)
            return err;
    }
    follow->pending.applied += decision == DECISION_APPLY;
    follow->pending.absorbed += decision == DECISION_ABSORB;
    follow->pending.superseded += decision == DECISION_SUPERSEDED;
    follow->pending.rejected += decision == DECISION_REJECT;
    return 0;
}

static int write_offsets(struct follow *follow)
{
    int err = 0;
    for (size_t i = 0; err == 0 && i < source_count(follow); i++) {
        const struct source *source = &follow->sources[i];
        if (!source->touched)
            continue;
        size_t partitions = (size_t)follow->config->kafka_partitions;
        const struct view_partition partition = {.topic = str_of(follow->topics[i / partitions]),
                                                 .partition = (int32_t)(i % partitions),
                                                 .generation = source->generation,
                                                 .next_offset = source->next_offset,
                                                 .cluster_id = str_of(source->cluster_id),
                                                 .topic_id = str_of(source->topic_id)};
        err = view_writer_set_offset(follow->writer, &partition);
    }
    return err;
}

/* What else is due goes into the same transaction. */
struct chores {
    int64_t heartbeat_ms; /* 0: none */
    bool prune;
};

static int do_chores(struct follow *follow, const struct chores *chores)
{
    int err = 0;
    if (chores->heartbeat_ms != 0)
        err = view_writer_set_heartbeat(follow->writer, chores->heartbeat_ms);
    if (err != 0 || !chores->prune)
        return err;
    int64_t keep_ms = follow->config->index_past_hours * 3600 * 1000;
    err = view_writer_prune(follow->writer, clock_realtime_ms() - keep_ms, PRUNE_EVENTS);
    follow->is_pruning = err > 0;
    return err < 0 ? err : 0;
}

static int write_batch(struct follow *follow, const struct chores *chores)
{
    follow->pending = (struct follow_counters){0};
    int err = view_writer_begin(follow->writer);
    for (size_t i = 0; err == 0 && i < follow->count; i++)
        err = apply_item(follow, &follow->items[i]);
    if (err == 0)
        err = write_offsets(follow);
    if (err == 0)
        err = do_chores(follow, chores);
    if (err == 0)
        err = view_writer_commit(follow->writer);
    if (err != 0)
        view_writer_abort(follow->writer);
    return err;
}

static void note_written(struct follow *follow)
{
    for (size_t i = 0; i < source_count(follow); i++)
        follow->sources[i].touched = false;
#define X(field, metric, help) follow->counters.field += follow->pending.field;
    FOLLOW_COUNTERS(X)
#undef X
    follow->counters.batches += follow->count > 0;
    clear_batch(follow);
}

/*
 * The moment of which the view holds everything, once this batch is in: now, when nothing more is
 * known to be in Kafka; under a steady stream, when records always wait, the moment of the last
 * mark once that is passed. 0: neither, or not due.
 */
static int64_t next_heartbeat(struct follow *follow, int64_t now_ms)
{
    if (now_ms < follow->beat_at_ms)
        return 0;
    follow->beat_at_ms =
        now_ms + (follow->heartbeat_ms == 0 ? FIRST_HEARTBEAT_MS : HEARTBEAT_EVERY_MS);
    bool is_past = follow->marked_at_ms != 0 && tail_is_past_mark(follow->tail);
    int64_t moment_ms = is_past ? follow->marked_at_ms : 0;
    if (is_past || follow->marked_at_ms == 0)
        follow->marked_at_ms = tail_mark(follow->tail) ? clock_realtime_ms() : 0;
    return tail_is_current(follow->tail) ? clock_realtime_ms() : moment_ms;
}

int follow_step(struct follow *follow, struct buf *ret_problem)
{
    int err = collect(follow, ret_problem);
    if (err != 0)
        return err;
    int64_t now_ms = clock_monotonic_ms();
    struct chores chores = {.heartbeat_ms = next_heartbeat(follow, now_ms),
                            .prune = follow->is_pruning || now_ms >= follow->prune_at_ms};
    if (chores.prune)
        follow->prune_at_ms = now_ms + PRUNE_EVERY_MS;
    if (follow->count == 0 && chores.heartbeat_ms == 0 && !chores.prune &&
        !view_writer_is_behind(follow->writer))
        return 0;
    while ((err = write_batch(follow, &chores)) == TIP_ERETRY)
        follow->counters.grown++;
    if (err != 0) {
        buf_addf(ret_problem, "writing the view: %s", view_writer_problem(follow->writer));
        return err;
    }
    if (chores.heartbeat_ms != 0)
        follow->heartbeat_ms = chores.heartbeat_ms;
    note_written(follow);
    return 0;
}

int64_t follow_left(const struct follow *follow, const int64_t *until)
{
    int64_t left = 0;
    for (size_t i = 0; i < source_count(follow); i++)
        if (follow->sources[i].next_offset < until[i])
            left += until[i] - follow->sources[i].next_offset;
    return left;
}

struct follow_counters follow_counters(const struct follow *follow)
{
    return follow->counters;
}

int64_t follow_lag(struct follow *follow)
{
    return tail_lag(follow->tail);
}

int64_t follow_heartbeat_ms(const struct follow *follow)
{
    return follow->heartbeat_ms;
}

bool follow_is_of(const struct follow *follow, const struct topic_identity *identity)
{
    size_t partitions = (size_t)follow->config->kafka_partitions;
    for (size_t i = 0; i < source_count(follow); i++) {
        const struct topic_identity *now = &identity[i / partitions];
        if (strcmp(follow->sources[i].cluster_id, now->cluster_id) != 0 ||
            strcmp(follow->sources[i].topic_id, now->topic_id) != 0)
            return false;
    }
    return true;
}

bool follow_is_cut_off(const struct follow *follow)
{
    return tail_is_cut_off(follow->tail);
}
