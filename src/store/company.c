/* Companies; see company.h. */
#include "store/company.h"

#include "base/clock.h"
#include "base/err.h"

static const char sql_add[] =
    "insert into companies (company_id, name, partitions, include_started, created_at) "
    "values (?, ?, ?, 0, ?) on duplicate key update company_id = company_id";
static const char sql_read[] =
    "select company_id, name, partitions, include_started, disabled, limit_ingest, limit_read, "
    "limit_admin, created_at from companies where company_id = ?";
static const char sql_page[] =
    "select company_id, name, partitions, include_started, disabled, limit_ingest, limit_read, "
    "limit_admin, created_at from companies where company_id > ? order by company_id limit 500";
static const char sql_write[] =
    "update companies set name = ?, include_started = ?, disabled = ?, limit_ingest = ?, "
    "limit_read = ?, limit_admin = ? where company_id = ?";

bool company_id_is_valid(const char *text)
{
    size_t len = strlen(text);
    return len >= 1 && len <= COMPANY_MAX_BYTES &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-_") == len;
}

int company_add(struct db *db, const char *id, const char *name, int32_t partitions,
                bool *ret_added)
{
    struct stmt *stmt;
    int err = db_prepare(db, sql_add, &stmt);
    if (err != 0)
        return err;
    stmt_str(stmt, str_of(id));
    stmt_str(stmt, str_of(name));
    stmt_int(stmt, partitions);
    stmt_time(stmt, clock_realtime_ms());
    err = stmt_run(stmt);
    if (err == 0)
        *ret_added = stmt_affected(stmt) == 1;
    return err;
}

/* The row that was fetched. */
static void take_row(const struct stmt *stmt, struct company *company)
{
    str_to_text(stmt_get_str(stmt, 0), company->id, sizeof(company->id));
    str_to_text(stmt_get_str(stmt, 1), company->name, sizeof(company->name));
    company->partitions = (int32_t)stmt_get_int(stmt, 2);
    company->include_started = stmt_get_int(stmt, 3) != 0;
    company->disabled = stmt_get_int(stmt, 4) != 0;
    for (unsigned i = 0; i < SCOPE_CLASSES; i++)
        company->limits[i] =
            stmt_is_null(stmt, 5 + i) ? COMPANY_LIMIT_DEFAULT : stmt_get_int(stmt, 5 + i);
    company->created_at_ms = stmt_get_time(stmt, 5 + SCOPE_CLASSES);
}

int company_read(struct db *db, const char *id, struct company *ret_company)
{
    struct stmt *stmt;
    int err = db_prepare(db, sql_read, &stmt);
    if (err != 0)
        return err;
    stmt_str(stmt, str_of(id));
    err = stmt_run_one(stmt);
    if (err != 0)
        return err;
    take_row(stmt, ret_company);
    return 0;
}

int company_write(struct db *db, const struct company *company)
{
    struct stmt *stmt;
    int err = db_prepare(db, sql_write, &stmt);
    if (err != 0)
        return err;
    stmt_str(stmt, str_of(company->name));
    stmt_int(stmt, company->include_started);
    stmt_int(stmt, company->disabled);
    for (int i = 0; i < SCOPE_CLASSES; i++) {
        if (company->limits[i] == COMPANY_LIMIT_DEFAULT)
            stmt_null(stmt);
        else
            stmt_int(stmt, company->limits[i]);
    }
    stmt_str(stmt, str_of(company->id));
    return stmt_run(stmt);
}

int company_page(struct db *db, const char *after, struct company *ret_companies, size_t *ret_count)
{
    struct stmt *stmt;
    int err = db_prepare(db, sql_page, &stmt);
    if (err != 0)
        return err;
    stmt_str(stmt, str_of(after));
    err = stmt_run(stmt);
    size_t count = 0;
    while (err == 0 && count < COMPANIES_PAGE_MAX && (err = stmt_row(stmt)) == 0)
        take_row(stmt, &ret_companies[count++]);
    if (err < 0)
        return err;
    *ret_count = count;
    return 0;
}
