/* Users and their coupons; see writer_internal.h. */
#include "base/err.h"
#include "base/hash.h"
#include "rank/mix.h"
#include "view/writer_internal.h"

#include <stdlib.h>

uint64_t writer_coupon_hash(const struct view_writer *writer, struct str coupon_id)
{
    return mix_bytes(writer->meta.seed, coupon_id);
}

bool writer_is_foreign(const struct view_writer *writer, struct str company, struct str user_id)
{
    const struct view_meta *meta = &writer->meta;
    return meta->shards > 1 && view_shard_of(company, user_id, meta->shards) != meta->shard;
}

int writer_read_user(struct view_writer *writer, uint32_t company, struct str user_id)
{
    struct table_key key;
    struct str value;
    int err =
        table_get(&writer->tables, VIEW_TABLE_users, key_owned(&key, company, user_id), &value);
    if (err == TIP_ENOTFOUND) {
        history_clear(&writer->history);
        return 0;
    }
    if (err == 0)
        err = history_read(&writer->history, value);
    return err == TIP_EFATAL ? WRITER_DAMAGED(writer, "a user's record") : err;
}

/* Where what leaves a record goes. */
struct leaving {
    struct view_writer *writer;
    uint32_t company;
    struct str user_id;
};

static struct str older_bet_key(struct table_key *key, const struct leaving *leaving,
                                uint32_t event, uint64_t coupon_id_hash)
{
    key_older(key, leaving->company, leaving->user_id);
    key_be32(key, event);
    key_be64(key, coupon_id_hash);
    return key_of(key);
}

static int bet_leaves(void *ctx, uint32_t event, uint64_t coupon_id_hash)
{
    const struct leaving *leaving = ctx;
    struct table_key key;
    return table_put(&leaving->writer->tables, VIEW_TABLE_older_bets,
                     older_bet_key(&key, leaving, event, coupon_id_hash), (struct str){"", 0});
}

static int coupon_leaves(void *ctx, const struct view_coupon *coupon)
{
    const struct leaving *leaving = ctx;
    struct table_key key;
    uint32_t content = coupon->content;
    key_older(&key, leaving->company, leaving->user_id);
    key_be64(&key, coupon->id_hash);
    return table_put(&leaving->writer->tables, VIEW_TABLE_older_coupons, key_of(&key),
                     number_key(&content));
}

static int put_user(struct view_writer *writer, uint32_t company, struct str user_id)
{
    struct table_key key;
    key_owned(&key, company, user_id);
    buf_clear(&writer->record);
    history_write(&writer->history, &writer->record);
    if (writer->loading) {
        int err =
            table_append(&writer->tables, VIEW_TABLE_users, key_of(&key), buf_str(&writer->record));
        if (err != TIP_EINVAL)
            return err;
    }
    return table_put(&writer->tables, VIEW_TABLE_users, key_of(&key), buf_str(&writer->record));
}

int writer_write_user(struct view_writer *writer, uint32_t company, struct str user_id)
{
    struct leaving ctx = {writer, company, user_id};
    struct history_leaving leaving = {bet_leaves, coupon_leaves, &ctx};
    int err = history_settle(&writer->history, writer->half_life_ms, &leaving);
    return err == 0 ? put_user(writer, company, user_id) : err;
}

int writer_write_foreign(struct view_writer *writer, uint32_t company, struct str user_id)
{
    struct history *history = &writer->history;
    struct leaving leaving = {writer, company, user_id};
    size_t gone = 0, bets = 0;
    int err = 0;
    if (history->coupon_count > VIEW_FOREIGN_COUPONS_MAX) /* half of them: not one each time */
        gone = history->coupon_count - VIEW_FOREIGN_COUPONS_MAX / 2;
    for (; err == 0 && bets < history->bet_count && history->bets[bets].coupon < gone; bets++)
        err = bet_leaves(&leaving, history->bets[bets].event,
                         history->coupons[history->bets[bets].coupon].id_hash);
    for (size_t i = 0; err == 0 && i < gone; i++)
        err = coupon_leaves(&leaving, &history->coupons[i]);
    if (err != 0)
        return err;
    history_drop_first(history, gone, bets);
    history->head.flags |= VIEW_USER_FOREIGN | (gone > 0 ? VIEW_USER_OLDER : 0);
    return put_user(writer, company, user_id);
}

/* The record of a user. */

static int put_record(struct view_writer *writer, uint32_t company, struct str user_id,
                      const struct precedence *incoming, enum decision *ret_decision)
{
    struct view_user *head = &writer->history.head;
    struct precedence current = {head->version, head->position};
    bool known = (head->flags & VIEW_USER_KNOWN) != 0;
    enum decision decision = decide_mutable(known ? &current : NULL, incoming);
    int err = 0;
    if (decision == DECISION_APPLY) {
        head->position = incoming->position;
        head->version = incoming->version;
        head->flags |= VIEW_USER_KNOWN;
        err = put_user(writer, company, user_id);
    }
    if (err == 0)
        *ret_decision = decision;
    return err;
}

/* Writes the user without what was erased; nothing left: no record. */
static int put_rest(struct view_writer *writer, uint32_t company, struct str user_id)
{
    struct table_key key;
    if ((writer->history.head.flags & (VIEW_USER_KNOWN | VIEW_USER_COUPONS)) != 0)
        return put_user(writer, company, user_id);
    int err = table_delete(&writer->tables, VIEW_TABLE_users, key_owned(&key, company, user_id));
    return err == TIP_ENOTFOUND ? 0 : err;
}

int writer_apply_user(struct view_writer *writer, const struct change *change, uint64_t position,
                      enum decision *ret_decision)
{
    const struct user *user = &change->record.user;
    struct view_user *head = &writer->history.head;
    struct precedence incoming = {user->version, position};
    uint32_t company;
    if (writer_is_foreign(writer, change->company, user->user_id)) {
        *ret_decision = DECISION_APPLY;
        return 0;
    }
    int err = writer_company(writer, change->company, &company);
    if (err == 0)
        err = writer_read_user(writer, company, user->user_id);
    if (err != 0)
        return err;
    if (change->kind == CHANGE_PUT)
        return put_record(writer, company, user->user_id, &incoming, ret_decision);
    if ((head->flags & VIEW_USER_KNOWN) != 0 && head->position < position) {
        head->flags &= ~(uint32_t)VIEW_USER_KNOWN;
        head->position = 0;
        head->version = VERSION_NONE;
        err = put_rest(writer, company, user->user_id);
    }
    if (err == 0)
        *ret_decision = DECISION_APPLY;
    return err;
}

/* Coupons. */

static int count_event(struct view_writer *writer, uint32_t event, int delta)
{
    struct event_entry *entry;
    int err = writer_event_by_number(writer, event, &entry);
    if (err != 0)
        return err;
    entry->count += (uint64_t)(int64_t)delta;
    event_cache_touch(&writer->events, entry);
    return 0;
}

/* What an id holds: the first bytes of the content. TIP_ENOTFOUND: nothing. */
static int find_coupon(struct view_writer *writer, uint32_t company, struct str user_id,
                       uint64_t id_hash, uint32_t *ret_content)
{
    struct table_key key;
    struct str value;
    if (history_has_coupon(&writer->history, id_hash, ret_content))
        return 0;
    if ((writer->history.head.flags & VIEW_USER_OLDER) == 0)
        return TIP_ENOTFOUND;
    key_older(&key, company, user_id);
    key_be64(&key, id_hash);
    int err = table_get(&writer->tables, VIEW_TABLE_older_coupons, key_of(&key), &value);
    if (err == 0)
        *ret_content = number_read(value);
    return err;
}

static uint32_t content_of(const uint8_t *content_hash)
{
    uint32_t content;
    memcpy(&content, content_hash, sizeof(content));
    return content;
}

/* Whether the record of a coupon applies. Which position an id's first record had is of no matter
 * here: its content seen again changes nothing in a view, whether it is the same record or not. */
static enum decision judge(const uint32_t *current, uint32_t incoming)
{
    struct coupon_identity now = {.position = 0}, then = {.position = 1};
    if (current == NULL)
        return decide_coupon(NULL, &then);
    memcpy(now.content_hash, current, sizeof(*current));
    memcpy(then.content_hash, &incoming, sizeof(incoming));
    return decide_coupon(&now, &then);
}

/* The place of a selection in the order: by time, newest first, then by event_id. */
static int find_place(struct view_writer *writer, int64_t placed_at_ms, struct str event_id,
                      size_t *ret_place)
{
    const struct history *history = &writer->history;
    size_t at = 0;
    while (at < history->bet_count && history_time(history, at) > placed_at_ms)
        at++;
    for (; at < history->bet_count && history_time(history, at) == placed_at_ms; at++) {
        struct event_entry *other;
        int err = writer_event_by_number(writer, history->bets[at].event, &other);
        if (err != 0)
            return err;
        if (str_compare(other->id, event_id) > 0)
            break;
    }
    *ret_place = at;
    return 0;
}

int writer_wait(struct view_writer *writer, uint32_t event, struct str user_id)
{
    struct table_key key;
    return table_put(&writer->tables, VIEW_TABLE_waiting, key_waiting(&key, event, user_id),
                     (struct str){"", 0});
}

static int add_selection(struct view_writer *writer, uint32_t company, const struct coupon *coupon,
                         size_t number, uint32_t place, bool foreign)
{
    struct history *history = &writer->history;
    struct event_entry *entry;
    size_t at;
    int err = writer_event(writer, company, coupon->selections[number].event_id, &entry);
    if (err == 0 && foreign)
        at = history->bet_count;
    else if (err == 0)
        err = find_place(writer, coupon->placed_at_ms, entry->id, &at);
    if (err != 0)
        return err;
    history_insert(history, at, entry->number, place);
    entry->count++;
    event_cache_touch(&writer->events, entry);
    if (foreign)
        return 0;
    history_tag(history, at, entry->group, entry->members, entry->member_count);
    return entry->group == 0 ? writer_wait(writer, entry->number, coupon->user_id) : 0;
}

static int add_coupon(struct view_writer *writer, const struct change *change, uint32_t company,
                      uint64_t id_hash)
{
    const struct coupon *coupon = &change->record.coupon;
    struct view_coupon added = {.id_hash = id_hash,
                                .placed_at_ms = coupon->placed_at_ms,
                                .content = content_of(change->content_hash)};
    writer->history.head.flags |= VIEW_USER_COUPONS;
    bool foreign = writer_is_foreign(writer, change->company, coupon->user_id);
    uint32_t place = history_add_coupon(&writer->history, &added);
    int err = 0;
    for (size_t i = 0; err == 0 && i < coupon->selection_count; i++)
        err = add_selection(writer, company, coupon, i, place, foreign);
    if (err == 0 && foreign)
        return writer_write_foreign(writer, company, coupon->user_id);
    return err == 0 ? writer_write_user(writer, company, coupon->user_id) : err;
}

/* Deletes what begins with a user's part of a table of older things; bets are taken off the counts.
 */
static int erase_older(struct view_writer *writer, enum view_table table, uint32_t company,
                       struct str user_id)
{
    struct table_key start;
    key_older(&start, company, user_id);
    for (;;) {
        AUTO_CURSOR *cursor = NULL;
        struct str key, value;
        int err = table_cursor(&writer->tables, table, &cursor);
        if (err == 0)
            err = cursor_seek(cursor, key_of(&start), &key, &value);
        if (err > 0 ||
            (err == 0 && (key.len <= start.len || memcmp(key.data, start.bytes, start.len) != 0)))
            return 0;
        if (err == 0 && table == VIEW_TABLE_older_bets)
            err = count_event(writer, read_be32(key.data + start.len), -1);
        struct table_key found = {0};
        if (err == 0)
            key_str(&found, key); /* the page that it stands on is about to change */
        if (err == 0)
            err = table_delete(&writer->tables, table, key_of(&found));
        if (err != 0)
            return err;
    }
}

static int erase_coupons(struct view_writer *writer, uint32_t company, struct str user_id)
{
    struct history *history = &writer->history;
    struct table_key key;
    int err = 0;
    for (size_t i = 0; err == 0 && i < history->bet_count; i++) {
        const struct bet *bet = &history->bets[i];
        err = count_event(writer, bet->event, -1);
        if (err == 0 && bet->group == 0)
            err = table_delete(&writer->tables, VIEW_TABLE_waiting,
                               key_waiting(&key, bet->event, user_id));
        if (err == TIP_ENOTFOUND) /* twice on one event; or it is pending */
            err = 0;
    }
    if (err == 0 && (history->head.flags & VIEW_USER_OLDER) != 0) {
        err = erase_older(writer, VIEW_TABLE_older_bets, company, user_id);
        if (err == 0)
            err = erase_older(writer, VIEW_TABLE_older_coupons, company, user_id);
    }
    history->coupon_count = history->bet_count = history->member_count = 0;
    history->head.flags &= VIEW_USER_KNOWN;
    return err == 0 ? put_rest(writer, company, user_id) : err;
}

int writer_apply_coupon(struct view_writer *writer, const struct change *change,
                        enum decision *ret_decision)
{
    const struct coupon *coupon = &change->record.coupon;
    uint32_t company, content;
    int err = writer_company(writer, change->company, &company);
    if (err == 0)
        err = writer_read_user(writer, company, coupon->user_id);
    if (err != 0)
        return err;
    if (change->kind == CHANGE_ERASE) {
        /* Of coupons after it, known from the first contents, the records are still to come. */
        if ((writer->history.head.flags & VIEW_USER_COUPONS) != 0)
            err = erase_coupons(writer, company, coupon->user_id);
        if (err == 0)
            *ret_decision = DECISION_APPLY;
        return err;
    }
    uint64_t id_hash = writer_coupon_hash(writer, coupon->coupon_id);
    err = find_coupon(writer, company, coupon->user_id, id_hash, &content);
    if (err != 0 && err != TIP_ENOTFOUND)
        return err;
    enum decision decision = judge(err == 0 ? &content : NULL, content_of(change->content_hash));
    err = decision == DECISION_APPLY ? add_coupon(writer, change, company, id_hash) : 0;
    if (err == 0)
        *ret_decision = decision;
    return err;
}

int writer_retag(struct view_writer *writer, const struct event_entry *entry)
{
    struct history *history = &writer->history;
    int changed = 0;
    for (size_t i = 0; i < history->bet_count; i++) {
        if (history->bets[i].event != entry->number)
            continue;
        history_tag(history, i, entry->group, entry->members, entry->member_count);
        changed++;
    }
    return changed;
}
