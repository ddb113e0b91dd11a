/*
 * How far each Kafka partition is stored: claimed by its owner (epoch), locked at the start of each
 * transaction and advanced in it. This is what makes ingest exactly-once: rows and offset commit
 * together, and an owner who was replaced finds another epoch.
 */
#ifndef TIPSTER_STORE_OFFSETS_H
#define TIPSTER_STORE_OFFSETS_H

#include "domain/record.h"
#include "store/db.h"

struct partition_claim {
    const char *topic;
    int32_t partition;
    const char *cluster_id, *topic_id; /* what Kafka says now */
    /* set by offsets_claim */
    unsigned generation;
    int64_t next_offset; /* first that is not stored */
    uint64_t epoch;
};

/*
 * Makes the caller the owner of these partitions, in one transaction: epoch rises by one; another
 * cluster or topic id than last time starts another generation at the beginning.
 * Call db_rollback after an error.
 */
int offsets_claim(struct db *db, struct partition_claim *claims, size_t count);

/*
 * Inside a transaction: locks the row and tells what stands in it. TIP_EFENCED when it has another
 * owner. The caller compares *ret_next with what it expects: a difference also
 * means that the batch is not to be written, except that its own end there means that it was, when
 * the answer to a commit got lost.
 */
int offsets_lock(struct db *db, const struct partition_claim *claim, int64_t *ret_next);

/* Inside the same transaction: next_offset becomes new_next. TIP_EFENCED when the row is not as
 * expected. */
int offsets_advance(struct db *db, const struct partition_claim *claim, int64_t new_next);

struct stored_offset {
    char cluster_id[65], topic_id[65];
    unsigned generation; /* 0: nothing of the partition was ever read; the rest is then empty */
    int64_t next_offset; /* first that is not stored */
};

/* For who looks on from outside: how far each of the topic's `partitions` is stored. */
int offsets_read(struct db *db, const char *topic, size_t partitions,
                 struct stored_offset *ret_offsets);

#endif
