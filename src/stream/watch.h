/*
 * How far ingest is behind, seen from outside of it: the ends of the partitions against what the
 * group has committed. Works also when ingest or the database is down, which is when it matters.
 * Calls block (up to timeout_ms each): for a thread of its own.
 */
#ifndef TIPSTER_STREAM_WATCH_H
#define TIPSTER_STREAM_WATCH_H

#include "base/buf.h"
#include "config/config.h"
#include "domain/record.h"

struct watch;

struct lag {
    enum record_kind kind;
    int32_t partition;
    int64_t records; /* not stored yet; -1 unknown */
    bool expiring;   /* the oldest unread record is older than half the retention time */
};

int watch_create(const struct config *config, struct watch **ret_watch, struct buf *ret_problem);
/*
 * Fills ret_lags, RECORD_KINDS * KAFKA_PARTITIONS of them. now_ms: the real clock.
 * TIP_EUNAVAIL when Kafka does not answer.
 */
int watch_read(struct watch *watch, int64_t now_ms, int timeout_ms, struct lag *ret_lags);
/*
 * The offset after the last record of every partition: RECORD_KINDS * KAFKA_PARTITIONS of them, by
 * kind, then by partition. TIP_EUNAVAIL when Kafka does not say all of them.
 */
int watch_ends(struct watch *watch, int timeout_ms, int64_t *ret_ends);
void watch_destroy(struct watch *watch);

#endif
