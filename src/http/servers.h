/*
 * Whether the servers behind this one are those of the settings: topics with KAFKA_PARTITIONS
 * partitions, a database with the schema of this program. Wrong ones end the start; where a server
 * does not answer then, the look is repeated until it does, and writes wait for it: a record in the
 * partition of another number would be lost to its readers.
 */
#ifndef TIPSTER_HTTP_SERVERS_H
#define TIPSTER_HTTP_SERVERS_H

#include "base/buf.h"
#include "config/config.h"

struct backend;
struct pool;

/* In the parent, before the fork, after directory_setup. config must live on. */
void servers_setup(const struct config *config);
/*
 * In the parent, before the fork: looks at both servers from a process that ends with the look
 * (their clients' threads would not survive the fork), for 3 s at most; reads the directory too.
 * TIP_ECONFIG with ret_problem: a server answers and is not the right one. 0: right, or no answer.
 */
int servers_check_at_start(struct buf *ret_problem);
/* In the one worker that watches: goes on looking while something is not known to be right. */
void servers_watch(struct pool *pool);

/* Both look now, on a thread of a pool, and note what they see. */
int servers_check_topics(int timeout_ms, struct buf *ret_problem);
int servers_check_schema(struct backend *backend, struct buf *ret_problem);

/* 0 when the topics are right, as far as seen. Otherwise ret_problem says why writes wait. */
int servers_take_writes(struct buf *ret_problem);

#endif
