/*
 * What a slice adds to the counts of rows (store/record_counts.h), collected while it is written.
 */
#ifndef TIPSTER_INGEST_TALLY_H
#define TIPSTER_INGEST_TALLY_H

#include "ingest/batch.h"
#include "store/record_counts.h"

/* Zero-initialised is empty. */
struct tally {
    struct record_count *counts;
    size_t count, capacity, last;
};

/* n rows more (or fewer) by the item, and `stored` records. */
void tally_add(struct tally *tally, enum counted kind, const struct item *item, int64_t n,
               int64_t stored);
/* Writes all of it. */
int tally_write(struct db *db, struct tally *tally);
void tally_release(struct tally *tally);

#endif
