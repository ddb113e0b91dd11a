/*
 * The partitions that a consumer owns: claimed in the database when the group gives them, so that
 * whoever had them before cannot write any more.
 */
#ifndef TIPSTER_INGEST_OWNER_H
#define TIPSTER_INGEST_OWNER_H

#include "ingest/batch.h"

struct owner;

struct owner *owner_new(const struct config *config);
void owner_free(struct owner *owner);

/*
 * Claims the partitions: fills in each offset to start from. Errors of offsets_claim, and
 * TIP_EUNAVAIL with ret_problem when Kafka does not say who it is. On failure the owner has
 * nothing.
 */
int owner_claim(struct owner *owner, struct db *db, struct partition *partitions, size_t count,
                struct buf *ret_problem);
/* Has nothing any more. Batches that point into it must be cleared first. */
void owner_drop(struct owner *owner);

/* NULL when we do not own it. */
struct owned_partition *owner_find(struct owner *owner, enum record_kind kind, int32_t number);

/* All of them, for commits and lag. */
size_t owner_list(struct owner *owner, struct partition *ret_partitions, size_t capacity);

#endif
