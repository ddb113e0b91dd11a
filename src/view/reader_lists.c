/* Lists in their order of begin: runs, all of a company; see reader.h. */
#include "base/err.h"
#include "base/mem.h"
#include "view/reader_internal.h"

#include <stdlib.h>

enum { RANDOM_AMONG = 10000, MERGED_MAX = 100 };

struct hit *reader_add_hit(struct view_reader *reader)
{
    if (reader->hit_count == reader->hit_capacity) {
        reader->hit_capacity = reader->hit_capacity == 0 ? 256 : reader->hit_capacity * 2;
        reader->hits = xreallocarray(reader->hits, reader->hit_capacity, sizeof(*reader->hits));
    }
    return &reader->hits[reader->hit_count++];
}

bool reader_admits(const struct view_reader *reader, uint32_t group,
                   const struct event_filter *sports, const struct event_filter *leagues,
                   const struct event_filter *countries)
{
    if (sports->count + leagues->count + countries->count == 0)
        return true;
    const struct catalogue_group *names = &reader->catalogue.groups[group];
    return filter_admits(sports, names->sport_name) && filter_admits(leagues, names->league_name) &&
           filter_admits(countries, names->country_name);
}

/* Runs. */

static int take_run(struct str key, struct str value, uint32_t member, uint32_t group,
                    int64_t before_ms, struct run_entry *ret_entry)
{
    if (key.len < RUN_KEY_HEAD || value.len < sizeof(struct view_run_value))
        return TIP_EFATAL;
    if (read_be64(key.data) != ((uint64_t)member << 32 | group))
        return 1;
    ret_entry->key = (struct rank_key){
        .begin_ms = read_time(key.data + 8),
        .id = str_from(key.data + RUN_KEY_HEAD, key.len - RUN_KEY_HEAD),
    };
    ret_entry->event = number_read(value);
    ret_entry->document = str_from(value.data + sizeof(struct view_run_value),
                                   value.len - sizeof(struct view_run_value));
    return ret_entry->key.begin_ms >= before_ms;
}

int run_first(struct view_reader *reader, uint32_t member, uint32_t group,
              const struct event_range *range, MDB_cursor **ret_cursor, struct run_entry *ret_entry)
{
    struct table_key start;
    struct str key, value;
    key_run(&start, member, group, range->from_ms, range->from_id);
    int err = reader_cursor(reader, CURSOR_RUNS, ret_cursor);
    if (err == 0)
        err = cursor_seek(*ret_cursor, key_of(&start), &key, &value);
    if (err == 0 && range->from_id.len > 0 && str_equal(key, key_of(&start)))
        err = cursor_next(*ret_cursor, &key, &value); /* the range begins after it */
    return err == 0 ? take_run(key, value, member, group, range->before_ms, ret_entry) : err;
}

int run_next(MDB_cursor *cursor, uint32_t member, uint32_t group, int64_t before_ms,
             struct run_entry *ret_entry)
{
    struct str key, value;
    int err = cursor_next(cursor, &key, &value);
    return err == 0 ? take_run(key, value, member, group, before_ms, ret_entry) : err;
}

/* By begin. */

struct begin_entry {
    int64_t begin_ms;
    struct str id;
    struct view_place place;
};

static int take_begin(const struct view_reader *reader, struct str key, struct str value,
                      int64_t before_ms, struct begin_entry *ret_entry)
{
    if (key.len < BEGIN_KEY_HEAD || value.len != sizeof(ret_entry->place))
        return TIP_EFATAL;
    ret_entry->begin_ms = read_time(key.data + 4);
    ret_entry->id = str_from(key.data + BEGIN_KEY_HEAD, key.len - BEGIN_KEY_HEAD);
    memcpy(&ret_entry->place, value.data, sizeof(ret_entry->place));
    if (ret_entry->place.group > reader->catalogue.group_count)
        return TIP_EFATAL;
    return read_be32(key.data) != reader->company || ret_entry->begin_ms >= before_ms;
}

static int begin_first(struct view_reader *reader, const struct event_range *range,
                       MDB_cursor **ret_cursor, struct begin_entry *ret_entry)
{
    struct table_key start;
    struct str key, value;
    key_begin(&start, reader->company, range->from_ms, range->from_id);
    int err = reader_cursor(reader, CURSOR_BEGINS, ret_cursor);
    if (err == 0)
        err = cursor_seek(*ret_cursor, key_of(&start), &key, &value);
    if (err == 0 && range->from_id.len > 0 && str_equal(key, key_of(&start)))
        err = cursor_next(*ret_cursor, &key, &value);
    return err == 0 ? take_begin(reader, key, value, range->before_ms, ret_entry) : err;
}

static int begin_next(struct view_reader *reader, MDB_cursor *cursor, int64_t before_ms,
                      struct begin_entry *ret_entry)
{
    struct str key, value;
    int err = cursor_next(cursor, &key, &value);
    return err == 0 ? take_begin(reader, key, value, before_ms, ret_entry) : err;
}

/* How many events a range has, at most RANDOM_AMONG, or the one at place `stop`. */
static int walk(struct view_reader *reader, const struct event_range *range, uint64_t stop,
                uint64_t *ret_count, uint32_t *ret_event)
{
    struct begin_entry entry;
    MDB_cursor *cursor;
    uint64_t count = 0;
    int err = begin_first(reader, range, &cursor, &entry);
    while (err == 0 && count < RANDOM_AMONG) {
        if (count++ == stop) {
            *ret_event = entry.place.event;
            break;
        }
        err = begin_next(reader, cursor, range->before_ms, &entry);
    }
    *ret_count = count;
    return err > 0 ? 0 : err;
}

int view_random(struct view_reader *reader, const struct view_query *query, uint64_t random,
                struct buf *out)
{
    struct event_range range = {.from_ms = query->now_ms + 1, .before_ms = query->before_ms};
    uint64_t count = 0;
    uint32_t event = 0;
    known_start(reader);
    if (range.from_ms < reader->meta.lists_from_ms)
        return TIP_EUNAVAIL;
    int err = reader_company(reader, query->company);
    if (err == 0 && reader->company != 0)
        err = walk(reader, &range, UINT64_MAX, &count, &event);
    if (err == 0 && count > 0)
        err = walk(reader, &range, random % count, &count, &event);
    if (err != 0)
        return err;
    if (count > 0) {
        struct hit *hit = reader_add_hit(reader);
        *hit = (struct hit){.event = event};
    }
    return reader_items(reader, query, out);
}

/* Pages. */

static bool admits(const struct view_reader *reader, const struct view_list_query *query,
                   uint32_t group)
{
    return reader_admits(reader, group, &query->sports, &query->leagues, &query->countries);
}

/* Offers a run's first events, as many as a page may take. */
static int offer_run(struct view_reader *reader, const struct view_list_query *query,
                     uint32_t member, uint32_t group)
{
    struct run_entry entry;
    MDB_cursor *cursor;
    int err = run_first(reader, member, group, &query->range, &cursor, &entry);
    for (; err == 0; err = run_next(cursor, member, group, query->range.before_ms, &entry)) {
        if (!topn_admits(reader->topn, 0, &entry.key))
            return 0;
        int known = known_has(reader, entry.event);
        if (known < 0)
            return known;
        if (known > 0)
            continue;
        struct rank_result result = {.key = entry.key, .ref = entry.event};
        number_set_add(&reader->known, entry.event);
        topn_put(reader->topn, &result);
    }
    return err > 0 ? 0 : err;
}

/* The runs of the wanted participants in a group's sport, once per sport. */
static int offer_members(struct view_reader *reader, const struct view_list_query *query,
                         const struct catalogue_group *of)
{
    const struct view_catalogue *catalogue = &reader->catalogue;
    for (size_t i = 0; i < query->participants.count; i++) {
        struct str name = query->participants.values[i], value;
        struct table_key key;
        if (name.len > NAME_MAX_BYTES)
            continue;
        int err = table_get(&reader->tables, VIEW_TABLE_names,
                            key_name(&key, reader->company, 'p', of->sport, name), &value);
        if (err == TIP_ENOTFOUND)
            continue;
        if (err != 0)
            return err;
        uint32_t member = number_read(value);
        for (uint32_t pair = catalogue->first_of_member[member]; err == 0 && pair != 0;
             pair = catalogue->pairs[pair].next)
            if (admits(reader, query, catalogue->pairs[pair].group))
                err = offer_run(reader, query, member, catalogue->pairs[pair].group);
        if (err != 0)
            return err;
    }
    return 0;
}

/* Merges runs: those of the participants, or those of the groups. */
static int merge(struct view_reader *reader, const struct view_list_query *query,
                 struct view_list_page *page)
{
    const struct view_catalogue *catalogue = &reader->catalogue;
    const struct rank_result *results;
    size_t count;
    topn_clear(reader->topn);
    int err = topn_begin(reader->topn, query->limit + 1);
    for (uint32_t number = catalogue->first_of_company[reader->company]; err == 0 && number != 0;
         number = catalogue->groups[number].next_of_company) {
        const struct catalogue_group *group = &catalogue->groups[number];
        if (query->participants.count == 0 && admits(reader, query, number))
            err = offer_run(reader, query, 0, number);
        else if (query->participants.count > 0 && group->next_of_sport == 0) /* the sport's first */
            err = offer_members(reader, query, group);
    }
    if (err != 0)
        return err;
    topn_end(reader->topn, &results, &count);
    page->more = count > query->limit;
    for (size_t i = 0; i < count && i < query->limit; i++) {
        struct hit *hit = reader_add_hit(reader);
        *hit = (struct hit){.event = (uint32_t)results[i].ref};
        page->last_begin_ms = results[i].key.begin_ms;
        page->last_id = results[i].key.id;
    }
    return 0;
}

static int scan(struct view_reader *reader, const struct view_list_query *query,
                struct view_list_page *page)
{
    struct begin_entry entry;
    MDB_cursor *cursor;
    int err = begin_first(reader, &query->range, &cursor, &entry);
    for (; err == 0; err = begin_next(reader, cursor, query->range.before_ms, &entry)) {
        if (!admits(reader, query, entry.place.group))
            continue;
        if (reader->hit_count == query->limit) {
            page->more = true;
            return 0;
        }
        struct hit *hit = reader_add_hit(reader);
        *hit = (struct hit){.event = entry.place.event};
        page->last_begin_ms = entry.begin_ms;
        page->last_id = entry.id;
    }
    return err > 0 ? 0 : err;
}

/* Whether so few runs hold the answer that merging them is cheaper than reading all events. */
static bool is_narrow(const struct view_reader *reader, const struct view_list_query *query)
{
    const struct view_catalogue *catalogue = &reader->catalogue;
    size_t count = 0;
    if (query->participants.count > 0)
        return true;
    if (query->sports.count + query->leagues.count + query->countries.count == 0)
        return false;
    for (uint32_t number = catalogue->first_of_company[reader->company];
         number != 0 && count <= MERGED_MAX; number = catalogue->groups[number].next_of_company)
        count += admits(reader, query, number);
    return count <= MERGED_MAX;
}

static int add_records(struct view_reader *reader, struct buf *out)
{
    size_t start = out->len;
    buf_add_char(out, '[');
    for (size_t i = 0; i < reader->hit_count; i++) {
        if (i > 0)
            buf_add_char(out, ',');
        int err = reader_add_record(reader, reader->hits[i].event, out);
        if (err != 0) {
            out->len = start;
            return err;
        }
    }
    buf_add_char(out, ']');
    return 0;
}

int view_list(struct view_reader *reader, const struct view_list_query *query, struct buf *out,
              struct view_list_page *ret_page)
{
    struct view_list_page page = {0};
    known_start(reader);
    if (query->range.from_ms < reader->meta.lists_from_ms)
        return TIP_EUNAVAIL;
    int err = reader_company(reader, query->company);
    if (err == 0 && reader->company != 0)
        err = is_narrow(reader, query) ? merge(reader, query, &page) : scan(reader, query, &page);
    if (err == 0)
        err = add_records(reader, out);
    if (err != 0)
        return err;
    page.count = reader->hit_count;
    *ret_page = page;
    return 0;
}
