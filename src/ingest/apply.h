/*
 * One slice of a batch into the database, exactly once: rows, rejects and offsets in one
 * transaction.
 */
#ifndef TIPSTER_INGEST_APPLY_H
#define TIPSTER_INGEST_APPLY_H

#include "ingest/batch.h"
#include "store/ingest_status.h"

/*
 * Stores items[0..count). uncertain: an earlier attempt lost its connection, perhaps after the
 * commit: then finding the slice's end in the database means that it is done. On success the
 * claims' next_offset are the slice's ends and counters are added to; on failure the transaction is
 * rolled back and nothing changed. Errors: TIP_EFENCED (another owner, or offsets not as expected:
 * drop the batch), TIP_EDATA (a row cannot be stored: bisect), the others as in db.h.
 */
int apply_slice(struct db *db, struct item *items, size_t count, bool uncertain,
                struct ingest_counters *counters);

#endif
