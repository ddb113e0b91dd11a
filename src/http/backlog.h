/*
 * How far ingest is behind, watched by one worker for all of them. When the oldest record that is
 * not stored yet is older than half of Kafka's retention time, writes are refused: an accepted
 * record must not expire unread.
 */
#ifndef TIPSTER_HTTP_BACKLOG_H
#define TIPSTER_HTTP_BACKLOG_H

#include "config/config.h"
#include "domain/record.h"

/* In the parent, before the fork. config must live on. */
void backlog_setup(const struct config *config);
/* In the one worker that watches. config must live on. */
void backlog_watch(struct config *config);
/* Whether writes must be refused, as seen last. */
bool backlog_is_expiring(void);

/* The records of a partition that are not stored yet, as seen last; -1: not known. */
int64_t backlog_records(enum record_kind kind, int32_t partition);

/* Appends metrics: the lag of each partition, as seen last. */
void backlog_render(struct buf *out);

#endif
