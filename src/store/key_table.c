/* API keys as rows; see key_table.h. */
#include "store/key_table.h"

#include "base/err.h"

#define COLUMNS "company_id, key_id, secret_hash, scopes, label, created_at, expires_at, revoked_at"

static const char sql_add[] = "insert into api_keys (" COLUMNS ") values (?, ?, ?, ?, ?, ?, ?, ?)";
static const char sql_read[] = "select " COLUMNS " from api_keys where key_id = ?";
static const char sql_write_end[] =
    "update api_keys set expires_at = ?, revoked_at = ? where company_id = ? and key_id = ?";
static const char sql_page[] =
    "select " COLUMNS " from api_keys where company_id >= ? and "
    "(company_id > ? or key_id > ?) order by company_id, key_id limit 500";
static const char sql_live_page[] =
    "select " COLUMNS " from api_keys where company_id >= ? and (company_id > ? or key_id > ?) "
    "and revoked_at is null and (expires_at is null or expires_at > ?) "
    "order by company_id, key_id limit 500";

static void put_time(struct stmt *stmt, int64_t time_ms)
{
    if (time_ms == KEY_NEVER)
        stmt_null(stmt);
    else
        stmt_time(stmt, time_ms);
}

static int64_t get_time(const struct stmt *stmt, unsigned column)
{
    return stmt_is_null(stmt, column) ? KEY_NEVER : stmt_get_time(stmt, column);
}

/* The row that was fetched. Scopes that no version of this program wrote allow nothing. */
static void take_row(const struct stmt *stmt, struct key_row *key)
{
    struct str hash = stmt_get_str(stmt, 2);
    *key = (struct key_row){0};
    str_to_text(stmt_get_str(stmt, 0), key->company, sizeof(key->company));
    str_to_text(stmt_get_str(stmt, 1), key->id, sizeof(key->id));
    if (hash.len == SHA256_SIZE)
        memcpy(key->secret_hash, hash.data, SHA256_SIZE);
    if (scopes_parse(stmt_get_str(stmt, 3), &key->scopes) != 0)
        key->scopes = SCOPE_NONE;
    str_to_text(stmt_get_str(stmt, 4), key->label, sizeof(key->label));
    key->created_at_ms = stmt_get_time(stmt, 5);
    key->expires_at_ms = get_time(stmt, 6);
    key->revoked_at_ms = get_time(stmt, 7);
}

int key_add(struct db *db, const struct key_row *key)
{
    struct stmt *stmt;
    AUTO_BUF scopes = {0};
    int err = db_prepare(db, sql_add, &stmt);
    if (err != 0)
        return err;
    scopes_format(key->scopes, &scopes);
    stmt_str(stmt, str_of(key->company));
    stmt_str(stmt, str_of(key->id));
    stmt_str(stmt, str_from(key->secret_hash, SHA256_SIZE));
    stmt_str(stmt, buf_str(&scopes));
    stmt_str(stmt, str_of(key->label));
    stmt_time(stmt, key->created_at_ms);
    put_time(stmt, key->expires_at_ms);
    put_time(stmt, key->revoked_at_ms);
    return stmt_run(stmt);
}

int key_read(struct db *db, const char *id, struct key_row *ret_key)
{
    struct stmt *stmt;
    int err = db_prepare(db, sql_read, &stmt);
    if (err != 0)
        return err;
    stmt_str(stmt, str_of(id));
    err = stmt_run_one(stmt);
    if (err != 0)
        return err;
    take_row(stmt, ret_key);
    return 0;
}

int key_write_end(struct db *db, const struct key_row *key)
{
    struct stmt *stmt;
    int err = db_prepare(db, sql_write_end, &stmt);
    if (err != 0)
        return err;
    put_time(stmt, key->expires_at_ms);
    put_time(stmt, key->revoked_at_ms);
    stmt_str(stmt, str_of(key->company));
    stmt_str(stmt, str_of(key->id));
    return stmt_run(stmt);
}

int key_page(struct db *db, const struct key_row *after, int64_t live_at_ms,
             struct key_row *ret_keys, size_t *ret_count)
{
    struct stmt *stmt;
    struct str company = str_of(after != NULL ? after->company : "");
    int err = db_prepare(db, live_at_ms == KEY_NEVER ? sql_page : sql_live_page, &stmt);
    if (err != 0)
        return err;
    stmt_str(stmt, company);
    stmt_str(stmt, company);
    stmt_str(stmt, str_of(after != NULL ? after->id : ""));
    if (live_at_ms != KEY_NEVER)
        stmt_time(stmt, live_at_ms);
    err = stmt_run(stmt);
    size_t count = 0;
    while (err == 0 && count < KEYS_PAGE_MAX && (err = stmt_row(stmt)) == 0)
        take_row(stmt, &ret_keys[count++]);
    if (err < 0)
        return err;
    *ret_count = count;
    return 0;
}
