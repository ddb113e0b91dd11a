/*
 * Whether this process can do its work: checks of the servers behind it, run on a thread of their
 * own so that a busy database pool does not hide them.
 */
#ifndef TIPSTER_HTTP_HEALTH_H
#define TIPSTER_HTTP_HEALTH_H

struct pool;

/* Once per worker. pool: one thread with a backend, for the checks. */
void health_setup(struct pool *pool);

#endif
