/* Where the bets are; see read_stats.h. */
#include "store/read_stats.h"

/* The index is named as in read_popular.c. */
static const char sql_leagues[] =
    "select e.sport, e.league, cast(count(*) as signed), cast(coalesce(sum((select sum(c.n) from "
    "event_counts c where c.company_id = e.company_id and c.event_id = e.event_id)), 0) as signed) "
    "as bets from events e force index (events_by_begin) where e.company_id = ? and "
    "e.withdrawn = 0 and e.begin_at >= ? group by e.sport, e.league "
    "order by bets desc, e.sport, e.league limit 5000";

static const char sql_event_bets[] =
    "select event_id, cast(sum(n) as signed) from event_counts where company_id = ? "
    "and event_id in (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) group by event_id";

int read_leagues(struct db *db, struct str company, int64_t from_ms, struct arena *arena,
                 struct league_bets **ret_leagues, size_t *ret_count)
{
    struct stmt *stmt;
    struct league_bets *leagues = arena_array(arena, LEAGUES_MAX, sizeof(*leagues));
    size_t count = 0;
    int err = db_prepare(db, sql_leagues, &stmt);
    if (err != 0)
        return err;
    stmt_str(stmt, company);
    stmt_time(stmt, from_ms);
    err = stmt_run(stmt);
    while (err == 0 && count < LEAGUES_MAX && (err = stmt_row(stmt)) == 0)
        leagues[count++] = (struct league_bets){
            .sport = arena_copy(arena, stmt_get_str(stmt, 0)),
            .league = arena_copy(arena, stmt_get_str(stmt, 1)),
            .events = stmt_get_int(stmt, 2),
            .bets = stmt_get_int(stmt, 3),
        };
    *ret_leagues = leagues;
    *ret_count = count;
    return err < 0 ? err : 0;
}

int read_event_bets(struct db *db, struct str company, const struct str *ids, size_t count,
                    int64_t *ret_bets)
{
    struct stmt *stmt;
    for (size_t i = 0; i < count; i++)
        ret_bets[i] = 0;
    if (count == 0)
        return 0;
    int err = db_prepare(db, sql_event_bets, &stmt);
    if (err != 0)
        return err;
    stmt_str(stmt, company);
    for (size_t i = 0; i < EVENT_BETS_MAX; i++)
        stmt_str(stmt, ids[i < count ? i : count - 1]);
    err = stmt_run(stmt);
    while (err == 0 && (err = stmt_row(stmt)) == 0)
        for (size_t i = 0; i < count; i++)
            if (str_equal(ids[i], stmt_get_str(stmt, 0)))
                ret_bets[i] = stmt_get_int(stmt, 1);
    return err < 0 ? err : 0;
}
