/*
 * Places in Kafka as clients carry them: the Tipster-Position of a 202 names the last record per
 * topic and partition, "u:3.17;c:3.90,4.2"; the Tipster-After of a read hands it back. Opaque to
 * clients, the same on every node. Pure.
 */
#ifndef TIPSTER_HTTP_POSITION_H
#define TIPSTER_HTTP_POSITION_H

#include "base/buf.h"
#include "domain/record.h"

enum { POSITION_PLACES_MAX = 48, POSITION_BYTES_MAX = 1024 };

struct position_place {
    enum record_kind kind;
    int32_t partition;
    int64_t offset;
};

struct position {
    int count; /* POSITION_PLACES_MAX + 1: too many to be named */
    struct position_place places[POSITION_PLACES_MAX];
};

/* Notes a record; of several in one partition the last counts. */
void position_add(struct position *position, enum record_kind kind, int32_t partition,
                  int64_t offset);
/* Appends the text. False: too many partitions; nothing is appended. */
bool position_write(const struct position *position, struct buf *out);
/* TIP_EINVAL: not one that position_write made for topics of so many partitions. */
int position_read(struct str text, int64_t partitions, struct position *ret_position);

#endif
