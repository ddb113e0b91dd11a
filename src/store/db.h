/*
 * One connection to MySQL or MariaDB and its prepared statements. The only folder that knows the
 * client library; everything above sees rows of slices and integers. Not thread-safe: one thread,
 * one db, but for db_cut.
 *
 * There is no automatic reconnect: after TIP_EUNAVAIL the connection is gone (db_is_lost), the
 * transaction with it, and the owner opens another one.
 *
 * Errors of every call: TIP_ERETRY (deadlock, lock wait, server going away: roll back, repeat),
 * TIP_EUNAVAIL (connection lost), TIP_ETIMEOUT (statement over its time limit), TIP_EDATA (this row
 * cannot be stored), TIP_EFATAL (anything else: a defect). db_error has the server's words.
 */
#ifndef TIPSTER_STORE_DB_H
#define TIPSTER_STORE_DB_H

#include "base/buf.h"
#include "config/config.h"

struct db;
struct stmt;

/* What a connection is for: its limits, and as whom it is made (docs/operations.md). */
enum db_role {
    DB_MIGRATE,     /* schema, companies and keys; long statements; MIGRATE_DATABASE_URL */
    DB_INGEST,      /* writes; the server drops it soon when it falls silent, so that its locks go;
                       INGEST_DATABASE_URL */
    DB_INGEST_SIDE, /* the same user, for a word between: a time limit for each statement */
    DB_API,         /* reads with a time limit each; DATABASE_URL */
    DB_READ_ALL,    /* long reads; DATABASE_URL */
};

/*
 * Connects as the role's URL says, or as DATABASE_URL where that is empty. TIP_ECONFIG: the URL is
 * wrong; TIP_EUNAVAIL: no server, or it refuses us. ret_problem says it in one line, without the
 * password.
 */
int db_open(const struct config *config, enum db_role role, struct db **ret_db,
            struct buf *ret_problem);
/* NULL is allowed. */
void db_close(struct db *db);
static inline void db_close_ptr(struct db **db)
{
    db_close(*db);
}
#define AUTO_DB __attribute__((cleanup(db_close_ptr))) struct db

bool db_is_lost(const struct db *db);
/* "1213 Deadlock found …": the last error's number and text. */
const char *db_error(const struct db *db);
unsigned db_errno(const struct db *db);
bool db_is_mariadb(const struct db *db);
/*
 * From another thread: the call that is under way, on a connection of DB_INGEST, fails as if the
 * server were gone, and so do those after it. The connection must not be closed meanwhile.
 */
void db_cut(struct db *db);
/* Checks that the server answers; lost afterwards when it does not. */
int db_ping(struct db *db);

/* Runs one statement without parameters and without a result. */
int db_execute(struct db *db, struct str sql);
int db_begin(struct db *db);
/* A transaction that only reads, and sees one moment throughout. */
int db_begin_snapshot(struct db *db);
int db_commit(struct db *db);
/* Always rolls back explicitly; an error of it is ignored when the connection is lost anyway. */
void db_rollback(struct db *db);

/* A statement for any number of rows: before, then row repeated with `between` (NULL: commas), then
 * after. */
struct sql_rows {
    const char *before, *row, *after, *between;
};

/*
 * The prepared statement for a constant SQL text, made once per connection: sql must be one and the
 * same constant each time (it is found by its address).
 */
int db_prepare(struct db *db, const char *sql, struct stmt **ret_stmt);
int db_prepare_rows(struct db *db, const struct sql_rows *sql, size_t rows, struct stmt **ret_stmt);

/* Closes a statement, so that it is prepared anew when next wanted. */
void db_forget(struct db *db, struct stmt *stmt);

/* Statements of several rows come in few sizes, so that few are prepared: the largest not above
 * `rows`. */
size_t db_rows_step(size_t rows);

/* Gives the parameters of one row; rows is what db_write_rows was given. */
typedef void (*bind_row_fn)(struct stmt *stmt, const void *rows, size_t index);

/* Runs the statement for `count` rows, in statements of those sizes. None: nothing is run. */
int db_write_rows(struct db *db, const struct sql_rows *sql, const void *rows, size_t count,
                  bind_row_fn bind);

/* Parameters in order; the slices must stay until stmt_run. */
void stmt_str(struct stmt *stmt, struct str value);
void stmt_int(struct stmt *stmt, int64_t value);
void stmt_uint(struct stmt *stmt, uint64_t value);
/* Milliseconds since 1970 UTC, as a DATETIME(3). */
void stmt_time(struct stmt *stmt, int64_t time_ms);
/* Ten-thousandths, as a DECIMAL. */
void stmt_decimal(struct stmt *stmt, int64_t value_e4);
void stmt_null(struct stmt *stmt);

/* Runs with the parameters given since the last run. A result is fetched whole. */
int stmt_run(struct stmt *stmt);
/*
 * The same, but each row is fetched when it is asked for, while the server makes the next ones:
 * cheaper for thousands of rows. Nothing else may be run on the connection before the last of them;
 * after giving up before that it is of no use any more.
 */
int stmt_stream(struct stmt *stmt);
/* Rows inserted (1 each) or changed (2 each) by an insert … on duplicate key update. */
uint64_t stmt_affected(const struct stmt *stmt);

/* Runs a statement of which the first row is all that is wanted: TIP_ENOTFOUND when it gives none.
 */
int stmt_run_one(struct stmt *stmt);

/* The next row: 0 there is one, 1 there is none. Slices are good until the next call. */
int stmt_row(struct stmt *stmt);
bool stmt_is_null(const struct stmt *stmt, unsigned column);
struct str stmt_get_str(const struct stmt *stmt, unsigned column);
int64_t stmt_get_int(const struct stmt *stmt, unsigned column);
uint64_t stmt_get_uint(const struct stmt *stmt, unsigned column);
int64_t stmt_get_time(const struct stmt *stmt, unsigned column);
int64_t stmt_get_decimal(const struct stmt *stmt, unsigned column);

#endif
