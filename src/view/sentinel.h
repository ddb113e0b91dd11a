/*
 * Asks Kafka every few seconds, on a thread of its own, which topics stand behind the names: one
 * that was deleted and made anew has other records under the same offsets.
 */
#ifndef TIPSTER_VIEW_SENTINEL_H
#define TIPSTER_VIEW_SENTINEL_H

#include "config/config.h"
#include "stream/topics.h"

struct sentinel;

/* config must outlive it. */
struct sentinel *sentinel_start(const struct config *config);

/*
 * What Kafka said last: RECORD_KINDS of them. TIP_EUNAVAIL: it could not be reached at the last
 * attempt; 1: no attempt has ended yet.
 */
int sentinel_read(struct sentinel *sentinel, struct topic_identity *ret_identity);

/* Waits for an attempt that is under way (a few seconds at most). NULL is allowed. */
void sentinel_stop(struct sentinel *sentinel);

#endif
