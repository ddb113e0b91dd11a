/* Counts of rows; see record_counts.h. */
#include "store/record_counts.h"

static const char *const kinds[] = {
#define X(name, text) text,
    COUNTED(X)
#undef X
};

/* position comes last: the conditions look at the row's old one. */
static const struct sql_rows sql_add = {
    "insert into record_counts (company_id, kind, partition_id, n, stored_total, position) values ",
    "(?, ?, ?, ?, ?, ?)",
    " on duplicate key update n = if(values(position) > position, n + values(n), n), "
    "stored_total = if(values(position) > position, stored_total + values(stored_total), "
    "stored_total), "
    "position = greatest(position, values(position))"};

static const char sql_read[] =
    "select kind, cast(sum(n) as signed), cast(sum(stored_total) as signed) from record_counts "
    "where company_id = ? group by kind limit 100";

static void bind_count(struct stmt *stmt, const void *rows, size_t index)
{
    const struct record_count *count = (const struct record_count *)rows + index;
    stmt_str(stmt, count->company);
    stmt_str(stmt, str_of(kinds[count->kind]));
    stmt_int(stmt, count->partition);
    stmt_int(stmt, count->n);
    stmt_int(stmt, count->stored);
    stmt_uint(stmt, count->position);
}

int record_counts_write(struct db *db, const struct record_count *counts, size_t count)
{
    return db_write_rows(db, &sql_add, counts, count, bind_count);
}

int record_counts_read(struct db *db, struct str company, struct record_totals *ret_totals)
{
    struct record_totals totals = {0};
    struct stmt *stmt;
    int err = db_prepare(db, sql_read, &stmt);
    if (err != 0)
        return err;
    stmt_str(stmt, company);
    err = stmt_run(stmt);
    while (err == 0 && (err = stmt_row(stmt)) == 0) {
        for (int kind = 0; kind < COUNTED_KINDS; kind++) {
            if (!str_equal(stmt_get_str(stmt, 0), str_of(kinds[kind])))
                continue;
            totals.n[kind] = stmt_get_int(stmt, 1);
            totals.stored[kind] = stmt_get_int(stmt, 2);
        }
    }
    if (err < 0)
        return err;
    *ret_totals = totals;
    return 0;
}
