/* Tables in chunks; see snapshot.h. Users with their coupons and selections: snapshot_users.c. */
#include "store/snapshot.h"

#include "base/err.h"
#include "domain/codec.h"

static const char sql_companies[] =
    "select company_id from companies where company_id > ? order by company_id limit 8000";

/* The servers' own estimates: a count of all rows would read them all. */
static const char sql_size[] =
    "select table_name, table_rows from information_schema.tables "
    "where table_schema = database() and table_name in ('events', 'coupons')";

static const char sql_events[] =
    "select event_id, withdrawn, sport, league, country, participants, begin_at, end_at, version, "
    "position from events force index (primary) where company_id = ? and event_id > ? "
    "order by event_id limit 8000";

int snapshot_companies(struct db *db, struct str after, struct arena *arena, struct str **ret_ids,
                       size_t *ret_count)
{
    struct stmt *stmt;
    int err = db_prepare(db, sql_companies, &stmt);
    if (err != 0)
        return err;
    stmt_str(stmt, after);
    err = stmt_run(stmt);
    if (err != 0)
        return err;
    struct str *ids = arena_array(arena, SNAPSHOT_ROWS_MAX, sizeof(*ids));
    size_t count = 0;
    while (count < SNAPSHOT_ROWS_MAX && (err = stmt_row(stmt)) == 0)
        ids[count++] = arena_copy(arena, stmt_get_str(stmt, 0));
    if (err < 0)
        return err;
    *ret_ids = ids;
    *ret_count = count;
    return 0;
}

int snapshot_size(struct db *db, struct snapshot_size *ret_size)
{
    struct stmt *stmt;
    struct snapshot_size size = {0};
    int err = db_prepare(db, sql_size, &stmt);
    if (err == 0)
        err = stmt_run(stmt);
    while (err == 0 && (err = stmt_row(stmt)) == 0) {
        bool is_events = str_equal(stmt_get_str(stmt, 0), str_of("events"));
        *(is_events ? &size.events : &size.coupons) = stmt_get_uint(stmt, 1);
    }
    if (err < 0)
        return err;
    *ret_size = size;
    return 0;
}

static int visit_event(const struct stmt *stmt, struct arena *arena, struct str *ret_last,
                       snapshot_event_fn visit, void *ctx)
{
    struct snapshot_event row = {.withdrawn = stmt_get_int(stmt, 1) != 0,
                                 .has_attributes = !stmt_is_null(stmt, 2)};
    struct event *event = &row.event;
    void *json = NULL;
    event->event_id = *ret_last = arena_copy(arena, stmt_get_str(stmt, 0));
    event->version = stmt_is_null(stmt, 8) ? VERSION_NONE : stmt_get_int(stmt, 8);
    row.precedence = (struct precedence){event->version, stmt_get_uint(stmt, 9)};
    if (row.has_attributes) {
        event->sport = stmt_get_str(stmt, 2);
        event->league = stmt_get_str(stmt, 3);
        event->country = stmt_get_str(stmt, 4);
        event->begin_ms = stmt_get_time(stmt, 6);
        event->end_ms = stmt_get_time(stmt, 7);
        if (participants_parse(stmt_get_str(stmt, 5), event, &json) != 0)
            return TIP_EFATAL;
    }
    int err = visit(ctx, &row);
    json_release(json);
    return err;
}

int snapshot_events(struct db *db, struct str company, struct str after, struct arena *arena,
                    snapshot_event_fn visit, void *ctx, struct str *ret_last, size_t *ret_count)
{
    struct stmt *stmt;
    int err = db_prepare(db, sql_events, &stmt);
    if (err != 0)
        return err;
    stmt_str(stmt, company);
    stmt_str(stmt, after);
    err = stmt_run(stmt);
    size_t count = 0;
    struct str last = after;
    while (err == 0 && (err = stmt_row(stmt)) == 0) {
        err = visit_event(stmt, arena, &last, visit, ctx);
        count++;
    }
    if (err < 0)
        return err;
    *ret_last = last;
    *ret_count = count;
    return 0;
}
