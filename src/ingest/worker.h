/*
 * One consumer of ingest: a thread with a group member and a database connection of its own. It
 * collects batches by count and time and stores each in a transaction; it waits while the database
 * is gone, and begins anew when it has been fenced.
 */
#ifndef TIPSTER_INGEST_WORKER_H
#define TIPSTER_INGEST_WORKER_H

#include "config/config.h"
#include "store/ingest_status.h"

struct worker;

/* number: from 0, makes the group instance id together with the process's name `instance`. */
struct worker *worker_new(const struct config *config, const char *instance, int number);
/* Starts the thread. */
void worker_start(struct worker *worker);
/* Asks the thread to store what it has and end; does not wait. */
void worker_stop(struct worker *worker);
/* From any thread: what it waits for from the database fails, as if that were gone. */
void worker_cut(struct worker *worker);
/* Waits for the end. 0, or the TIP_EFATAL or TIP_EFENCED that ended it. */
int worker_join(struct worker *worker);
void worker_free(struct worker *worker);

/* For the status line; from any thread. */
bool worker_has_ended(struct worker *worker);
void worker_read(struct worker *worker, struct ingest_counters *ret_counters, int64_t *ret_lag,
                 size_t *ret_partitions);

#endif
