/*
 * Items of ranked answers on /v1 as JSON, and the numbers in them: one form for all paths that
 * answer. Pure.
 */
#ifndef TIPSTER_DOMAIN_ITEM_H
#define TIPSTER_DOMAIN_ITEM_H

#include "base/buf.h"

/* A tag behind a score. */
struct item_reason {
    const char *tag;       /* sport, league, country, participant */
    struct str value_json; /* a JSON string with its quotes */
    double share;
};

/* event_json is the event as record_json renders it without a version. */
void item_popular(struct str event_json, struct buf *out);
/* score: as item_number renders it. reasons: NULL: none were asked for. */
void item_similar(struct str event_json, struct str score, const struct item_reason *reasons,
                  size_t reason_count, struct buf *out);

/* Appends a number in the fewest digits, 15 to 17, that read back as the same double: printf's
 * %.15g, %.16g or %.17g. */
void item_number(double value, struct buf *out);

#endif
