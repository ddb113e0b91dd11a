/* Ingest's word of itself; see ingest_status.h. */
#include "store/ingest_status.h"

static const char sql_write[] =
    "insert into ingest_status (instance, updated_at, users_stored, events_stored, coupons_stored, "
    "absorbed, superseded, rejected, erased, batches, database_retries, fenced) "
    "values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on duplicate key update "
    "updated_at = values(updated_at), users_stored = values(users_stored), "
    "events_stored = values(events_stored), coupons_stored = values(coupons_stored), "
    "absorbed = values(absorbed), superseded = values(superseded), rejected = values(rejected), "
    "erased = values(erased), batches = values(batches), database_retries = "
    "values(database_retries), "
    "fenced = values(fenced)";

static const char sql_read[] =
    "select instance, updated_at, users_stored, events_stored, coupons_stored, absorbed, "
    "superseded, "
    "rejected, erased, batches, database_retries, fenced from ingest_status where updated_at >= ? "
    "order by instance limit 1000";

int ingest_status_write(struct db *db, const struct ingest_status *status)
{
    struct stmt *stmt;
    int err = db_prepare(db, sql_write, &stmt);
    if (err != 0)
        return err;
    stmt_str(stmt, str_of(status->instance));
    stmt_time(stmt, status->updated_at_ms);
#define X(field, metric, help) stmt_uint(stmt, status->counters.field);
    INGEST_COUNTERS(X)
#undef X
    return stmt_run(stmt);
}

int ingest_status_read(struct db *db, int64_t since_ms, struct ingest_status *ret_statuses,
                       size_t capacity, size_t *ret_count)
{
    struct stmt *stmt;
    int err = db_prepare(db, sql_read, &stmt);
    if (err != 0)
        return err;
    stmt_time(stmt, since_ms);
    err = stmt_run(stmt);
    size_t count = 0;
    while (err == 0 && count < capacity && (err = stmt_row(stmt)) == 0) {
        struct ingest_status *status = &ret_statuses[count++];
        unsigned column = 2;
        str_to_text(stmt_get_str(stmt, 0), status->instance, sizeof(status->instance));
        status->updated_at_ms = stmt_get_time(stmt, 1);
#define X(field, metric, help) status->counters.field = stmt_get_uint(stmt, column++);
        INGEST_COUNTERS(X)
#undef X
    }
    if (err < 0)
        return err;
    *ret_count = count;
    return 0;
}
