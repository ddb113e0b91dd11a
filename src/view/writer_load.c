/*
 * Bulk load: users as they stand in the database, each once. Counts and lists are not kept along
 * the way: when all is there the selections are counted, so that a transaction that had to be
 * repeated cannot leave a count wrong, and each list is written in its own order.
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
    uint64_t hash; /* of the event, see event_cache_hash */
};

static int by_time_and_event(const void *a, const void *b)
{
    const struct loaded_bet *x = a, *y = b;
    if (x->coupon->placed_at_ms != y->coupon->placed_at_ms)
        return x->coupon->placed_at_ms > y->coupon->placed_at_ms ? -1 : 1;
    return str_compare(x->event->id, y->event->id);
}

/* Most users have few, and a coupon's are in their order already. */
static void sort_bets(struct loaded_bet *bets, size_t count)
{
    enum { FEW = 48 };
    if (count > FEW) {
        qsort(bets, count, sizeof(*bets), by_time_and_event);
        return;
    }
    for (size_t i = 1; i < count; i++) {
        struct loaded_bet bet = bets[i];
        size_t at = i;
        for (; at > 0 && bets[at - 1].coupon != bet.coupon &&
               by_time_and_event(&bets[at - 1], &bet) > 0;
             at--)
            bets[at] = bets[at - 1];
        bets[at] = bet;
    }
}

/* All events of a user are fetched together. */
static void foresee_bets(const struct view_writer *writer, uint32_t company,
                         const struct view_load_user *user, struct loaded_bet *bets)
{
    size_t count = 0;
    for (size_t i = 0; i < user->coupon_count; i++)
        for (size_t k = 0; k < user->coupons[i].event_count; k++)
            bets[count++].hash =
                event_cache_hash(&writer->events, company, user->coupons[i].event_ids[k]);
    for (size_t i = 0; i < count; i++)
        event_cache_foresee(&writer->events, bets[i].hash);
}

static int find_event(struct view_writer *writer, uint32_t company, struct str event_id,
                      uint64_t hash, struct event_entry **ret_event)
{
    *ret_event = event_cache_find(&writer->events, hash, company, event_id);
    return *ret_event != NULL ? 0 : writer_event(writer, company, event_id, ret_event);
}

static int list_bets(struct view_writer *writer, uint32_t company,
                     const struct view_load_user *user, struct loaded_bet *bets)
{
    size_t count = 0;
    foresee_bets(writer, company, user, bets);
    for (size_t i = 0; i < user->coupon_count; i++) {
        const struct view_load_coupon *coupon = &user->coupons[i];
        struct view_coupon added = {.id_hash = writer_coupon_hash(writer, coupon->coupon_id),
                                    .placed_at_ms = coupon->placed_at_ms};
        memcpy(&added.content, coupon->content_hash, sizeof(added.content));
        uint32_t place = history_add_coupon(&writer->history, &added);
        for (size_t k = 0; k < coupon->event_count; k++) {
            struct loaded_bet *bet = &bets[count++];
            bet->coupon = coupon;
            bet->place = place;
            int err = find_event(writer, company, coupon->event_ids[k], bet->hash, &bet->event);
            if (err != 0)
                return err;
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
    if (!foreign)
        sort_bets(bets, total);
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

/* Lists. */

/* A listed event, its id copied: writing moves what a read returned. */
struct listed_event {
    struct str id;
    int64_t begin_ms;
    uint64_t count;
    uint32_t company, event, group;
};

/* An event in a run. */
struct run_place {
    const struct listed_event *event;
    uint32_t member;
};

struct lists {
    struct arena arena;
    struct listed_event *events;
    struct run_place *runs;
    size_t event_count, event_capacity, run_count, run_capacity;
};

static int by_begin(const struct listed_event *a, const struct listed_event *b)
{
    if (a->begin_ms != b->begin_ms)
        return a->begin_ms < b->begin_ms ? -1 : 1;
    return str_compare(a->id, b->id);
}

static int by_company_and_begin(const void *a, const void *b)
{
    const struct listed_event *x = a, *y = b;
    return x->company != y->company ? (x->company < y->company ? -1 : 1) : by_begin(x, y);
}

static int by_company_and_count(const void *a, const void *b)
{
    const struct listed_event *x = a, *y = b;
    if (x->company == y->company && x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return by_company_and_begin(a, b);
}

static int by_run(const void *a, const void *b)
{
    const struct run_place *x = a, *y = b;
    if (x->member != y->member)
        return x->member < y->member ? -1 : 1;
    if (x->event->group != y->event->group)
        return x->event->group < y->event->group ? -1 : 1;
    return by_begin(x->event, y->event);
}

static void add_listed(struct lists *lists, const struct view_event *head, uint32_t event,
                       struct str id, uint64_t count)
{
    if (lists->event_count == lists->event_capacity) {
        lists->event_capacity = lists->event_capacity == 0 ? 1024 : lists->event_capacity * 2;
        lists->events = xreallocarray(lists->events, lists->event_capacity, sizeof(*lists->events));
    }
    lists->events[lists->event_count++] = (struct listed_event){
        .id = arena_copy(&lists->arena, id),
        .begin_ms = head->begin_ms,
        .count = count,
        .company = head->company,
        .event = event,
        .group = head->group,
    };
    lists->run_capacity += 1U + head->member_count;
}

static int list_events(struct view_writer *writer, const uint64_t *counts, struct lists *lists)
{
    AUTO_CURSOR *cursor = NULL;
    struct str key, value;
    int err = table_cursor(&writer->tables, VIEW_TABLE_events, &cursor);
    if (err == 0)
        err = cursor_seek(cursor, (struct str){0}, &key, &value);
    for (; err == 0; err = cursor_next(cursor, &key, &value)) {
        struct view_event head;
        uint32_t event = number_read(key);
        if (value.len < sizeof(head))
            return WRITER_DAMAGED(writer, "an event's record is too short");
        memcpy(&head, value.data, sizeof(head));
        if ((head.flags & VIEW_EVENT_LISTED) != 0)
            add_listed(lists, &head, event,
                       str_from(value.data + value.len - head.id_bytes, head.id_bytes),
                       counts[event]);
    }
    return err > 0 ? 0 : err;
}

/* Writes begins or popular, in whose order the events are. */
static int append_places(struct view_writer *writer, enum view_table table,
                         const struct lists *lists)
{
    int err = 0;
    for (size_t i = 0; err == 0 && i < lists->event_count; i++) {
        const struct listed_event *event = &lists->events[i];
        struct view_place place = {.event = event->event, .group = event->group};
        struct table_key key;
        if (table == VIEW_TABLE_begins)
            key_begin(&key, event->company, event->begin_ms, event->id);
        else
            key_popular(&key, event->company, event->count, event->begin_ms, event->id);
        err = table_append(&writer->tables, table, key_of(&key), str_from(&place, sizeof(place)));
    }
    return err;
}

static int list_runs(struct view_writer *writer, struct lists *lists)
{
    lists->runs = xcalloc(lists->run_capacity, sizeof(*lists->runs));
    for (size_t i = 0; i < lists->event_count; i++) {
        const struct listed_event *event = &lists->events[i];
        struct event_entry *entry;
        int err = writer_event_by_number(writer, event->event, &entry);
        if (err != 0)
            return err;
        lists->runs[lists->run_count++] = (struct run_place){event, 0};
        for (size_t k = 0; k < entry->member_count; k++)
            lists->runs[lists->run_count++] = (struct run_place){event, entry->members[k]};
    }
    return 0;
}

static int append_runs(struct view_writer *writer, const struct lists *lists)
{
    int err = 0;
    for (size_t i = 0; err == 0 && i < lists->run_count; i++) {
        const struct run_place *place = &lists->runs[i];
        struct table_key key;
        key_run(&key, place->member, place->event->group, place->event->begin_ms, place->event->id);
        err = writer_run_value(writer, place->event->event, &writer->record);
        if (err == 0)
            err = table_append(&writer->tables, VIEW_TABLE_runs, key_of(&key),
                               buf_str(&writer->record));
    }
    return err;
}

/* Each in its order, so that pages are full. */
static int write_lists(struct view_writer *writer, const uint64_t *counts)
{
    struct lists lists = {0};
    int err = list_events(writer, counts, &lists);
    if (err == 0 && lists.event_count > 0) {
        qsort(lists.events, lists.event_count, sizeof(*lists.events), by_company_and_begin);
        err = append_places(writer, VIEW_TABLE_begins, &lists);
        qsort(lists.events, lists.event_count, sizeof(*lists.events), by_company_and_count);
        if (err == 0)
            err = append_places(writer, VIEW_TABLE_popular, &lists);
        if (err == 0)
            err = list_runs(writer, &lists);
        if (err == 0)
            qsort(lists.runs, lists.run_count, sizeof(*lists.runs), by_run);
        if (err == 0)
            err = append_runs(writer, &lists);
    }
    free(lists.events);
    free(lists.runs);
    arena_release(&lists.arena);
    return err;
}

int view_writer_load_end(struct view_writer *writer)
{
    writer->loading = true; /* also when this process loaded nothing */
    AUTO_FREE uint64_t *counts = xcalloc((size_t)writer->meta.event_count + 1, sizeof(*counts));
    int err = count_users(writer, counts);
    if (err == 0)
        err = count_older(writer, counts);
    if (err == 0)
        err = write_counts(writer, counts);
    if (err == 0)
        err = write_lists(writer, counts);
    if (err == 0) {
        writer->loading = false;
        event_cache_clear(&writer->events); /* without counts */
    } else if (err == TIP_EINVAL) {
        err = WRITER_DAMAGED(writer, "lists were begun before the load ended");
    }
    writer_fail(writer, err, "cannot write counts and lists: %s", tip_err_text(err));
    return writer_after_full(writer, err);
}
