/*
 * Folding a batch per key, in offset order, into the rows to write: of users and events the state
 * after the last change that applies, of coupons one attempt per id and round. What applies is
 * decided by domain/decide.h from what the database holds.
 */
#ifndef TIPSTER_INGEST_FOLD_H
#define TIPSTER_INGEST_FOLD_H

#include "ingest/batch.h"
#include "ingest/tally.h"
#include "store/ingest_status.h"
#include "store/write.h"

/* Items of the slice that cannot be stored, found on the way. */
struct rejects {
    struct item **items; /* capacity: the size of the slice */
    size_t count;
};

/* Each writes the items of its kind, inside the caller's transaction; counters and tally are added
 * to. */
int fold_users(struct db *db, struct item *const *items, size_t count,
               struct ingest_counters *counters, struct tally *tally);
int fold_events(struct db *db, struct item *const *items, size_t count,
                struct ingest_counters *counters, struct tally *tally);
int fold_coupons(struct db *db, struct item **items, size_t count, struct rejects *rejects,
                 struct ingest_counters *counters, struct tally *tally);

#endif
