/*
 * Bettors of an event whose tags changed. Few that wait for it are brought up to date at once. Else
 * the event is pending: readers take its tags from the event itself meanwhile, and a sweep goes
 * over all users of the company, some at each commit. Events that change during a sweep wait for
 * the next one.
 */
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "store/read_arena.h"
#include "view/writer_internal.h"

#include <stdlib.h>

enum { AT_ONCE_MAX = 64 };

static int set_pending(struct view_writer *writer, const struct event_entry *entry)
{
    struct table_key key;
    struct str value;
    key_pending(&key, entry->company, entry->number);
    int err = table_get(&writer->tables, VIEW_TABLE_pending, key_of(&key), &value);
    if (err != TIP_ENOTFOUND && err != 0)
        return err;
    bool is_new = err == TIP_ENOTFOUND;
    /* Under way already: not part of that sweep any more, since it has passed some users. */
    uint32_t again = writer->sweep.active && writer->sweep.company == entry->company;
    err = table_put(&writer->tables, VIEW_TABLE_pending, key_of(&key), number_key(&again));
    writer->meta.pending_count += is_new;
    writer->meta_changed = true;
    return err;
}

/* The users that wait for an event, up to AT_ONCE_MAX + 1. */
static int list_waiting(struct view_writer *writer, uint32_t event, struct arena *arena,
                        struct str *ret_users, size_t *ret_count)
{
    AUTO_CURSOR *cursor = NULL;
    struct table_key start;
    struct str key, value;
    size_t count = 0;
    key_waiting(&start, event, (struct str){0});
    int err = table_cursor(&writer->tables, VIEW_TABLE_waiting, &cursor);
    if (err == 0)
        err = cursor_seek(cursor, key_of(&start), &key, &value);
    while (err == 0 && count <= AT_ONCE_MAX && memcmp(key.data, start.bytes, start.len) == 0) {
        ret_users[count++] = arena_copy(arena, str_from(key.data + start.len, key.len - start.len));
        err = cursor_next(cursor, &key, &value);
    }
    *ret_count = count;
    return err > 0 ? 0 : err;
}

static int stop_waiting(struct view_writer *writer, uint32_t event, struct str user_id)
{
    struct table_key key;
    int err = table_delete(&writer->tables, VIEW_TABLE_waiting, key_waiting(&key, event, user_id));
    return err == TIP_ENOTFOUND ? 0 : err;
}

static int retag_user(struct view_writer *writer, const struct event_entry *entry,
                      struct str user_id)
{
    int err = writer_read_user(writer, entry->company, user_id);
    if (err == 0 && writer_retag(writer, entry) > 0)
        err = writer_write_user(writer, entry->company, user_id);
    return err;
}

int writer_event_changed(struct view_writer *writer, const struct event_entry *entry,
                         bool was_known)
{
    struct str users[AT_ONCE_MAX + 1];
    struct arena arena = {0};
    size_t count = 0;
    int err = 0;
    if (was_known)
        return set_pending(writer, entry);
    err = list_waiting(writer, entry->number, &arena, users, &count);
    if (err == 0 && count > AT_ONCE_MAX)
        err = set_pending(writer, entry);
    for (size_t i = 0; err == 0 && count <= AT_ONCE_MAX && i < count; i++) {
        err = retag_user(writer, entry, users[i]);
        if (err == 0)
            err = stop_waiting(writer, entry->number, users[i]);
    }
    arena_release(&arena);
    return err;
}

void writer_sweep_forget(struct view_writer *writer)
{
    writer->sweep.active = false;
}

/* Starts a sweep for the pending events of the first company that has some. >0: none has. */
static int start(struct view_writer *writer)
{
    struct sweep *sweep = &writer->sweep;
    AUTO_CURSOR *cursor = NULL;
    struct str key, value;
    hash_index_clear(&sweep->events);
    sweep->count = 0;
    sweep->after_len = 0;
    int err = table_cursor(&writer->tables, VIEW_TABLE_pending, &cursor);
    if (err == 0)
        err = cursor_seek(cursor, (struct str){0}, &key, &value);
    if (err != 0)
        return err;
    sweep->company = read_be32(key.data);
    while (err == 0 && read_be32(key.data) == sweep->company) {
        if (sweep->count == sweep->capacity) {
            sweep->capacity = sweep->capacity == 0 ? 64 : sweep->capacity * 2;
            sweep->numbers =
                xreallocarray(sweep->numbers, sweep->capacity, sizeof(*sweep->numbers));
        }
        uint32_t event = read_be32(key.data + 4);
        hash_index_add(&sweep->events, hash_mix(event), event);
        sweep->numbers[sweep->count++] = event;
        err = cursor_next(cursor, &key, &value);
    }
    sweep->active = err >= 0;
    return err < 0 ? err : 0;
}

/* Those that changed again meanwhile stay. */
static int finish(struct view_writer *writer)
{
    struct sweep *sweep = &writer->sweep;
    int err = 0;
    for (size_t i = 0; err == 0 && i < sweep->count; i++) {
        struct table_key key;
        struct str value;
        uint32_t fresh = 0;
        key_pending(&key, sweep->company, sweep->numbers[i]);
        err = table_get(&writer->tables, VIEW_TABLE_pending, key_of(&key), &value);
        if (err != 0)
            return err == TIP_ENOTFOUND ? WRITER_DAMAGED(writer, "a pending event") : err;
        if (number_read(value) != 0) {
            err = table_put(&writer->tables, VIEW_TABLE_pending, key_of(&key), number_key(&fresh));
            continue;
        }
        err = table_delete(&writer->tables, VIEW_TABLE_pending, key_of(&key));
        writer->meta.pending_count--;
    }
    sweep->active = false;
    writer->meta_changed = true;
    return err;
}

static bool has_bet(const struct sweep *sweep, uint32_t event)
{
    struct hash_probe probe = hash_probe(hash_mix(event));
    uint32_t found;
    while (hash_index_next(&sweep->events, &probe, &found))
        if (found == event)
            return true;
    return false;
}

/* Whether a record has a bet on one of the sweep's events. */
static bool is_concerned(const struct sweep *sweep, struct str record)
{
    struct view_user head;
    struct view_selection selection;
    if (record.len < sizeof(head))
        return true; /* reading it says that it is none */
    memcpy(&head, record.data, sizeof(head));
    if ((head.flags & VIEW_USER_FOREIGN) != 0)
        return false; /* it has no tags */
    const char *at = record.data + sizeof(head) + head.coupon_count * sizeof(struct view_coupon);
    if (at + head.selection_count * sizeof(selection) > record.data + record.len)
        return true;
    for (size_t i = 0; i < head.selection_count; i++) {
        memcpy(&selection, at + i * sizeof(selection), sizeof(selection));
        if (has_bet(sweep, selection.event))
            return true;
    }
    return false;
}

/* Looks at up to `budget` users; lists those that are concerned. >0: that was the last. */
static int scan(struct view_writer *writer, size_t budget, struct arena *arena,
                struct str *ret_users, size_t *ret_count)
{
    struct sweep *sweep = &writer->sweep;
    AUTO_CURSOR *cursor = NULL;
    struct table_key from;
    struct str key, value;
    size_t count = 0;
    key_owned(&from, sweep->company, str_from(sweep->after, sweep->after_len));
    if (sweep->after_len > 0)
        key_u8(&from, 0); /* the next possible key */
    int err = table_cursor(&writer->tables, VIEW_TABLE_users, &cursor);
    if (err == 0)
        err = cursor_seek(cursor, key_of(&from), &key, &value);
    for (size_t i = 0; err == 0; i++) {
        if (read_be32(key.data) != sweep->company)
            err = 1;
        if (err != 0 || i == budget)
            break;
        struct str user_id = str_from(key.data + 4, key.len - 4);
        memcpy(sweep->after, user_id.data, user_id.len);
        sweep->after_len = user_id.len;
        if (is_concerned(sweep, value))
            ret_users[count++] = arena_copy(arena, user_id);
        err = cursor_next(cursor, &key, &value);
    }
    *ret_count = count;
    return err;
}

static int bring_up_to_date(struct view_writer *writer, struct str user_id)
{
    struct history *history = &writer->history;
    uint32_t company = writer->sweep.company;
    int err = writer_read_user(writer, company, user_id);
    for (size_t i = 0; err == 0 && i < history->bet_count; i++) {
        struct event_entry *entry;
        if (!has_bet(&writer->sweep, history->bets[i].event))
            continue;
        bool waited = history->bets[i].group == 0;
        err = writer_event_by_number(writer, history->bets[i].event, &entry);
        if (err == 0 && waited)
            err = stop_waiting(writer, entry->number, user_id);
        if (err == 0)
            history_tag(history, i, entry->group, entry->members, entry->member_count);
    }
    return err == 0 ? writer_write_user(writer, company, user_id) : err;
}

int writer_sweep(struct view_writer *writer)
{
    size_t budget = writer->sweep_users, count = 0;
    int err = writer->sweep.active ? 0 : start(writer);
    if (err != 0)
        return err > 0 ? WRITER_DAMAGED(writer, "the number of pending events") : err;
    struct arena arena = {0};
    struct str *users = xcalloc(budget, sizeof(*users));
    int last = scan(writer, budget, &arena, users, &count);
    err = last < 0 ? last : 0;
    for (size_t i = 0; err == 0 && i < count; i++)
        err = bring_up_to_date(writer, users[i]);
    free(users);
    arena_release(&arena);
    if (err == 0 && last > 0)
        err = finish(writer);
    return err;
}
