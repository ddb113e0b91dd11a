/*
 * A user's record in the view, taken apart: what the layout's view_user, coupons, selections and
 * members say, changed here and put together again. Scratch memory of one thread, used for one
 * record after the other. Pure: knows tables of neither side.
 */
#ifndef TIPSTER_VIEW_HISTORY_H
#define TIPSTER_VIEW_HISTORY_H

#include "base/buf.h"
#include "view/layout.h"

#include <stdbool.h>

/* One selection. */
struct bet {
    uint32_t event;
    uint32_t group; /* 0: the event is not known */
    uint32_t coupon;
    uint32_t members_at; /* into history.members */
    uint32_t member_count;
};

/* Zero-initialised is empty and ready. */
struct history {
    struct view_user head; /* its counts are of the last reading: use those below */
    struct view_coupon *coupons;
    struct bet *bets; /* in the order of layout.h, I3 */
    uint32_t *members;
    size_t coupon_count, bet_count, member_count;
    size_t coupon_capacity, bet_capacity, member_capacity;
};

void history_release(struct history *history);
/* Empty: no record, no coupon. */
void history_clear(struct history *history);
/* Takes a record apart. TIP_EFATAL: it is none. */
int history_read(struct history *history, struct str record);
/* Appends the record. */
void history_write(const struct history *history, struct buf *out);

bool history_has_coupon(const struct history *history, uint64_t id_hash, uint32_t *ret_content);
/* Adds a coupon; returns its place. */
uint32_t history_add_coupon(struct history *history, const struct view_coupon *coupon);
/* Puts a selection at a place in the order. Its members are copied. */
void history_insert(struct history *history, size_t at, uint32_t event, uint32_t coupon);
/* Takes away the first coupons and the first bets, which are theirs. */
void history_drop_first(struct history *history, size_t coupons, size_t bets);
/* What the event of a selection is: its group and members, or group 0. */
void history_tag(struct history *history, size_t at, uint32_t group, const uint32_t *members,
                 uint32_t member_count);

static inline int64_t history_time(const struct history *history, size_t at)
{
    return history->coupons[history->bets[at].coupon].placed_at_ms;
}

/* What happens to what leaves the record. NULL members: it is just dropped. */
struct history_leaving {
    int (*bet)(void *ctx, uint32_t event, uint64_t coupon_id_hash);
    int (*coupon)(void *ctx, const struct view_coupon *coupon);
    void *ctx;
};

/*
 * Makes I3, I5 and I6 true again: S keeps its newest, what is displaced leaves, and coupons without
 * selections too; weights anew. A negative return of a callback ends it and is returned.
 */
int history_settle(struct history *history, int64_t half_life_ms,
                   const struct history_leaving *leaving);

#endif
