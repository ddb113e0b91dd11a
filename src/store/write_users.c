/* Users: states and upserts; see write.h. */
#include "store/write.h"

#include "base/err.h"
#include "store/write_states.h"

static const struct sql_rows sql_states = {
    "select user_id, version, position from users where company_id = ? and user_id in (", "?", ")"};

/* position comes last: the conditions before it look at the row's old one. */
static const struct sql_rows sql_upsert = {
    "insert into users (company_id, user_id, birth_year, country, currency, gender, "
    "registration_date, version, position) values ",
    "(?, ?, ?, ?, ?, ?, ?, ?, ?)",
    " on duplicate key update "
    "birth_year = if(values(position) > position, values(birth_year), birth_year), "
    "country = if(values(position) > position, values(country), country), "
    "currency = if(values(position) > position, values(currency), currency), "
    "gender = if(values(position) > position, values(gender), gender), "
    "registration_date = if(values(position) > position, values(registration_date), "
    "registration_date), "
    "version = if(values(position) > position, values(version), version), "
    "position = greatest(position, values(position))"};

int users_read_states(struct db *db, struct key_state *states, size_t count)
{
    return read_states(db, &sql_states, states, count);
}

static void bind_user(struct stmt *stmt, const void *rows, size_t index)
{
    const struct user_row *row = (const struct user_row *)rows + index;
    const struct user *user = row->user;
    stmt_str(stmt, row->company);
    stmt_str(stmt, user->user_id);
    stmt_int(stmt, user->birth_year);
    stmt_str(stmt, user->country);
    stmt_str(stmt, user->currency);
    stmt_str(stmt, user->gender);
    stmt_time(stmt, user->registration_date_ms);
    if (row->version == VERSION_NONE)
        stmt_null(stmt);
    else
        stmt_int(stmt, row->version);
    stmt_uint(stmt, row->position);
}

int users_write(struct db *db, const struct user_row *rows, size_t count)
{
    return db_write_rows(db, &sql_upsert, rows, count, bind_user);
}
