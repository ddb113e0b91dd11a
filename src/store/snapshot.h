/*
 * Whole tables in key order, in chunks of at most a few thousand rows, while writes go on: what a
 * node's view is first filled from. Each chunk is what stands there when it is read, chunks of one
 * table and tables among each other differ in age; who reads makes up for it by reading
 * `stream_offsets` before and applying the records from there on again (docs/decisions/0046).
 *
 * A chunk's rows are slices of its arena. After an error other than TIP_EFATAL the same chunk can
 * be read again, also with another connection. Errors: those of db.h.
 */
#ifndef TIPSTER_STORE_SNAPSHOT_H
#define TIPSTER_STORE_SNAPSHOT_H

#include "domain/decide.h"
#include "domain/record.h"
#include "store/db.h"
#include "store/read_arena.h"

enum { SNAPSHOT_ROWS_MAX = 8000 };

/* Companies in order of their ids: those after `after`, at most SNAPSHOT_ROWS_MAX. */
int snapshot_companies(struct db *db, struct str after, struct arena *arena, struct str **ret_ids,
                       size_t *ret_count);

/* How many rows there are, about: for showing progress. */
struct snapshot_size {
    uint64_t events, coupons;
};
int snapshot_size(struct db *db, struct snapshot_size *ret_size);

struct snapshot_event {
    bool withdrawn;
    bool has_attributes; /* false: only a withdrawal was ever seen; of `event` the id counts */
    struct event event;
    struct precedence precedence;
};

/* Events with their attributes, after the id `after`. Calls visit for each; a negative return of it
 * ends the reading. *ret_count < SNAPSHOT_ROWS_MAX: these were the last; ret_last: the last id. */
typedef int (*snapshot_event_fn)(void *ctx, const struct snapshot_event *event);
int snapshot_events(struct db *db, struct str company, struct str after, struct arena *arena,
                    snapshot_event_fn visit, void *ctx, struct str *ret_last, size_t *ret_count);

struct snapshot_coupon {
    struct str coupon_id;
    int64_t placed_at_ms;
    const uint8_t *content_hash; /* 32 bytes */
    struct str *event_ids;       /* of its selections, sorted by bytes */
    size_t event_count;
};

struct snapshot_user {
    struct str user_id;
    bool known; /* there is a record: precedence is its */
    struct precedence precedence;
    struct snapshot_coupon *coupons; /* by coupon_id */
    size_t coupon_count;
};

/* Some users, each with all of its rows as they are at one moment. Zero-initialised is empty;
 * reused for the next. */
struct snapshot_users {
    struct str company;          /* the caller's */
    struct str last;             /* the next chunk begins after this user */
    struct snapshot_user *users; /* by user_id */
    size_t count;
    bool is_end; /* there are no more */

    /* the memory behind it, and what is read on the way */
    struct arena arena;
    struct str after;
    size_t user_capacity;
    struct snapshot_coupon *coupons;
    size_t coupon_count, coupon_capacity;
    struct snapshot_pick *picks;
    size_t pick_count, pick_capacity;
};

/*
 * A chunk is read in two steps inside one transaction, so that a second connection can begin the
 * next one, which starts after `last`, during the second step. company must stay while the chunk is
 * used. After an error of either: db_rollback, then the same chunk again from _begin.
 */
int snapshot_users_begin(struct db *db, struct str company, struct str after,
                         struct snapshot_users *users);
int snapshot_users_finish(struct db *db, struct snapshot_users *users);
void snapshot_users_release(struct snapshot_users *users);

#endif
