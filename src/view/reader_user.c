/*
 * A user's record as what ranking needs: weights, and which events are out. It is read in place;
 * only while one of the user's events is pending it is taken apart and brought up to date first.
 */
#include "base/err.h"
#include "view/reader_internal.h"

/* A record in place. */
struct user_view {
    struct view_user head;
    const char *coupons, *selections, *members;
};

static int parse(struct str value, struct user_view *user)
{
    struct view_user *head = &user->head;
    if (value.len < sizeof(*head))
        return TIP_EFATAL;
    memcpy(head, value.data, sizeof(*head));
    user->coupons = value.data + sizeof(*head);
    user->selections = user->coupons + head->coupon_count * sizeof(struct view_coupon);
    user->members = user->selections + head->selection_count * sizeof(struct view_selection);
    return user->members + head->member_count * sizeof(uint32_t) == value.data + value.len
               ? 0
               : TIP_EFATAL;
}

static const struct view_selection *selection_at(const struct user_view *user, size_t at)
{
    return (const struct view_selection *)user->selections + at;
}

static const struct view_coupon *coupon_of(const struct user_view *user,
                                           const struct view_selection *selection)
{
    return (const struct view_coupon *)user->coupons + selection->coupon;
}

/* Whether one of the user's events is pending. */
static int is_pending(const struct view_reader *reader, const struct user_view *user)
{
    for (size_t i = 0; i < user->head.selection_count; i++) {
        struct table_key key;
        struct str value;
        key_pending(&key, reader->company, selection_at(user, i)->event);
        int err = table_get(&reader->tables, VIEW_TABLE_pending, key_of(&key), &value);
        if (err != TIP_ENOTFOUND)
            return err == 0 ? 1 : err;
    }
    return 0;
}

static int weigh_in_place(struct view_reader *reader, const struct user_view *user)
{
    const char *members = user->members;
    const struct view_catalogue *catalogue = &reader->catalogue;
    profile_start(&reader->profile, &reader->meta, user->head.selection_count,
                  user->head.member_count);
    for (size_t i = 0; i < user->head.selection_count; i++) {
        const struct view_selection *selection = selection_at(user, i);
        if (selection->group > catalogue->group_count ||
            selection->coupon >= user->head.coupon_count)
            return TIP_EFATAL;
        if (selection->group != 0)
            profile_add(&reader->profile, selection->group,
                        catalogue->groups[selection->group].sport, members, selection->member_count,
                        coupon_of(user, selection)->weight);
        members += selection->member_count * sizeof(uint32_t);
    }
    profile_end(&reader->profile, catalogue);
    return 0;
}

/* Gives the bets on pending events the tags that these have now. */
static int bring_up_to_date(struct view_reader *reader)
{
    struct history *history = &reader->history;
    for (size_t i = 0; i < history->bet_count; i++) {
        uint32_t members[UINT8_MAX];
        struct event_view event;
        int err = reader_event(reader, history->bets[i].event, &event);
        if (err != 0)
            return err;
        for (size_t k = 0; k < event.head.member_count; k++)
            members[k] = event_view_member(&event, k).member;
        history_tag(history, i, event.head.group, members, event.head.member_count);
    }
    return history_settle(history, reader->half_life_ms, &(struct history_leaving){0});
}

static int weigh_anew(struct view_reader *reader, struct str record)
{
    struct history *history = &reader->history;
    size_t members = 0;
    int err = history_read(history, record);
    if (err == 0)
        err = bring_up_to_date(reader);
    if (err != 0)
        return err;
    for (size_t i = 0; i < history->bet_count; i++)
        members += history->bets[i].member_count;
    profile_start(&reader->profile, &reader->meta, history->bet_count, members);
    for (size_t i = 0; i < history->bet_count; i++) {
        const struct bet *bet = &history->bets[i];
        if (bet->group != 0)
            profile_add(&reader->profile, bet->group, reader->catalogue.groups[bet->group].sport,
                        (const char *)(history->members + bet->members_at), bet->member_count,
                        history->coupons[bet->coupon].weight);
    }
    profile_end(&reader->profile, &reader->catalogue);
    return 0;
}

int reader_user(struct view_reader *reader, struct str user_id, bool *ret_known)
{
    struct table_key key;
    struct str value;
    struct user_view user;
    reader->user_id = user_id;
    profile_start(&reader->profile, &reader->meta, 0, 0);
    int err = table_get(&reader->tables, VIEW_TABLE_users,
                        key_owned(&key, reader->company, user_id), &value);
    *ret_known = err == 0;
    if (err != 0)
        return err == TIP_ENOTFOUND ? 0 : err;
    err = parse(value, &user);
    if (err != 0)
        return err;
    reader->has_older = (user.head.flags & VIEW_USER_OLDER) != 0;
    number_set_reserve(&reader->known, user.head.selection_count);
    for (size_t i = 0; i < user.head.selection_count; i++)
        number_set_add(&reader->known, selection_at(&user, i)->event);
    int pending = reader->meta.pending_count > 0 ? is_pending(reader, &user) : 0;
    if (pending < 0)
        return pending;
    return pending > 0 ? weigh_anew(reader, value) : weigh_in_place(reader, &user);
}
