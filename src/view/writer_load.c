/*
 * Bulk load: users as they stand in the database, each once. Counts are not kept along the way:
 * when all is there they are counted anew, so that a transaction that has to be repeated cannot
 * leave them wrong, and the lists by popularity are written in their order.
 */
#include "base/err.h"
#include "base/mem.h"
#include "view/writer_internal.h"

#include <stdlib.h>

/* A selection on its way into the order. */
struct loaded_bet {
    const struct view_load_coupon *coupon;
    uint32_t place; /* of the coupon in the record */
    struct event_entry *event;
};

static int by_time_and_event(const void *a, const void *b)
{
    const struct loaded_bet *x = a, *y = b;
    if (x->coupon->placed_at_ms != y->coupon->placed_at_ms)
        return x->coupon->placed_at_ms > y->coupon->placed_at_ms ? -1 : 1;
    return str_compare(x->event->id, y->event->id);
}

static int list_bets(struct view_writer *writer, uint32_t company,
                     const struct view_load_user *user, struct loaded_bet *bets)
{
    size_t count = 0;
    for (size_t i = 0; i < user->coupon_count; i++) {
        const struct view_load_coupon *coupon = &user->coupons[i];
        struct view_coupon added = {.id_hash = writer_coupon_hash(writer, coupon->coupon_id),
                                    .placed_at_ms = coupon->placed_at_ms};
        memcpy(&added.content, coupon->content_hash, sizeof(added.content));
        uint32_t place = history_add_coupon(&writer->history, &added);
        for (size_t k = 0; k < coupon->event_count; k++) {
            struct event_entry *event;
            int err = writer_event(writer, company, coupon->event_ids[k], &event);
            if (err != 0)
                return err;
            bets[count++] = (struct loaded_bet){coupon, place, event};
        }
    }
    return 0;
}

static int add_bets(struct view_writer *writer, uint32_t company, const struct view_load_user *user,
                    bool foreign)
{
    size_t total = 0;
    int err = 0;
    for (size_t i = 0; i < user->coupon_count; i++)
        total += user->coupons[i].event_count;
    if (total > writer->loaded_capacity) {
        writer->loaded = xreallocarray(writer->loaded, total * 2, sizeof(*writer->loaded));
        writer->loaded_capacity = total * 2;
    }
    struct loaded_bet *bets = writer->loaded;
    err = list_bets(writer, company, user, bets);
    if (err != 0)
        return err;
    qsort(bets, total, sizeof(*bets), by_time_and_event);
    for (size_t i = 0; err == 0 && i < total; i++) {
        const struct event_entry *event = bets[i].event;
        history_insert(&writer->history, i, event->number, bets[i].place);
        if (foreign)
            continue;
        history_tag(&writer->history, i, event->group, event->members, event->member_count);
        if (event->group == 0)
            err = writer_wait(writer, event->number, user->user_id);
    }
    return err;
}

int writer_load_user(struct view_writer *writer, const struct view_load_user *user)
{
    struct view_user *head = &writer->history.head;
    bool foreign = writer_is_foreign(writer, user->company, user->user_id);
    uint32_t company;
    writer->loading = true;
    history_clear(&writer->history);
    head->version = VERSION_NONE;
    if (user->known && !foreign) {
        head->flags |= VIEW_USER_KNOWN;
        head->position = user->position;
        head->version = user->version;
    }
    if (user->coupon_count > 0)
        head->flags |= VIEW_USER_COUPONS;
    if (head->flags == 0)
        return 0;
    int err = writer_company(writer, user->company, &company);
    if (err == 0)
        err = add_bets(writer, company, user, foreign);
    if (err == 0 && foreign)
        return writer_write_foreign(writer, company, user->user_id);
    return err == 0 ? writer_write_user(writer, company, user->user_id) : err;
}

/* Counting. */

static int count_users(struct view_writer *writer, uint64_t *counts)
{
    AUTO_CURSOR *cursor = NULL;
    struct str key, value;
    int err = table_cursor(&writer->tables, VIEW_TABLE_users, &cursor);
    if (err == 0)
        err = cursor_seek(cursor, (struct str){0}, &key, &value);
    while (err == 0) {
        err = history_read(&writer->history, value);
        for (size_t i = 0; err == 0 && i < writer->history.bet_count; i++)
            if (writer->history.bets[i].event > writer->meta.event_count)
                err = TIP_EFATAL;
            else
                counts[writer->history.bets[i].event]++;
        if (err != 0)
            return WRITER_DAMAGED(writer, "a user's record");
        err = cursor_next(cursor, &key, &value);
    }
    return err > 0 ? 0 : err;
}

static int count_older(struct view_writer *writer, uint64_t *counts)
{
    AUTO_CURSOR *cursor = NULL;
    struct str key, value;
    int err = table_cursor(&writer->tables, VIEW_TABLE_older_bets, &cursor);
    if (err == 0)
        err = cursor_seek(cursor, (struct str){0}, &key, &value);
    while (err == 0) {
        uint32_t event = key.len < 12 ? UINT32_MAX : read_be32(key.data + key.len - 12);
        if (event > writer->meta.event_count)
            return WRITER_DAMAGED(writer, "an older bet");
        counts[event]++;
        err = cursor_next(cursor, &key, &value);
    }
    return err > 0 ? 0 : err;
}

static int write_counts(struct view_writer *writer, const uint64_t *counts)
{
    int err = 0;
    for (uint32_t event = 1; err == 0 && event <= writer->meta.event_count; event++)
        if (counts[event] > 0)
            err = table_put(&writer->tables, VIEW_TABLE_counts, number_key(&event),
                            str_from(&counts[event], sizeof(counts[event])));
    return err;
}

struct popular_entry {
    const char *key; /* of begins: in the order of (company, begin, id) */
    size_t key_bytes;
    struct view_place place;
    uint64_t count;
};

static int by_company_and_count(const void *a, const void *b)
{
    const struct popular_entry *x = a, *y = b;
    int order = memcmp(x->key, y->key, 4);
    if (order == 0 && x->count != y->count)
        order = x->count > y->count ? -1 : 1;
    return order != 0 ? order
                      : str_compare(str_from(x->key, x->key_bytes), str_from(y->key, y->key_bytes));
}

/* All listed events. Their keys are copied into the arena: writing moves what a read returned. */
static int list_begins(struct view_writer *writer, const uint64_t *counts, struct arena *arena,
                       struct popular_entry **ret_entries, size_t *ret_count)
{
    AUTO_CURSOR *cursor = NULL;
    struct str key, value;
    struct popular_entry *entries = NULL;
    size_t count = 0, capacity = 0;
    int err = table_cursor(&writer->tables, VIEW_TABLE_begins, &cursor);
    if (err == 0)
        err = cursor_seek(cursor, (struct str){0}, &key, &value);
    for (; err == 0; err = cursor_next(cursor, &key, &value)) {
        if (count == capacity) {
            capacity = capacity == 0 ? 1024 : capacity * 2;
            entries = xreallocarray(entries, capacity, sizeof(*entries));
        }
        struct popular_entry *entry = &entries[count++];
        entry->key = arena_copy(arena, key).data;
        entry->key_bytes = key.len;
        memcpy(&entry->place, value.data, sizeof(entry->place));
        entry->count = counts[entry->place.event];
    }
    *ret_entries = entries;
    *ret_count = count;
    return err > 0 ? 0 : err;
}

static int write_popular(struct view_writer *writer, const uint64_t *counts)
{
    struct arena arena = {0};
    AUTO_FREE struct popular_entry *entries = NULL;
    size_t count;
    int err = list_begins(writer, counts, &arena, &entries, &count);
    if (err == 0 && count > 0)
        qsort(entries, count, sizeof(*entries), by_company_and_count);
    for (size_t i = 0; err == 0 && i < count; i++) {
        const struct popular_entry *entry = &entries[i];
        struct table_key key;
        key_popular(&key, read_be32(entry->key), entry->count, read_time(entry->key + 4),
                    str_from(entry->key + BEGIN_KEY_HEAD, entry->key_bytes - BEGIN_KEY_HEAD));
        err = table_append(&writer->tables, VIEW_TABLE_popular, key_of(&key),
                           str_from(&entry->place, sizeof(entry->place)));
    }
    arena_release(&arena);
    return err;
}

int view_writer_load_end(struct view_writer *writer)
{
    AUTO_FREE uint64_t *counts = xcalloc((size_t)writer->meta.event_count + 1, sizeof(*counts));
    int err = count_users(writer, counts);
    if (err == 0)
        err = count_older(writer, counts);
    if (err == 0)
        err = write_counts(writer, counts);
    if (err == 0)
        err = write_popular(writer, counts);
    if (err == 0) {
        writer->loading = false;
        event_cache_clear(&writer->events); /* without counts */
    } else if (err == TIP_EINVAL) {
        err = WRITER_DAMAGED(writer, "the lists by popularity were begun already");
    }
    writer_fail(writer, err, "cannot write the counts: %s", tip_err_text(err));
    return writer_after_full(writer, err);
}
