/*
 * The records of one transaction: taken from the consumer in order, decoded on arrival. The batch
 * owns the messages and what was decoded from them until batch_clear.
 */
#ifndef TIPSTER_INGEST_BATCH_H
#define TIPSTER_INGEST_BATCH_H

#include "domain/change.h"
#include "domain/decide.h"
#include "store/offsets.h"
#include "stream/consumer.h"

/* A partition we own: the claim in the database and how far the batch goes. */
struct owned_partition {
    struct partition_claim claim;
    enum record_kind kind;
    int64_t read_next; /* the next offset to come from Kafka */
    bool in_slice;     /* scratch of apply */
    int64_t slice_end; /* scratch of apply: next_offset when the slice is stored */
    int level;         /* scratch of barrier */
};

struct item {
    struct consumer_message message;
    struct owned_partition *partition;
    uint64_t position;
    int level;     /* see barrier.h */
    bool rejected; /* poison, or refused by the database: only to be written to `rejected` */
    enum reject_reason reason;
    struct change change; /* valid unless rejected as malformed */
    char detail[160];
};

struct batch {
    struct item *items;
    size_t count, capacity;
    int64_t started_at_ms; /* monotonic, when the first item came */
};

void batch_init(struct batch *batch, size_t capacity);
/* Takes the message over. The batch must not be full. */
void batch_add(struct batch *batch, struct consumer_message *message,
               struct owned_partition *partition, int64_t now_ms);
static inline bool batch_is_full(const struct batch *batch)
{
    return batch->count == batch->capacity;
}
/* Whether the item takes away what stands before it. */
static inline bool item_is_erasure(const struct item *item)
{
    return !item->rejected && item->change.kind == CHANGE_ERASE;
}
void batch_clear(struct batch *batch);
void batch_release(struct batch *batch);

#endif
