/* Applying and checking migrations; see migrations.h. */
#include "store/migrations.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/program.h"
#include "store/migration_file.h"

#include <stdio.h>
#include <stdlib.h>

static const char sql_create_journal[] =
    "create table if not exists schema_migrations ("
    "version int not null, name varbinary(128) not null, checksum varbinary(64) not null, "
    "statements_done int not null, started_at datetime(3) not null, finished_at datetime(3) null, "
    "primary key (version)) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin";
static const char sql_tables[] = "select cast(table_name as char) from information_schema.tables "
                                 "where table_schema = database() and table_type = 'BASE TABLE'";
static const char sql_journal[] = "select name, checksum, statements_done, finished_at is not null "
                                  "from schema_migrations where version = ?";
static const char sql_count[] = "select cast(count(*) as signed) from schema_migrations";
static const char sql_start[] =
    "insert into schema_migrations (version, name, checksum, statements_done, started_at) "
    "values (?, ?, ?, 0, ?)";
static const char sql_step[] = "update schema_migrations set statements_done = ? where version = ?";
static const char sql_finish[] = "update schema_migrations set finished_at = ? where version = ?";
static const char sql_lock[] = "select cast(get_lock('tipster_migrate', 30) as signed)";
static const char sql_unlock[] = "select cast(release_lock('tipster_migrate') as signed)";

const char *migrations_directory(void)
{
    const char *set = getenv("TIPSTER_SQL_DIR");
    if (set != NULL && *set != '\0')
        return set;
    static char *found;
    if (found == NULL)
        found = program_beside("sql");
    if (found == NULL)
        found = program_beside("../share/tipster/sql");
    return found != NULL ? found : TIPSTER_SQL_SOURCE_DIR;
}

enum {
    ERROR_TABLE_EXISTS = 1050,
    ERROR_DUPLICATE_COLUMN = 1060,
    ERROR_DUPLICATE_KEY_NAME = 1061,
    ERROR_CANNOT_DROP = 1091,
};

struct journal_entry {
    bool known, finished;
    int statements_done;
    bool altered;
};

static int db_problem(struct db *db, int err, const char *what, struct buf *ret_problem)
{
    buf_addf(ret_problem, "%s: %s", what, db_error(db));
    return err;
}

static int read_journal(struct db *db, const struct migration_file *file,
                        struct journal_entry *ret_entry)
{
    struct stmt *stmt;
    int err = db_prepare(db, sql_journal, &stmt);
    if (err != 0)
        return err;
    stmt_int(stmt, file->version);
    err = stmt_run(stmt);
    if (err != 0)
        return err;
    *ret_entry = (struct journal_entry){0};
    err = stmt_row(stmt);
    if (err != 0)
        return err < 0 ? err : 0;
    ret_entry->known = true;
    ret_entry->altered = !str_equal(stmt_get_str(stmt, 1), str_of(file->checksum));
    ret_entry->statements_done = (int)stmt_get_int(stmt, 2);
    ret_entry->finished = stmt_get_int(stmt, 3) != 0;
    return 0;
}

static bool is_ours(const struct migration_file *files, size_t count, struct str table)
{
    char own[128];
    if (str_equal(table, str_of("schema_migrations")))
        return true;
    AUTO_BUF statement = {0};
    for (size_t i = 0; i < count; i++) {
        size_t cursor = 0;
        while (migration_statement(&files[i], &cursor, &statement))
            if (migration_created_table(buf_str(&statement), own, sizeof(own)) &&
                str_equal(table, str_of(own)))
                return true;
    }
    return false;
}

static int refuse_foreign_tables(struct db *db, const struct migration_file *files, size_t count,
                                 struct buf *ret_problem)
{
    struct stmt *stmt;
    int err = db_prepare(db, sql_tables, &stmt);
    if (err == 0)
        err = stmt_run(stmt);
    while (err == 0 && (err = stmt_row(stmt)) == 0) {
        struct str table = stmt_get_str(stmt, 0);
        if (!is_ours(files, count, table)) {
            buf_addf(ret_problem, "the database has a table that is not Tipster's: %.*s",
                     (int)table.len, table.data);
            return TIP_ECONFIG;
        }
    }
    return err < 0 ? db_problem(db, err, "cannot list the tables", ret_problem) : 0;
}

/* What an interrupted statement may meet when it is run once more: its own work. */
static bool is_done_already(const struct db *db)
{
    unsigned code = db_errno(db);
    return code == ERROR_TABLE_EXISTS || code == ERROR_DUPLICATE_COLUMN ||
           code == ERROR_DUPLICATE_KEY_NAME || code == ERROR_CANNOT_DROP;
}

static int note_number(struct db *db, const char *sql, int64_t number, bool is_time, int version)
{
    struct stmt *stmt;
    int err = db_prepare(db, sql, &stmt);
    if (err != 0)
        return err;
    if (is_time)
        stmt_time(stmt, number);
    else
        stmt_int(stmt, number);
    stmt_int(stmt, version);
    return stmt_run(stmt);
}

static int start_journal(struct db *db, const struct migration_file *file)
{
    struct stmt *stmt;
    int err = db_prepare(db, sql_start, &stmt);
    if (err != 0)
        return err;
    stmt_int(stmt, file->version);
    stmt_str(stmt, str_of(file->name));
    stmt_str(stmt, str_of(file->checksum));
    stmt_time(stmt, clock_realtime_ms());
    return stmt_run(stmt);
}

static int run_statements(struct db *db, const struct migration_file *file, int done,
                          struct buf *ret_problem)
{
    AUTO_BUF statement = {0};
    size_t cursor = 0;
    for (int i = 0; migration_statement(file, &cursor, &statement); i++) {
        if (i < done)
            continue;
        int err = db_execute(db, buf_str(&statement));
        bool resumed = i == done && is_done_already(db);
        if (err != 0 && !resumed) {
            buf_addf(ret_problem, "%s, statement %d: %s", file->name, i + 1, db_error(db));
            return err;
        }
        err = note_number(db, sql_step, i + 1, false, file->version);
        if (err != 0)
            return db_problem(db, err, file->name, ret_problem);
    }
    return 0;
}

static int apply_file(struct db *db, const struct migration_file *file, bool *ret_applied,
                      struct buf *ret_problem)
{
    struct journal_entry entry;
    int err = read_journal(db, file, &entry);
    if (err == 0 && entry.known && entry.altered) {
        buf_addf(ret_problem,
                 "%s was altered after it had been applied; put it back and add a new one",
                 file->name);
        return TIP_ECONFIG;
    }
    *ret_applied = !entry.finished;
    if (err == 0 && entry.finished)
        return 0;
    if (err == 0 && !entry.known)
        err = start_journal(db, file);
    if (err != 0)
        return db_problem(db, err, file->name, ret_problem);
    err = run_statements(db, file, entry.statements_done, ret_problem);
    if (err != 0)
        return err;
    err = note_number(db, sql_finish, clock_realtime_ms(), true, file->version);
    return err != 0 ? db_problem(db, err, file->name, ret_problem) : 0;
}

/* A one-column, one-row query. */
static int read_number(struct db *db, const char *sql, int64_t *ret_number)
{
    struct stmt *stmt;
    int err = db_prepare(db, sql, &stmt);
    if (err == 0)
        err = stmt_run(stmt);
    if (err == 0)
        err = stmt_row(stmt);
    if (err == 0)
        *ret_number = stmt_get_int(stmt, 0);
    return err;
}

static int refuse_unknown_versions(struct db *db, size_t count, struct buf *ret_problem)
{
    int64_t applied = 0;
    int err = read_number(db, sql_count, &applied);
    if (err != 0)
        return db_problem(db, err, "cannot read schema_migrations", ret_problem);
    if (applied <= (int64_t)count)
        return 0;
    buf_addf(ret_problem, "the database has %lld migrations, this program knows %zu: it is older",
             (long long)applied, count);
    return TIP_ECONFIG;
}

static int apply_all(struct db *db, const struct migration_file *files, size_t count,
                     migration_progress_fn progress, void *arg, int *ret_applied,
                     struct buf *ret_problem)
{
    int err = refuse_foreign_tables(db, files, count, ret_problem);
    if (err != 0)
        return err;
    err = db_execute(db, str_of(sql_create_journal));
    if (err != 0)
        return db_problem(db, err, "cannot create schema_migrations", ret_problem);
    err = refuse_unknown_versions(db, count, ret_problem);
    int applied = 0;
    for (size_t i = 0; err == 0 && i < count; i++) {
        bool did = false;
        if (progress != NULL)
            progress(arg, files[i].name);
        err = apply_file(db, &files[i], &did, ret_problem);
        applied += did;
    }
    if (err == 0)
        *ret_applied = applied;
    return err;
}

int migrations_apply(struct db *db, const char *directory, migration_progress_fn progress,
                     void *arg, int *ret_applied, struct buf *ret_problem)
{
    struct migration_file *files = NULL;
    size_t count = 0;
    int64_t locked = 0, unlocked = 0;
    int err = migration_files_read(directory, &files, &count, ret_problem);
    if (err != 0)
        return err;
    err = read_number(db, sql_lock, &locked);
    if (err != 0) {
        db_problem(db, err, "cannot lock the schema", ret_problem);
    } else if (locked != 1) {
        buf_add_text(ret_problem, "another migration is running");
        err = TIP_EUNAVAIL;
    } else {
        err = apply_all(db, files, count, progress, arg, ret_applied, ret_problem);
        if (!db_is_lost(db))
            read_number(db, sql_unlock, &unlocked);
    }
    migration_files_free(files, count);
    return err;
}

static int check_file(struct db *db, const struct migration_file *file, struct buf *ret_problem)
{
    struct journal_entry entry;
    int err = read_journal(db, file, &entry);
    if (err == TIP_EFATAL || (err == 0 && !entry.finished)) {
        buf_addf(ret_problem, "the database lacks migration %s: run `tipster migrate`", file->name);
        return TIP_ECONFIG;
    }
    if (err != 0)
        return db_problem(db, err, "cannot read schema_migrations", ret_problem);
    if (entry.altered) {
        buf_addf(ret_problem, "%s was altered after it had been applied", file->name);
        return TIP_ECONFIG;
    }
    return 0;
}

int migrations_check(struct db *db, const char *directory, struct buf *ret_problem)
{
    struct migration_file *files = NULL;
    size_t count = 0;
    int err = migration_files_read(directory, &files, &count, ret_problem);
    for (size_t i = 0; err == 0 && i < count; i++)
        err = check_file(db, &files[i], ret_problem);
    if (err == 0)
        err = refuse_unknown_versions(db, count, ret_problem);
    migration_files_free(files, count);
    return err;
}
