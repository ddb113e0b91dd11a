/*
 * Popular events: the list of a company in its order, as far as it takes. Where a filter lets so
 * few through that the beginning of the list does not do, the events of the runs that it admits are
 * counted instead, if they are few enough; else the list is read on. The order is the same.
 */
#include "base/err.h"
#include "base/timefmt.h"
#include "view/reader_internal.h"

/* A look at the list costs a tenth of counting an event: its count stands in a table of its own. */
enum { LIST_FIRST = 1000, COUNTED_MAX = 8000 };

static bool is_filtered(const struct view_query *query)
{
    return query->sports.count + query->leagues.count + query->countries.count > 0 ||
           query->before_ms <= TIME_MAX_MS;
}

static bool admits(const struct view_reader *reader, const struct view_query *query, uint32_t group)
{
    return reader_admits(reader, group, &query->sports, &query->leagues, &query->countries);
}

static void add_popular(struct view_reader *reader, uint32_t event)
{
    struct hit *hit = reader_add_hit(reader);
    *hit = (struct hit){.event = event, .popular = true};
}

/* An entry of popular that the query admits becomes a hit. */
static int take_popular(struct view_reader *reader, const struct view_query *query, struct str key,
                        struct str value)
{
    struct view_place place;
    int64_t begin_ms = read_time(key.data + 12);
    memcpy(&place, value.data, sizeof(place));
    if (begin_ms <= query->now_ms || begin_ms >= query->before_ms ||
        place.group > reader->catalogue.group_count || !admits(reader, query, place.group))
        return 0;
    int known = known_has(reader, place.event);
    if (known == 0)
        add_popular(reader, place.event);
    return known < 0 ? known : 0;
}

/* Reads the list until there are n hits, at most `most` entries. >0: these were not all. */
static int read_list(struct view_reader *reader, const struct view_query *query, size_t n,
                     size_t most)
{
    struct table_key start = {.len = 0};
    struct str key, value;
    MDB_cursor *cursor;
    key_be32(&start, reader->company);
    int err = reader_cursor(reader, CURSOR_POPULAR, &cursor);
    if (err == 0)
        err = cursor_seek(cursor, key_of(&start), &key, &value);
    for (size_t i = 0; err == 0 && reader->hit_count < n; i++) {
        if (memcmp(key.data, start.bytes, start.len) != 0)
            return 0;
        if (key.len < POPULAR_KEY_HEAD || value.len != sizeof(struct view_place))
            return TIP_EFATAL;
        if (i == most)
            return 1;
        err = take_popular(reader, query, key, value);
        if (err == 0)
            err = cursor_next(cursor, &key, &value);
    }
    return err > 0 ? 0 : err;
}

static int count_of(const struct view_reader *reader, uint32_t event, int64_t *ret_count)
{
    struct str value;
    int err = table_get(&reader->tables, VIEW_TABLE_counts, number_key(&event), &value);
    *ret_count = 0;
    if (err == 0 && value.len == sizeof(*ret_count))
        memcpy(ret_count, value.data, sizeof(*ret_count));
    return err == TIP_ENOTFOUND ? 0 : err;
}

/* Offers the events of a group's run. *left: how many more may be looked at. */
static int offer_group(struct view_reader *reader, const struct view_query *query, uint32_t group,
                       size_t *left)
{
    struct event_range range = {.from_ms = query->now_ms + 1, .before_ms = query->before_ms};
    struct run_entry entry;
    MDB_cursor *cursor;
    int err = run_first(reader, 0, group, &range, &cursor, &entry);
    for (; err == 0; err = run_next(cursor, 0, group, range.before_ms, &entry)) {
        struct rank_result result = {.key = entry.key, .ref = entry.event};
        if (*left == 0)
            return 1;
        --*left;
        int known = known_has(reader, entry.event);
        if (known == 0)
            known = count_of(reader, entry.event, &result.numerator);
        if (known < 0)
            return known;
        if (known == 0 && topn_admits(reader->topn, result.numerator, &entry.key))
            topn_put(reader->topn, &result);
    }
    return err > 0 ? 0 : err;
}

/* The best by count of the runs that the query admits. >0: they are too many. */
static int count_runs(struct view_reader *reader, const struct view_query *query, size_t n)
{
    const struct view_catalogue *catalogue = &reader->catalogue;
    const struct rank_result *results;
    size_t left = COUNTED_MAX, count;
    topn_clear(reader->topn);
    int err = topn_begin(reader->topn, n - reader->hit_count);
    for (uint32_t group = catalogue->first_of_company[reader->company]; err == 0 && group != 0;
         group = catalogue->groups[group].next_of_company)
        if (admits(reader, query, group))
            err = offer_group(reader, query, group, &left);
    if (err != 0)
        return err;
    topn_end(reader->topn, &results, &count);
    for (size_t i = 0; i < count; i++)
        add_popular(reader, (uint32_t)results[i].ref);
    return 0;
}

int reader_fill(struct view_reader *reader, const struct view_query *query, size_t n)
{
    size_t before = reader->hit_count;
    if (before >= n || reader->company == 0)
        return 0;
    int err = read_list(reader, query, n, is_filtered(query) ? LIST_FIRST : SIZE_MAX);
    if (err > 0) {
        reader->hit_count = before;
        err = count_runs(reader, query, n);
    }
    return err > 0 ? read_list(reader, query, n, SIZE_MAX) : err;
}
