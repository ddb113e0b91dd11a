/* What could not be stored, with its reason; see write.h. */
#include "store/write.h"

/* A record is rejected once, however often it is delivered. */
static const struct sql_rows sql_insert = {
    "insert into rejected (company_id, topic, partition_id, position, kind, record_id, user_id, "
    "reason, detail, request_id, payload, rejected_at) values ",
    "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", " on duplicate key update position = values(position)"};

static const struct sql_rows sql_known = {
    "select company_id, topic, partition_id, position from rejected where ",
    "(company_id = ? and topic = ? and partition_id = ? and position = ?)", "", " or "};

enum {
    ID_MAX = 64,
    DETAIL_MAX = 400,
    PAYLOAD_MAX = 4 << 20, /* what goes through the client's and the server's packet limits */
    TOGETHER_MAX = 50,
    TOGETHER_MAX_BYTES = 256 << 10, /* of payload in one statement */
};

static struct str cut(struct str text, size_t max)
{
    return str_from(text.data, text.len < max ? text.len : max);
}

static void bind_place(struct stmt *stmt, const struct rejected_row *row)
{
    stmt_str(stmt, row->company);
    stmt_str(stmt, row->topic);
    stmt_int(stmt, row->partition);
    stmt_uint(stmt, row->position);
}

static bool is_at(const struct rejected_row *row, const struct stmt *stmt)
{
    return row->position == stmt_get_uint(stmt, 3) && row->partition == stmt_get_int(stmt, 2) &&
           str_equal(row->topic, stmt_get_str(stmt, 1)) &&
           str_equal(row->company, stmt_get_str(stmt, 0));
}

static int find_known(struct db *db, struct rejected_row *rows, size_t count)
{
    struct stmt *stmt;
    int err = db_prepare_rows(db, &sql_known, count, &stmt);
    if (err != 0)
        return err;
    for (size_t i = 0; i < count; i++) {
        rows[i].is_new = true;
        bind_place(stmt, &rows[i]);
    }
    err = stmt_run(stmt);
    while (err == 0 && (err = stmt_row(stmt)) == 0)
        for (size_t i = 0; i < count; i++)
            if (is_at(&rows[i], stmt))
                rows[i].is_new = false;
    return err < 0 ? err : 0;
}

static int insert(struct db *db, const struct rejected_row *rows, size_t count)
{
    struct stmt *stmt;
    int err = db_prepare_rows(db, &sql_insert, count, &stmt);
    if (err != 0)
        return err;
    for (size_t i = 0; i < count; i++) {
        const struct rejected_row *row = &rows[i];
        bind_place(stmt, row);
        stmt_str(stmt, row->kind);
        stmt_str(stmt, cut(row->record_id, ID_MAX));
        stmt_str(stmt, cut(row->user_id, ID_MAX));
        stmt_str(stmt, str_of(reject_reason_text(row->reason)));
        stmt_str(stmt, cut(row->detail, DETAIL_MAX));
        stmt_str(stmt, cut(row->request_id, ID_MAX));
        stmt_str(stmt, cut(row->payload, PAYLOAD_MAX));
        stmt_time(stmt, row->rejected_at_ms);
    }
    return stmt_run(stmt);
}

/* How many of the rows go into one statement. */
static size_t step_of(const struct rejected_row *rows, size_t count)
{
    size_t bytes = 0, step = db_rows_step(count < TOGETHER_MAX ? count : TOGETHER_MAX);
    for (size_t i = 0; i < step; i++)
        bytes += rows[i].payload.len;
    return bytes <= TOGETHER_MAX_BYTES ? step : 1;
}

int rejected_write(struct db *db, struct rejected_row *rows, size_t count)
{
    for (size_t done = 0; done < count;) {
        size_t step = step_of(rows + done, count - done);
        int err = find_known(db, rows + done, step);
        if (err == 0)
            err = insert(db, rows + done, step);
        if (err != 0)
            return err;
        done += step;
    }
    return 0;
}
