/* A page of events; see event_list.h. */
#include "http/event_list.h"

#include "http/read_sources.h"

/* Up to so many ranges are merged: each is asked for a whole page. */
enum { MERGED_MAX = 100 };

static bool is_filtered(const struct view_list_query *request)
{
    return request->sports.count + request->leagues.count + request->countries.count > 0;
}

static bool admits_group(const struct view_list_query *request, const struct event_group *group)
{
    return filter_admits(&request->sports, group->sport) &&
           filter_admits(&request->leagues, group->league) &&
           filter_admits(&request->countries, group->country);
}

/* The groups that the filters leave: those of the named sports, or of all. */
static int matching_groups(struct reader *reader, const struct view_list_query *request,
                           struct event_group **ret_groups, size_t *ret_count)
{
    struct event_group *groups = NULL;
    size_t count, kept = 0;
    int err = read_groups(reader->db, request->company, request->sports.values,
                          request->sports.count, &reader->arena, &groups, &count);
    if (err != 0)
        return err;
    for (size_t i = 0; i < count; i++)
        if (admits_group(request, &groups[i]))
            groups[kept++] = groups[i];
    *ret_groups = groups;
    *ret_count = kept;
    return 0;
}

/* One source per group, or per participant of each sport among the groups (they come by sport). */
static void add_sources(struct sources *sources, const struct view_list_query *request,
                        const struct event_group *groups, size_t count)
{
    static const struct rank_source rank = {.type = RANK_SOURCE_GROUP};
    for (size_t i = 0; i < count; i++) {
        if (request->participants.count == 0)
            sources_add(sources, &(struct source){.group = groups[i]}, rank);
        else if (i == 0 || !str_equal(groups[i].sport, groups[i - 1].sport))
            for (size_t k = 0; k < request->participants.count; k++)
                sources_add(sources,
                            &(struct source){.group = groups[i],
                                             .participant = request->participants.values[k]},
                            rank);
    }
}

static int merge(struct reader *reader, const struct view_list_query *request,
                 const struct event_group *groups, size_t group_count, struct event_list_page *page)
{
    struct sources sources = {
        .reader = reader,
        .company = request->company,
        .range = request->range,
        .leagues = &request->leagues,
        .countries = &request->countries,
    };
    const struct rank_result *results;
    size_t count;
    add_sources(&sources, request, groups, group_count);
    int err = sources_run(&sources, request->limit + 1, &results, &count);
    if (err != 0)
        return err;
    for (size_t i = 0; i < count && i < request->limit; i++) {
        page->ids[page->count++] = results[i].key.id;
        page->last_begin_ms = results[i].key.begin_ms;
    }
    page->more = count > request->limit;
    return 0;
}

/* Adds the rows that the filters admit; true when the page is full and there is one more. */
static bool add_rows(const struct view_list_query *request, const struct event_row *rows,
                     size_t count, struct event_list_page *page)
{
    for (size_t i = 0; i < count; i++) {
        struct event_group group = {rows[i].sport, rows[i].league, rows[i].country};
        if (!admits_group(request, &group))
            continue;
        if (page->count == request->limit) {
            page->more = true;
            return true;
        }
        page->ids[page->count++] = rows[i].event_id;
        page->last_begin_ms = rows[i].begin_ms;
    }
    return false;
}

static int scan(struct reader *reader, const struct view_list_query *request,
                struct event_list_page *page)
{
    struct event_range range = request->range;
    for (;;) {
        size_t wanted = READER_CHUNK_MAX, count;
        if (!is_filtered(request) && request->limit - page->count < READER_CHUNK_MAX)
            wanted = request->limit - page->count + 1;
        int err = reader_in_time(reader);
        if (err == 0)
            err = read_begin_range(reader->db, request->company, &range, wanted, &reader->arena,
                                   reader->chunk, &count);
        if (err != 0)
            return err;
        if (add_rows(request, reader->chunk, count, page) || count < wanted)
            return 0;
        range.from_ms = reader->chunk[count - 1].begin_ms;
        range.from_id = reader->chunk[count - 1].event_id;
    }
}

int event_list(struct reader *reader, const struct view_list_query *request,
               struct event_list_page *ret_page)
{
    struct event_list_page page = {
        .ids = arena_array(&reader->arena, request->limit, sizeof(*page.ids))};
    struct event_group *groups = NULL;
    size_t group_count = 0;
    int err = 0;
    bool narrow = request->participants.count > 0;
    if (narrow || is_filtered(request)) {
        err = matching_groups(reader, request, &groups, &group_count);
        narrow = narrow || group_count <= MERGED_MAX;
    }
    if (err == 0)
        err = narrow ? merge(reader, request, groups, group_count, &page)
                     : scan(reader, request, &page);
    if (err != 0)
        return err;
    *ret_page = page;
    return 0;
}
