/* A user's record taken apart; see history.h. */
#include "view/history.h"

#include "base/err.h"
#include "base/mem.h"
#include "rank/affinity.h"

#include <stdlib.h>

void history_release(struct history *history)
{
    free(history->coupons);
    free(history->bets);
    free(history->members);
    *history = (struct history){0};
}

void history_clear(struct history *history)
{
    history->head = (struct view_user){.version = -1};
    history->coupon_count = history->bet_count = history->member_count = 0;
}

/* Room for `wanted` items of `size` bytes at *items. */
static void reserve(void *items_at, size_t *capacity, size_t wanted, size_t size)
{
    void **items = items_at;
    if (wanted <= *capacity)
        return;
    size_t grown = *capacity == 0 ? 64 : *capacity;
    while (grown < wanted)
        grown *= 2;
    *items = xreallocarray(*items, grown, size);
    *capacity = grown;
}

static void copy(void *to, const char **from, size_t bytes)
{
    if (bytes > 0)
        memcpy(to, *from, bytes);
    *from += bytes;
}

/* Another shard's user: times, weights and tags are not held. */
static int read_foreign(struct history *history, const char *at, size_t left)
{
    const struct view_user *head = &history->head;
    struct view_foreign_coupon coupon;
    uint32_t event;
    if (left != head->coupon_count * sizeof(coupon) + head->selection_count * sizeof(event))
        return TIP_EFATAL;
    const char *events = at + head->coupon_count * sizeof(coupon);
    for (uint32_t i = 0; i < head->coupon_count; i++) {
        copy(&coupon, &at, sizeof(coupon));
        if (history->bet_count + coupon.selection_count > head->selection_count)
            return TIP_EFATAL;
        history_add_coupon(
            history, &(struct view_coupon){.id_hash = coupon.id_hash, .content = coupon.content});
        for (size_t k = 0; k < coupon.selection_count; k++) {
            copy(&event, &events, sizeof(event));
            history_insert(history, history->bet_count, event, i);
        }
    }
    return history->bet_count == head->selection_count ? 0 : TIP_EFATAL;
}

int history_read(struct history *history, struct str record)
{
    struct view_user *head = &history->head;
    const char *at = record.data;
    history_clear(history);
    if (record.len < sizeof(*head))
        return TIP_EFATAL;
    copy(head, &at, sizeof(*head));
    if ((head->flags & VIEW_USER_FOREIGN) != 0)
        return read_foreign(history, at, record.len - sizeof(*head));
    size_t bytes = sizeof(*head) + head->coupon_count * sizeof(struct view_coupon) +
                   head->selection_count * sizeof(struct view_selection) +
                   head->member_count * sizeof(uint32_t);
    if (bytes != record.len)
        return TIP_EFATAL;
    history->coupon_count = head->coupon_count;
    history->bet_count = head->selection_count;
    history->member_count = head->member_count;
    reserve(&history->coupons, &history->coupon_capacity, history->coupon_count,
            sizeof(*history->coupons));
    reserve(&history->bets, &history->bet_capacity, history->bet_count, sizeof(*history->bets));
    reserve(&history->members, &history->member_capacity, history->member_count,
            sizeof(*history->members));
    copy(history->coupons, &at, history->coupon_count * sizeof(*history->coupons));
    size_t members = 0;
    for (size_t i = 0; i < history->bet_count; i++) {
        struct view_selection selection;
        copy(&selection, &at, sizeof(selection));
        history->bets[i] = (struct bet){selection.event, selection.group, selection.coupon,
                                        (uint32_t)members, selection.member_count};
        members += selection.member_count;
        if (selection.coupon >= history->coupon_count)
            return TIP_EFATAL;
    }
    if (members != history->member_count)
        return TIP_EFATAL;
    copy(history->members, &at, members * sizeof(*history->members));
    return 0;
}

/* The bets stand in the order of their coupons. */
static void write_foreign(const struct history *history, struct buf *out)
{
    size_t bet = 0;
    for (uint32_t i = 0; i < history->coupon_count; i++) {
        size_t first = bet;
        while (bet < history->bet_count && history->bets[bet].coupon == i)
            bet++;
        struct view_foreign_coupon coupon = {.id_hash = history->coupons[i].id_hash,
                                             .content = history->coupons[i].content,
                                             .selection_count = (uint8_t)(bet - first)};
        buf_add(out, &coupon, sizeof(coupon));
    }
    for (size_t i = 0; i < history->bet_count; i++)
        buf_add(out, &history->bets[i].event, sizeof(history->bets[i].event));
}

void history_write(const struct history *history, struct buf *out)
{
    struct view_user head = history->head;
    head.coupon_count = (uint32_t)history->coupon_count;
    head.selection_count = (uint32_t)history->bet_count;
    head.member_count = 0;
    for (size_t i = 0; i < history->bet_count; i++)
        head.member_count += history->bets[i].member_count;
    buf_add(out, &head, sizeof(head));
    if ((head.flags & VIEW_USER_FOREIGN) != 0) {
        write_foreign(history, out);
        return;
    }
    buf_add(out, history->coupons, history->coupon_count * sizeof(*history->coupons));
    for (size_t i = 0; i < history->bet_count; i++) {
        const struct bet *bet = &history->bets[i];
        struct view_selection selection = {.event = bet->event,
                                           .group = bet->group,
                                           .coupon = bet->coupon & 0xffffff,
                                           .member_count = bet->member_count & 0xff};
        buf_add(out, &selection, sizeof(selection));
    }
    for (size_t i = 0; i < history->bet_count; i++) {
        const struct bet *bet = &history->bets[i];
        if (bet->member_count > 0)
            buf_add(out, history->members + bet->members_at,
                    bet->member_count * sizeof(*history->members));
    }
}

bool history_has_coupon(const struct history *history, uint64_t id_hash, uint32_t *ret_content)
{
    for (size_t i = 0; i < history->coupon_count; i++)
        if (history->coupons[i].id_hash == id_hash) {
            *ret_content = history->coupons[i].content;
            return true;
        }
    return false;
}

uint32_t history_add_coupon(struct history *history, const struct view_coupon *coupon)
{
    reserve(&history->coupons, &history->coupon_capacity, history->coupon_count + 1,
            sizeof(*history->coupons));
    history->coupons[history->coupon_count] = *coupon;
    return (uint32_t)history->coupon_count++;
}

void history_insert(struct history *history, size_t at, uint32_t event, uint32_t coupon)
{
    reserve(&history->bets, &history->bet_capacity, history->bet_count + 1, sizeof(*history->bets));
    memmove(history->bets + at + 1, history->bets + at,
            (history->bet_count - at) * sizeof(*history->bets));
    history->bets[at] = (struct bet){.event = event, .coupon = coupon};
    history->bet_count++;
}

void history_drop_first(struct history *history, size_t coupons, size_t bets)
{
    if (coupons == 0)
        return;
    history->coupon_count -= coupons;
    history->bet_count -= bets;
    memmove(history->coupons, history->coupons + coupons,
            history->coupon_count * sizeof(*history->coupons));
    memmove(history->bets, history->bets + bets, history->bet_count * sizeof(*history->bets));
    for (size_t i = 0; i < history->bet_count; i++)
        history->bets[i].coupon -= (uint32_t)coupons;
}

void history_tag(struct history *history, size_t at, uint32_t group, const uint32_t *members,
                 uint32_t member_count)
{
    struct bet *bet = &history->bets[at];
    if (member_count > bet->member_count) { /* what stood there stays unused until the next read */
        reserve(&history->members, &history->member_capacity, history->member_count + member_count,
                sizeof(*history->members));
        bet->members_at = (uint32_t)history->member_count;
        history->member_count += member_count;
    }
    bet->group = group;
    bet->member_count = member_count;
    if (member_count > 0)
        memcpy(history->members + bet->members_at, members, member_count * sizeof(*members));
}

/* S keeps its newest RANK_CHOICES_MAX; the others that are known leave. */
static int displace(struct history *history, const struct history_leaving *leaving)
{
    size_t known = 0, kept = 0;
    for (size_t i = 0; i < history->bet_count; i++) {
        const struct bet *bet = &history->bets[i];
        known += bet->group != 0;
        if (bet->group == 0 || known <= RANK_CHOICES_MAX) {
            history->bets[kept++] = *bet;
            continue;
        }
        history->head.flags |= VIEW_USER_OLDER;
        int err = leaving->bet == NULL ? 0
                                       : leaving->bet(leaving->ctx, bet->event,
                                                      history->coupons[bet->coupon].id_hash);
        if (err < 0)
            return err;
    }
    history->bet_count = kept;
    return 0;
}

enum { UNUSED = 0, USED = 1, WEIGHED = 2 }; /* of a coupon, in its weight while this goes on */

static int drop_coupons(struct history *history, const struct history_leaving *leaving)
{
    size_t kept = 0;
    for (size_t i = 0; i < history->coupon_count; i++) {
        struct view_coupon *coupon = &history->coupons[i];
        if (coupon->weight != UNUSED) {
            history->coupons[kept++] = *coupon;
            continue;
        }
        history->head.flags |= VIEW_USER_OLDER;
        int err = leaving->coupon == NULL ? 0 : leaving->coupon(leaving->ctx, coupon);
        if (err < 0)
            return err;
    }
    history->coupon_count = kept;
    return 0;
}

int history_settle(struct history *history, int64_t half_life_ms,
                   const struct history_leaving *leaving)
{
    int64_t newest_ms = INT64_MIN;
    int err = displace(history, leaving);
    if (err < 0)
        return err;
    for (size_t i = 0; i < history->coupon_count; i++)
        history->coupons[i].weight = UNUSED;
    for (size_t i = 0; i < history->bet_count; i++) {
        struct view_coupon *coupon = &history->coupons[history->bets[i].coupon];
        coupon->weight |= USED;
        if (history->bets[i].group == 0)
            continue;
        coupon->weight |= WEIGHED;
        if (coupon->placed_at_ms > newest_ms)
            newest_ms = coupon->placed_at_ms;
    }
    /* Where coupons go, the selections' places among them move. */
    size_t gone = 0;
    for (size_t i = 0; i < history->coupon_count; i++)
        gone += history->coupons[i].weight == UNUSED;
    if (gone > 0) {
        uint32_t *places = xcalloc(history->coupon_count, sizeof(*places));
        uint32_t place = 0;
        for (size_t i = 0; i < history->coupon_count; i++) {
            places[i] = place;
            place += history->coupons[i].weight != UNUSED;
        }
        for (size_t i = 0; i < history->bet_count; i++)
            history->bets[i].coupon = places[history->bets[i].coupon];
        free(places);
        err = drop_coupons(history, leaving);
        if (err < 0)
            return err;
    }
    for (size_t i = 0; i < history->coupon_count; i++) {
        struct view_coupon *coupon = &history->coupons[i];
        coupon->weight =
            (coupon->weight & WEIGHED) == 0
                ? 0
                : (uint32_t)rank_weight(newest_ms - coupon->placed_at_ms, half_life_ms);
    }
    return 0;
}
