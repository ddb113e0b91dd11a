/*
 * Keeps a view current: reads the topics from the view's own offsets and applies what comes, many
 * records per transaction, offsets in the same one. Whenever it stands at the end of the topics it
 * says so in the view (the heartbeat), so that readers know how old the view is. One thread.
 */
#ifndef TIPSTER_VIEW_FOLLOW_H
#define TIPSTER_VIEW_FOLLOW_H

#include "config/config.h"
#include "stream/topics.h"
#include "view/writer.h"

/* Counters since the start; X(field, name of the metric, help). */
#define FOLLOW_COUNTERS(X)                                                                         \
    X(applied, "tipster_index_applied_total", "Records that changed the view.")                    \
    X(absorbed, "tipster_index_absorbed_total", "Repeated coupons that changed nothing.")          \
    X(superseded, "tipster_index_superseded_total",                                                \
      "Users and events that something newer had overtaken.")                                      \
    X(rejected, "tipster_index_rejected_total",                                                    \
      "Coupons of an id that holds another content, and records of another form.")                 \
    X(batches, "tipster_index_batches_total", "Transactions with records.")                        \
    X(grown, "tipster_index_map_grown_total", "Times the view's map had to grow.")

struct follow_counters {
#define X(field, metric, help) uint64_t field;
    FOLLOW_COUNTERS(X)
#undef X
};

struct follow;

/*
 * writer stays the caller's and must have the offsets of all partitions. TIP_EINVAL: it has not, or
 * of another number of partitions: the view is to be built again. TIP_ECONFIG. ret_problem says why
 * in one line, also for follow_step.
 */
int follow_create(const struct config *config, struct view_writer *writer,
                  struct follow **ret_follow, struct buf *ret_problem);

/*
 * Waits for records up to some 50 ms and applies one batch. TIP_EINVAL: records are missing in
 * Kafka; TIP_EIO, TIP_EFATAL: the view or the client failed. What was applied stays.
 */
int follow_step(struct follow *follow, struct buf *ret_problem);

/* How many records are still before the offsets, RECORD_KINDS * KAFKA_PARTITIONS of them, by kind,
 * then by partition. */
int64_t follow_left(const struct follow *follow, const int64_t *until);

/* Whether the offsets are of these topics (RECORD_KINDS of them), and not of earlier ones. */
bool follow_is_of(const struct follow *follow, const struct topic_identity *identity);

struct follow_counters follow_counters(const struct follow *follow);
/* Records known to be in Kafka and not in the view. */
int64_t follow_lag(struct follow *follow);
/* Real time when it last stood at the end of the topics; 0: never. */
int64_t follow_heartbeat_ms(const struct follow *follow);
bool follow_is_cut_off(const struct follow *follow);

/* NULL is allowed. What was read and not applied will be read again. */
void follow_free(struct follow *follow);

#endif
