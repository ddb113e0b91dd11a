/*
 * Erasures as barriers: one is stored in a transaction after everything that stands before it in
 * its partition, and before everything after it. A batch is put in an order in which that takes few
 * transactions: by level, where an item's level is how often its partition has changed before it
 * between erasures and other records (odd: erasures). Each partition keeps its order. A batch
 * without erasures is one slice, as it came.
 */
#ifndef TIPSTER_INGEST_BARRIER_H
#define TIPSTER_INGEST_BARRIER_H

#include "ingest/batch.h"

/* Gives the items their levels and sorts them; once per batch, before its first slice is stored. */
void barrier_order(struct batch *batch);

/* How many of the items, from the first on, go into one transaction: 1 to count. */
size_t barrier_slice(const struct item *items, size_t count);

#endif
