/*
 * Bodies of the read routes. Recommended events are read by their ids here, in one statement for
 * all, and rendered as they come; one that went away meanwhile is left out.
 */
#ifndef TIPSTER_HTTP_READ_BODY_H
#define TIPSTER_HTTP_READ_BODY_H

#include "http/recommend.h"

/* Appends [items] of /v1: event, score, source, and with explain because. */
int body_items(struct reader *reader, struct str company, const struct recommendation *found,
               bool explain, struct buf *out);

/* Appends the array of the older /recommend. */
int body_older(struct reader *reader, struct str company, const struct recommendation *found,
               struct buf *out);

/* Appends [records] of these events as /v1 shows them. */
int body_events(struct reader *reader, struct str company, const struct str *ids, size_t count,
                struct buf *out);

#endif
