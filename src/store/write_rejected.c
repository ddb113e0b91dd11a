/* What could not be stored, with its reason; see write.h. */
#include "store/write.h"

/* A record is rejected once, however often it is delivered. */
static const char sql_insert[] =
    "insert into rejected (company_id, topic, partition_id, position, kind, record_id, user_id, "
    "reason, "
    "detail, request_id, payload, rejected_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
    "on duplicate key update position = values(position)";

enum {
    ID_MAX = 64,
    DETAIL_MAX = 400,
    PAYLOAD_MAX = 4 << 20, /* what goes through the client's and the server's packet limits */
};

static struct str cut(struct str text, size_t max)
{
    return str_from(text.data, text.len < max ? text.len : max);
}

int rejected_write(struct db *db, struct rejected_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct rejected_row *row = &rows[i];
        struct stmt *stmt;
        int err = db_prepare(db, sql_insert, &stmt);
        if (err != 0)
            return err;
        stmt_str(stmt, row->company);
        stmt_str(stmt, row->topic);
        stmt_int(stmt, row->partition);
        stmt_uint(stmt, row->position);
        stmt_str(stmt, row->kind);
        stmt_str(stmt, cut(row->record_id, ID_MAX));
        stmt_str(stmt, cut(row->user_id, ID_MAX));
        stmt_str(stmt, str_of(reject_reason_text(row->reason)));
        stmt_str(stmt, cut(row->detail, DETAIL_MAX));
        stmt_str(stmt, cut(row->request_id, ID_MAX));
        stmt_str(stmt, cut(row->payload, PAYLOAD_MAX));
        stmt_time(stmt, row->rejected_at_ms);
        err = stmt_run(stmt);
        if (err != 0)
            return err;
        row->is_new = stmt_affected(stmt) == 1;
    }
    return 0;
}
