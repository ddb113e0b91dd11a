/* Everything that layout.h promises; see check.h. The I… are its invariants. */
#include "view/check.h"

#include "base/err.h"
#include "base/mem.h"
#include "domain/record.h"
#include "rank/affinity.h"
#include "view/history.h"
#include "view/table.h"
#include "view/writer.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* What is remembered of an event while the rest is read. */
struct checked_event {
    bool seen, pending, has_id;
    struct view_event head;
    uint32_t *members;
    uint64_t document_hash;
    uint64_t count, counted;         /* as counts says; as found in users */
    uint32_t runs, begins, populars; /* entries found */
};

struct checking {
    struct tables tables;
    struct view_meta meta;
    struct checked_event *events; /* by number */
    uint32_t *group_companies;    /* by number */
    struct history history;
    struct view_check_report *report;
};

static void complain(struct checking *checking, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void complain(struct checking *checking, const char *format, ...)
{
    va_list args;
    char text[300];
    if (checking->report->problems++ >= VIEW_CHECK_TEXTS_MAX)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    buf_add_text(&checking->report->text, text);
    buf_add_char(&checking->report->text, '\n');
}

typedef int (*check_entry)(struct checking *checking, struct str key, struct str value);

static int each(struct checking *checking, enum view_table table, check_entry entry)
{
    AUTO_CURSOR *cursor = NULL;
    struct str key, value;
    int err = table_cursor(&checking->tables, table, &cursor);
    if (err == 0)
        err = cursor_seek(cursor, (struct str){0}, &key, &value);
    while (err == 0) {
        err = entry(checking, key, value);
        if (err == 0)
            err = cursor_next(cursor, &key, &value);
    }
    return err > 0 ? 0 : err;
}

static uint64_t hash_of(struct str text)
{
    uint64_t hash = 1469598103934665603ULL;
    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ (unsigned char)text.data[i]) * 1099511628211ULL;
    return hash;
}

/* NULL, and a complaint, for a number that is no event's. */
static struct checked_event *event_at(struct checking *checking, uint32_t number, const char *where)
{
    if (number == 0 || number > checking->meta.event_count || !checking->events[number].seen) {
        complain(checking, "%s: there is no event %u (I8)", where, number);
        return NULL;
    }
    return &checking->events[number];
}

/* Numbers. */

static int check_group(struct checking *checking, struct str key, struct str value)
{
    uint32_t number = number_read(key);
    struct view_group head;
    if (number == 0 || number > checking->meta.group_count || value.len < sizeof(head)) {
        complain(checking, "groups: %u is beyond the last or too short (I8)", number);
        return 0;
    }
    memcpy(&head, value.data, sizeof(head));
    if (value.len !=
        sizeof(head) + (size_t)head.sport_bytes + head.league_bytes + head.country_bytes)
        complain(checking, "groups: %u has another length (I8)", number);
    checking->group_companies[number] = head.company;
    struct table_key name, pair;
    struct str found;
    pair.len = 0;
    key_be32(&pair, head.league);
    key_be32(&pair, head.country);
    int err = table_get(&checking->tables, VIEW_TABLE_names,
                        key_name(&name, head.company, 'g', head.sport, key_of(&pair)), &found);
    if (err != 0 || number_read(found) != number)
        complain(checking, "groups: %u is not what names has for it (I8)", number);
    return 0;
}

static int check_event_id(struct checking *checking, struct str key, struct str value)
{
    uint32_t number = number_read(value);
    struct checked_event *event = event_at(checking, number, "event_ids");
    if (event == NULL)
        return 0;
    if (event->has_id)
        complain(checking, "event_ids: two ids for event %u (I8)", number);
    event->has_id = true;
    if (key.len < 5 || read_be32(key.data) != event->head.company ||
        key.len - 4 != event->head.id_bytes)
        complain(checking, "event_ids: the id of event %u is not the record's (I8)", number);
    return 0;
}

/* Events. */

static int check_event(struct checking *checking, struct str key, struct str value)
{
    uint32_t number = number_read(key);
    if (number == 0 || number > checking->meta.event_count ||
        value.len < sizeof(struct view_event)) {
        complain(checking, "events: %u is beyond the last or too short (I8)", number);
        return 0;
    }
    struct checked_event *event = &checking->events[number];
    struct view_event *head = &event->head;
    memcpy(head, value.data, sizeof(*head));
    size_t members = head->member_count * sizeof(struct view_event_member);
    if (value.len !=
        sizeof(*head) + members + head->document_bytes + head->older_bytes + head->id_bytes) {
        complain(checking, "events: %u has another length", number);
        return 0;
    }
    event->seen = true;
    checking->report->events++;
    event->members = xcalloc(head->member_count, sizeof(*event->members));
    for (size_t i = 0; i < head->member_count; i++) {
        struct view_event_member member;
        memcpy(&member, value.data + sizeof(*head) + i * sizeof(member), sizeof(member));
        event->members[i] = member.member;
        if (member.member == 0 || member.member > checking->meta.member_count)
            complain(checking, "events: %u has no member %u (I8)", number, member.member);
    }
    event->document_hash =
        hash_of(str_from(value.data + sizeof(*head) + members, head->document_bytes));
    bool listed = (head->flags & VIEW_EVENT_LISTED) != 0;
    bool known = (head->flags & VIEW_EVENT_KNOWN) != 0;
    bool open = known && (head->flags & VIEW_EVENT_WITHDRAWN) == 0;
    checking->report->listed += listed;
    if (listed && !open)
        complain(checking, "events: %u is listed, but not known or withdrawn (I1)", number);
    if (open && !listed && head->begin_ms >= checking->meta.lists_from_ms)
        complain(checking, "events: %u should be listed (I1)", number);
    if (listed != (head->document_bytes > 0) || listed != (head->older_bytes > 0))
        complain(checking, "events: %u has documents and is not listed, or the reverse (I1)",
                 number);
    if (known != (head->group != 0) || head->group > checking->meta.group_count ||
        (known && checking->group_companies[head->group] != head->company))
        complain(checking, "events: %u has the wrong group %u (I8)", number, head->group);
    return 0;
}

static int check_count(struct checking *checking, struct str key, struct str value)
{
    struct checked_event *event = event_at(checking, number_read(key), "counts");
    if (event != NULL && value.len == sizeof(event->count))
        memcpy(&event->count, value.data, sizeof(event->count));
    else if (event != NULL)
        complain(checking, "counts: the value of %u has another length", number_read(key));
    return 0;
}

/* Lists. */

static bool has_member(const struct checked_event *event, uint32_t member)
{
    for (size_t i = 0; i < event->head.member_count; i++)
        if (event->members[i] == member)
            return true;
    return member == 0;
}

static bool is_listed(const struct checked_event *event)
{
    return (event->head.flags & VIEW_EVENT_LISTED) != 0;
}

static int check_run(struct checking *checking, struct str key, struct str value)
{
    if (key.len <= RUN_KEY_HEAD || value.len < sizeof(struct view_run_value)) {
        complain(checking, "runs: an entry is too short");
        return 0;
    }
    uint32_t number = number_read(value);
    struct checked_event *event = event_at(checking, number, "runs");
    if (event == NULL)
        return 0;
    event->runs++;
    struct str document = str_from(value.data + sizeof(struct view_run_value),
                                   value.len - sizeof(struct view_run_value));
    if (!is_listed(event) || !has_member(event, read_be32(key.data)) ||
        read_be32(key.data + 4) != event->head.group ||
        read_time(key.data + 8) != event->head.begin_ms)
        complain(checking, "runs: event %u stands where it should not (I1)", number);
    bool has_document = event->head.member_count <= VIEW_RUN_MEMBERS_MAX;
    if (has_document != (document.len > 0) ||
        (has_document && hash_of(document) != event->document_hash))
        complain(checking, "runs: event %u has another document there (I1)", number);
    return 0;
}

static int check_begin(struct checking *checking, struct str key, struct str value)
{
    struct view_place place;
    if (key.len <= BEGIN_KEY_HEAD || value.len != sizeof(place)) {
        complain(checking, "begins: an entry has another length");
        return 0;
    }
    memcpy(&place, value.data, sizeof(place));
    struct checked_event *event = event_at(checking, place.event, "begins");
    if (event == NULL)
        return 0;
    event->begins++;
    if (!is_listed(event) || place.group != event->head.group ||
        read_be32(key.data) != event->head.company ||
        read_time(key.data + 4) != event->head.begin_ms)
        complain(checking, "begins: event %u stands where it should not (I1)", place.event);
    return 0;
}

static int check_popular(struct checking *checking, struct str key, struct str value)
{
    struct view_place place;
    if (key.len <= POPULAR_KEY_HEAD || value.len != sizeof(place)) {
        complain(checking, "popular: an entry has another length");
        return 0;
    }
    memcpy(&place, value.data, sizeof(place));
    struct checked_event *event = event_at(checking, place.event, "popular");
    if (event == NULL)
        return 0;
    event->populars++;
    if (!is_listed(event) || place.group != event->head.group ||
        read_be32(key.data) != event->head.company ||
        read_time(key.data + 12) != event->head.begin_ms)
        complain(checking, "popular: event %u stands where it should not (I1)", place.event);
    if (~read_be64(key.data + 4) != event->count)
        complain(checking, "popular: event %u has count %" PRIu64 ", counts says %" PRIu64 " (I2)",
                 place.event, ~read_be64(key.data + 4), event->count);
    return 0;
}

static int check_pending(struct checking *checking, struct str key, struct str value)
{
    (void)value;
    struct checked_event *event =
        key.len == 8 ? event_at(checking, read_be32(key.data + 4), "pending") : NULL;
    if (event != NULL)
        event->pending = true;
    if (checking->meta.pending_count == 0)
        complain(checking, "pending: there is more than the head says");
    checking->meta.pending_count--;
    return 0;
}

/* Users. */

static bool is_waiting(struct checking *checking, uint32_t event, struct str user_id)
{
    struct table_key key;
    struct str value;
    return table_get(&checking->tables, VIEW_TABLE_waiting, key_waiting(&key, event, user_id),
                     &value) == 0;
}

static void check_bet(struct checking *checking, struct str user_id, const struct bet *bet)
{
    struct checked_event *event = event_at(checking, bet->event, "users");
    if (event == NULL)
        return;
    event->counted++;
    if (bet->group == 0 && !is_waiting(checking, bet->event, user_id))
        complain(checking,
                 "users: %.*s bet on event %u, which is not known, and does not wait (I4)",
                 (int)user_id.len, user_id.data, bet->event);
    if (event->pending)
        return;
    if (bet->group != event->head.group || bet->member_count != event->head.member_count ||
        (bet->member_count > 0 &&
         memcmp(checking->history.members + bet->members_at, event->members,
                bet->member_count * sizeof(*event->members)) != 0))
        complain(checking, "users: %.*s has other tags for event %u (I4)", (int)user_id.len,
                 user_id.data, bet->event);
}

static struct str id_of_event(struct checking *checking, uint32_t event)
{
    struct str value = {0};
    if (table_get(&checking->tables, VIEW_TABLE_events, number_key(&event), &value) != 0 ||
        event > checking->meta.event_count || !checking->events[event].seen)
        return (struct str){0};
    size_t bytes = checking->events[event].head.id_bytes;
    return str_from(value.data + value.len - bytes, bytes);
}

static void check_order(struct checking *checking, struct str user_id)
{
    const struct history *history = &checking->history;
    size_t known = 0;
    for (size_t i = 0; i < history->bet_count; i++) {
        known += history->bets[i].group != 0;
        if (i == 0 || history_time(history, i - 1) > history_time(history, i))
            continue;
        if (history_time(history, i - 1) < history_time(history, i) ||
            str_compare(id_of_event(checking, history->bets[i - 1].event),
                        id_of_event(checking, history->bets[i].event)) > 0)
            complain(checking, "users: the selections of %.*s are out of order (I3)",
                     (int)user_id.len, user_id.data);
    }
    if (known > RANK_CHOICES_MAX)
        complain(checking, "users: %.*s has %zu known selections (I3)", (int)user_id.len,
                 user_id.data, known);
}

static void check_coupons(struct checking *checking, struct str user_id)
{
    const struct history *history = &checking->history;
    int64_t newest_ms = INT64_MIN;
    AUTO_FREE uint8_t *uses = xcalloc(history->coupon_count, 1); /* 1: used, 2: in S */
    for (size_t i = 0; i < history->bet_count; i++) {
        const struct bet *bet = &history->bets[i];
        uses[bet->coupon] |= bet->group != 0 ? 3 : 1;
        if (bet->group != 0 && history_time(history, i) > newest_ms)
            newest_ms = history_time(history, i);
    }
    for (size_t i = 0; i < history->coupon_count; i++) {
        const struct view_coupon *coupon = &history->coupons[i];
        int64_t weight = (uses[i] & 2) == 0 ? 0
                                            : rank_weight(newest_ms - coupon->placed_at_ms,
                                                          checking->meta.half_life_ms);
        if (coupon->weight != weight)
            complain(checking, "users: a coupon of %.*s weighs %u, not %" PRId64 " (I5)",
                     (int)user_id.len, user_id.data, coupon->weight, weight);
        if (uses[i] == 0)
            complain(checking, "users: a coupon of %.*s has no selection there (I6)",
                     (int)user_id.len, user_id.data);
        for (size_t k = 0; k < i; k++)
            if (history->coupons[k].id_hash == coupon->id_hash)
                complain(checking, "users: a coupon of %.*s stands there twice (I6)",
                         (int)user_id.len, user_id.data);
    }
}

static void check_foreign(struct checking *checking, struct str user_id)
{
    const struct history *history = &checking->history;
    for (size_t i = 0; i < history->bet_count; i++) {
        struct checked_event *event = event_at(checking, history->bets[i].event, "users");
        if (event != NULL)
            event->counted++;
    }
    if (history->coupon_count > VIEW_FOREIGN_COUPONS_MAX)
        complain(checking, "users: %.*s of another shard has %zu coupons (I7)", (int)user_id.len,
                 user_id.data, history->coupon_count);
}

static int check_user(struct checking *checking, struct str key, struct str value)
{
    struct history *history = &checking->history;
    if (key.len <= 4 || history_read(history, value) != 0) {
        complain(checking, "users: a record has another length");
        return 0;
    }
    struct str user_id = str_from(key.data + 4, key.len - 4);
    checking->report->users++;
    checking->report->coupons += history->coupon_count;
    checking->report->selections += history->bet_count;
    if ((history->head.flags & VIEW_USER_FOREIGN) != 0) {
        check_foreign(checking, user_id);
    } else {
        for (size_t i = 0; i < history->bet_count; i++)
            check_bet(checking, user_id, &history->bets[i]);
        check_order(checking, user_id);
        check_coupons(checking, user_id);
    }
    if ((history->head.flags & (VIEW_USER_KNOWN | VIEW_USER_COUPONS)) == 0)
        complain(checking, "users: %.*s has neither a record nor a coupon", (int)user_id.len,
                 user_id.data);
    return 0;
}

/* Whose older thing a key is: its user's record says that there are some. */
static struct str check_older(struct checking *checking, struct str key, size_t tail)
{
    struct str none = {0}, value;
    struct table_key user;
    struct view_user head;
    if (key.len < 5 || key.len != 5 + (size_t)(uint8_t)key.data[4] + tail) {
        complain(checking, "an older coupon or bet has another length");
        return none;
    }
    struct str user_id = str_from(key.data + 5, (uint8_t)key.data[4]);
    int err = table_get(&checking->tables, VIEW_TABLE_users,
                        key_owned(&user, read_be32(key.data), user_id), &value);
    if (err == 0 && value.len >= sizeof(head))
        memcpy(&head, value.data, sizeof(head));
    if (err != 0 || value.len < sizeof(head) || (head.flags & VIEW_USER_OLDER) == 0)
        complain(checking, "%.*s has older coupons or bets, its record knows of none (I3)",
                 (int)user_id.len, user_id.data);
    return user_id;
}

static int check_older_bet(struct checking *checking, struct str key, struct str value)
{
    (void)value;
    if (check_older(checking, key, 12).data == NULL)
        return 0;
    checking->report->selections++;
    struct checked_event *event =
        event_at(checking, read_be32(key.data + key.len - 12), "older_bets");
    if (event != NULL)
        event->counted++;
    return 0;
}

static int check_older_coupon(struct checking *checking, struct str key, struct str value)
{
    struct str user_id = check_older(checking, key, 8), record;
    struct table_key user;
    uint32_t content;
    (void)value;
    if (user_id.data == NULL)
        return 0;
    checking->report->coupons++;
    int err = table_get(&checking->tables, VIEW_TABLE_users,
                        key_owned(&user, read_be32(key.data), user_id), &record);
    if (err == 0 && history_read(&checking->history, record) == 0 &&
        history_has_coupon(&checking->history, read_be64(key.data + key.len - 8), &content))
        complain(checking, "a coupon of %.*s stands in its record and in older_coupons (I6)",
                 (int)user_id.len, user_id.data);
    return 0;
}

static int check_waiting(struct checking *checking, struct str key, struct str value)
{
    (void)value;
    struct checked_event *event =
        key.len > 4 ? event_at(checking, read_be32(key.data), "waiting") : NULL;
    if (event != NULL && event->head.group != 0 && !event->pending)
        complain(checking, "waiting: event %u is known (I4)", read_be32(key.data));
    return 0;
}

/* The end. */

static void check_sums(struct checking *checking)
{
    for (uint32_t i = 1; i <= checking->meta.event_count; i++) {
        const struct checked_event *event = &checking->events[i];
        uint32_t listed = event->seen && is_listed(event);
        if (!event->seen || !event->has_id) {
            complain(checking, "event %u has no record or no id (I8)", i);
            continue;
        }
        if (event->runs != (listed ? event->head.member_count + 1U : 0) ||
            event->begins != listed || event->populars != listed)
            complain(checking, "event %u stands in %u runs, %u begins, %u popular (I1)", i,
                     event->runs, event->begins, event->populars);
        if (event->count != event->counted)
            complain(checking, "event %u has count %" PRIu64 ", users have %" PRIu64 " (I2)", i,
                     event->count, event->counted);
    }
    if (checking->meta.pending_count != 0)
        complain(checking, "pending: there is less than the head says");
}

static int check_all(struct checking *checking)
{
    static const struct {
        enum view_table table;
        check_entry entry;
    } passes[] = {
        {VIEW_TABLE_groups, check_group},
        {VIEW_TABLE_events, check_event},
        {VIEW_TABLE_event_ids, check_event_id},
        {VIEW_TABLE_counts, check_count},
        {VIEW_TABLE_runs, check_run},
        {VIEW_TABLE_begins, check_begin},
        {VIEW_TABLE_popular, check_popular},
        {VIEW_TABLE_pending, check_pending},
        {VIEW_TABLE_users, check_user},
        {VIEW_TABLE_older_bets, check_older_bet},
        {VIEW_TABLE_older_coupons, check_older_coupon},
        {VIEW_TABLE_waiting, check_waiting},
    };
    struct str value;
    int err = table_get(&checking->tables, VIEW_TABLE_meta, str_of("view"), &value);
    if (err != 0)
        return err == TIP_ENOTFOUND ? TIP_EINVAL : err;
    if (value.len != sizeof(checking->meta) || number_read(value) != VIEW_LAYOUT)
        return TIP_EINVAL;
    memcpy(&checking->meta, value.data, sizeof(checking->meta));
    checking->events = xcalloc((size_t)checking->meta.event_count + 1, sizeof(*checking->events));
    checking->group_companies =
        xcalloc((size_t)checking->meta.group_count + 1, sizeof(*checking->group_companies));
    for (size_t i = 0; err == 0 && i < sizeof(passes) / sizeof(passes[0]); i++)
        err = each(checking, passes[i].table, passes[i].entry);
    if (err == 0)
        check_sums(checking);
    for (uint32_t i = 0; i <= checking->meta.event_count; i++)
        free(checking->events[i].members);
    free(checking->events);
    free(checking->group_companies);
    history_release(&checking->history);
    return err;
}

void view_check_release(struct view_check_report *report)
{
    buf_release(&report->text);
}

int view_check(const char *dir, struct view_check_report *report)
{
    struct checking checking = {.report = report};
    int err = tables_open(dir, MDB_RDONLY, 0, &checking.tables);
    if (err != 0)
        return err;
    err = table_error(mdb_txn_begin(checking.tables.env, NULL, MDB_RDONLY, &checking.tables.txn));
    if (err == 0) {
        err = check_all(&checking);
        mdb_txn_abort(checking.tables.txn);
    }
    tables_close(&checking.tables);
    return err;
}
