/*
 * What the company itself looks up, page by page: a user's coupons with their selections, and what
 * could not be stored. Errors: those of db.h. Slices given to callbacks are good during the call.
 */
#ifndef TIPSTER_STORE_READ_LISTS_H
#define TIPSTER_STORE_READ_LISTS_H

#include "domain/record.h"
#include "store/db.h"
#include "store/read_arena.h"

enum coupon_order {
    COUPONS_NEWEST, /* placed descending, then by coupon_id: every page looks at all the user's */
    COUPONS_BY_ID,  /* for walking through all of them */
};

/* Where a page begins: after this coupon. An empty id is the beginning (then placed_at_ms is not
 * looked at). */
struct coupon_mark {
    int64_t placed_at_ms;
    struct str coupon_id;
};

/* A negative return ends the page. */
typedef int (*read_coupon_fn)(void *ctx, const struct coupon *coupon);

/*
 * Calls each(ctx, …) for up to limit coupons. *ret_more: there are more after them, and *ret_last
 * (a slice of the arena) is the last one's mark.
 */
int read_coupons(struct db *db, struct str company, struct str user_id, enum coupon_order order,
                 const struct coupon_mark *after, size_t limit, struct arena *arena,
                 read_coupon_fn each, void *ctx, bool *ret_more, struct coupon_mark *ret_last);

struct rejected_mark {
    int64_t rejected_at_ms;
    struct str topic;
    int64_t partition;
    uint64_t position;
};

struct rejected_item {
    struct rejected_mark place;
    struct str kind, record_id, user_id, reason, detail, request_id;
    struct str payload; /* its first REJECTED_PAYLOAD_SHOWN bytes */
    size_t payload_len; /* of all of it */
    bool erased;        /* its user was erased: ids and payload are empty */
};

enum { REJECTED_PAYLOAD_SHOWN = 64 * 1024, REJECTED_CHUNK = 50 };

/* A positive return ends the page (the item is not counted as given), a negative one is an error.
 */
typedef int (*read_rejected_fn)(void *ctx, const struct rejected_item *item);

/*
 * Up to REJECTED_CHUNK of what was rejected, newest first, after a mark (NULL: from the newest on).
 * 1: each ended it; *ret_count: how many were given.
 */
int read_rejected(struct db *db, struct str company, const struct rejected_mark *after,
                  read_rejected_fn each, void *ctx, size_t *ret_count);

/* The same for those of one user, by their places. */
int read_rejected_of(struct db *db, struct str company, struct str user_id,
                     const struct rejected_mark *after, read_rejected_fn each, void *ctx,
                     size_t *ret_count);

#endif
