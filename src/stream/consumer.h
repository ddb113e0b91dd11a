/*
 * A member of ingest's consumer group. Where to start in a partition is its owner's decision (the
 * database knows, not Kafka): `assigned` returns the offsets, `revoked` ends the owner's use of
 * them. Commits to Kafka are for showing lag only.
 */
#ifndef TIPSTER_STREAM_CONSUMER_H
#define TIPSTER_STREAM_CONSUMER_H

#include "base/buf.h"
#include "config/config.h"
#include "stream/message.h"

struct consumer;

struct consumer_events {
    void *arg;
    /*
     * The group gives these partitions: the owner fills in each offset. It may block (retrying its
     * database); a non-zero return means it is stopping: nothing is read then.
     */
    int (*assigned)(void *arg, struct partition *partitions, size_t count);
    /* The group takes all partitions away; lost: they may have another owner already. */
    void (*revoked)(void *arg, bool lost);
};

/* instance_id: unique in the group. config and events must outlive the consumer. */
int consumer_create(const struct config *config, const char *instance_id,
                    const struct consumer_events *events, struct consumer **ret_consumer,
                    struct buf *ret_problem);

/*
 * The next message. 0: ret_message is filled, release it; 1: none within timeout_ms; TIP_EFENCED:
 * another process has this instance id; TIP_ERETRY: an outage ended this consumer, make another
 * one; TIP_EFATAL: reading cannot go on (ret_problem says why, for example records expired unread):
 * stop and tell an operator.
 */
int consumer_poll(struct consumer *consumer, int timeout_ms, struct consumer_message *ret_message,
                  struct buf *ret_problem);

/*
 * To be called after each batch: the next one begins with what is there of partitions with few
 * records, and is filled from the backlog of another partition than the one before.
 */
void consumer_turn(struct consumer *consumer);

/*
 * Whether the batch since then has records of partitions with few: what is added to it from the
 * backlogs keeps those waiting.
 */
bool consumer_gave_few(const struct consumer *consumer);

/* Tells Kafka how far partitions are stored, for whoever looks at lag. Never waits. */
void consumer_commit(struct consumer *consumer, const struct partition *partitions, size_t count);

/* The end of a partition as of the last fetch, or -1. For showing lag. */
int64_t consumer_high_watermark(struct consumer *consumer, const struct partition *partition);

/*
 * Leaves the group (revoked is called) and frees. Where Kafka has not answered for 5 s it is not
 * freed: its threads wait for that answer as long as the process lives.
 */
void consumer_destroy(struct consumer *consumer);

#endif
