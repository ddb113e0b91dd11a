/*
 * What the ingest processes say of themselves in the database, for /metrics: read every few seconds
 * by one worker and shared by all of them. What was read last stays while the database is away.
 */
#ifndef TIPSTER_HTTP_INGEST_WATCH_H
#define TIPSTER_HTTP_INGEST_WATCH_H

#include "base/buf.h"

struct pool;

/* In the parent, before the fork. */
void ingest_watch_setup(void);
/* In the one worker that watches; pool: threads with a backend. */
void ingest_watch_start(struct pool *pool);
/* Appends metrics of each process heard of lately. */
void ingest_watch_render(struct buf *out);

#endif
