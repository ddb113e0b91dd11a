/*
 * One record as it comes from Kafka, undecoded: what both ways of reading (a member of ingest's
 * group, a node's own follower) hand out.
 */
#ifndef TIPSTER_STREAM_MESSAGE_H
#define TIPSTER_STREAM_MESSAGE_H

#include "domain/change.h"

/* A partition of one of the three topics. */
struct partition {
    enum record_kind kind;
    int32_t number;
    int64_t offset; /* next to read */
};

struct consumer_message {
    enum record_kind kind;
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms; /* when Kafka took it; -1 unknown */
    struct change_source source;
    void *handle; /* owns the bytes of source */
};

void consumer_message_release(struct consumer_message *message);

#endif
