/* Companies; see company.h. */
#include "store/company.h"

#include "base/clock.h"
#include "base/err.h"

#include <stdio.h>

static const char sql_add[] =
    "insert into companies (company_id, name, partitions, include_started, created_at) "
    "values (?, ?, ?, 0, ?) on duplicate key update company_id = company_id";
static const char sql_read[] =
    "select partitions, include_started from companies where company_id = ?";

bool company_id_is_valid(const char *text)
{
    size_t len = strlen(text);
    return len >= 1 && len <= COMPANY_MAX_BYTES &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-_") == len;
}

int company_add(struct db *db, const char *id, int32_t partitions, bool *ret_added)
{
    struct stmt *stmt;
    int err = db_prepare(db, sql_add, &stmt);
    if (err != 0)
        return err;
    stmt_str(stmt, str_of(id));
    stmt_str(stmt, str_of(id));
    stmt_int(stmt, partitions);
    stmt_time(stmt, clock_realtime_ms());
    err = stmt_run(stmt);
    if (err == 0)
        *ret_added = stmt_affected(stmt) == 1;
    return err;
}

int company_read(struct db *db, const char *id, struct company *ret_company)
{
    struct stmt *stmt;
    int err = db_prepare(db, sql_read, &stmt);
    if (err != 0)
        return err;
    stmt_str(stmt, str_of(id));
    err = stmt_run(stmt);
    if (err == 0)
        err = stmt_row(stmt);
    if (err != 0)
        return err > 0 ? TIP_ENOTFOUND : err;
    struct company company = {.partitions = (int32_t)stmt_get_int(stmt, 0),
                              .include_started = stmt_get_int(stmt, 1) != 0};
    snprintf(company.id, sizeof(company.id), "%s", id);
    *ret_company = company;
    return 0;
}
