/*
 * Users of all companies from the database, in chunks and in key order, read ahead by a few threads
 * with a connection each: while one reads the selections of its users, another begins with the next
 * users. The reader of the chunks is one thread.
 */
#ifndef TIPSTER_VIEW_CHUNKS_H
#define TIPSTER_VIEW_CHUNKS_H

#include "store/snapshot.h"

struct chunks;

/* companies: sorted; they and config must outlive the chunks. Starts the threads. */
struct chunks *chunks_start(const struct config *config, const struct str *companies,
                            size_t company_count);

/*
 * The next chunk: 0 with ret_users (good until the next call), 1 at the end. An error of db.h, with
 * ret_problem, ends the reading for good: begin anew.
 */
int chunks_next(struct chunks *chunks, const struct snapshot_users **ret_users,
                struct buf *ret_problem);

/* Ends the threads, at the end or before it. NULL is allowed. */
void chunks_stop(struct chunks *chunks);

#endif
