/* Popular events; see read_popular.h. */
#include "store/read_popular.h"

#include "store/read_list.h"
#include "store/read_once.h"

/*
 * The indexes are named because both servers, asked freely, read all the company's past events as
 * well by the primary key or by skipping through events_by_group. The count is looked up event by
 * event: a join and grouping of all counts takes as long and needs a temporary table.
 */
#define SELECT_POPULAR                                                                             \
    "select e.event_id, e.begin_at, coalesce((select cast(sum(c.n) as signed) from event_counts c" \
    " where c.company_id = e.company_id and c.event_id = e.event_id), 0) as bets from events e"
#define POPULAR_RANGE                                                                              \
    " where e.company_id = ? and e.withdrawn = 0 and e.begin_at >= ?"                              \
    " and (e.begin_at > ? or e.event_id > ?) and e.begin_at < ?"
#define POPULAR_ORDER " order by bets desc, e.begin_at, e.event_id limit ?"

/* A filter that is not there is (1 = 1 or ...): both servers drop it before they choose an index.
 */
#define FILTER(column, slots) " and (? = 0 or e." column " in (" slots "))"
#define FILTERS(slots)        FILTER("sport", slots) FILTER("league", slots) FILTER("country", slots)
#define SLOTS_4               "?,?,?,?"
#define SLOTS_32                                                                                   \
    SLOTS_4 "," SLOTS_4 "," SLOTS_4 "," SLOTS_4 "," SLOTS_4 "," SLOTS_4 "," SLOTS_4 "," SLOTS_4

static const char select_popular[] =
    SELECT_POPULAR " force index (events_by_begin)" POPULAR_RANGE POPULAR_ORDER;

static const char select_popular_filtered[] = SELECT_POPULAR
    " force index (events_by_begin, events_by_group)" POPULAR_RANGE FILTERS(SLOTS_4) POPULAR_ORDER;

static const char select_popular_filtered_widely[] = SELECT_POPULAR
    " force index (events_by_begin, events_by_group)" POPULAR_RANGE FILTERS(SLOTS_32) POPULAR_ORDER;

static void bind_filter(struct stmt *stmt, const struct event_filter *filter, size_t slots)
{
    stmt_int(stmt, filter->count > 0);
    list_bind(stmt, filter->values, filter->count, slots);
}

/* How many values each list of the statement has; 0: no filters. */
static size_t filter_slots(const struct popular_query *query)
{
    size_t most = query->sports.count;
    if (query->leagues.count > most)
        most = query->leagues.count;
    if (query->countries.count > most)
        most = query->countries.count;
    return most == 0 ? 0 : most <= 4 ? 4 : FILTER_VALUES_MAX;
}

int read_popular(struct db *db, const struct popular_query *query, size_t limit,
                 struct arena *arena, struct str *ret_ids, size_t *ret_count)
{
    size_t slots = filter_slots(query);
    const char *sql = slots == 0   ? select_popular
                      : slots == 4 ? select_popular_filtered
                                   : select_popular_filtered_widely;
    struct stmt *stmt;
    int err = db_prepare(db, sql, &stmt);
    if (err != 0)
        return err;
    stmt_str(stmt, query->company);
    stmt_time(stmt, query->range.from_ms);
    stmt_time(stmt, query->range.from_ms);
    stmt_str(stmt, query->range.from_id);
    stmt_time(stmt, query->range.before_ms);
    if (slots > 0) {
        bind_filter(stmt, &query->sports, slots);
        bind_filter(stmt, &query->leagues, slots);
        bind_filter(stmt, &query->countries, slots);
    }
    stmt_uint(stmt, limit);
    err = stmt_run(stmt);
    if (err != 0)
        return err;
    size_t count = 0;
    while (count < limit && (err = stmt_row(stmt)) == 0)
        ret_ids[count++] = arena_copy(arena, stmt_get_str(stmt, 0));
    if (err < 0)
        return err;
    read_once_done(db, stmt);
    *ret_count = count;
    return 0;
}
