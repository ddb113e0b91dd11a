/* Prepared statements: parameters in, rows out; see db.h. */
#include "store/db_internal.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/timefmt.h"

#include <stdio.h>
#include <stdlib.h>

/* What a parameter or a column holds when it is not a slice. */
union scalar {
    int64_t number;
    MYSQL_TIME time;
    char decimal[32];
};

struct column {
    union scalar scalar;
    char *bytes; /* NULL: in scalar */
    size_t capacity;
    unsigned long len;
    char is_null;
};

/* A packet around its parameters, and a parameter around its text, at most. */
enum { PACKET_HEAD_BYTES = 16, PARAMETER_MAX_BYTES = 24 };

struct stmt {
    struct db *db;
    MYSQL_STMT *handle;
    const void *key; /* address of the constant SQL */
    size_t rows;
    size_t parameter_count, next_parameter;
    size_t bytes; /* of the parameters given so far, in a packet, at most */
    MYSQL_BIND *parameters;
    union scalar *scalars;
    unsigned column_count;
    MYSQL_BIND *binds;
    struct column *columns;
};

static int note(struct stmt *stmt)
{
    return db_note_error(stmt->db, mysql_stmt_errno(stmt->handle), mysql_stmt_error(stmt->handle));
}

static void stmt_close(struct stmt *stmt)
{
    if (stmt->handle != NULL)
        mysql_stmt_close(stmt->handle);
    for (unsigned i = 0; i < stmt->column_count; i++)
        free(stmt->columns[i].bytes);
    free(stmt->parameters);
    free(stmt->scalars);
    free(stmt->binds);
    free(stmt->columns);
    free(stmt);
}

void stmt_close_all(struct db *db)
{
    for (size_t i = 0; i < db->statement_count; i++)
        stmt_close(db->statements[i]);
    db->statement_count = 0;
}

void db_forget(struct db *db, struct stmt *stmt)
{
    for (size_t i = 0; i < db->statement_count; i++) {
        if (db->statements[i] == stmt) {
            db->statements[i] = db->statements[--db->statement_count];
            stmt_close(stmt);
            return;
        }
    }
}

static bool is_bytes(enum enum_field_types type)
{
    return type == MYSQL_TYPE_BLOB || type == MYSQL_TYPE_TINY_BLOB ||
           type == MYSQL_TYPE_MEDIUM_BLOB || type == MYSQL_TYPE_LONG_BLOB ||
           type == MYSQL_TYPE_STRING || type == MYSQL_TYPE_VAR_STRING || type == MYSQL_TYPE_VARCHAR;
}

/* Integers come as int64, times as MYSQL_TIME, decimals as text, everything else as bytes. */
static void bind_column(struct stmt *stmt, unsigned index, const MYSQL_FIELD *field)
{
    enum { BYTES_MAX = 1 << 16 };
    struct column *column = &stmt->columns[index];
    MYSQL_BIND *bind = &stmt->binds[index];
    bind->is_null = (my_bool *)&column->is_null;
    bind->length = &column->len;
    bind->buffer = &column->scalar;
    bind->buffer_length = sizeof(column->scalar);
    if (is_bytes(field->type)) {
        column->capacity = field->length < BYTES_MAX ? field->length + 1 : BYTES_MAX;
        column->bytes = xmalloc(column->capacity);
        bind->buffer_type = MYSQL_TYPE_BLOB;
        bind->buffer = column->bytes;
        bind->buffer_length = column->capacity;
    } else if (field->type == MYSQL_TYPE_DATETIME || field->type == MYSQL_TYPE_TIMESTAMP) {
        bind->buffer_type = MYSQL_TYPE_DATETIME;
    } else if (field->type == MYSQL_TYPE_NEWDECIMAL || field->type == MYSQL_TYPE_DECIMAL) {
        bind->buffer_type = MYSQL_TYPE_STRING;
    } else {
        bind->buffer_type = MYSQL_TYPE_LONGLONG;
        bind->is_unsigned = (field->flags & UNSIGNED_FLAG) != 0;
    }
}

static void bind_columns(struct stmt *stmt)
{
    MYSQL_RES *metadata = mysql_stmt_result_metadata(stmt->handle);
    if (metadata == NULL)
        return;
    stmt->column_count = mysql_num_fields(metadata);
    stmt->columns = xcalloc(stmt->column_count, sizeof(*stmt->columns));
    stmt->binds = xcalloc(stmt->column_count, sizeof(*stmt->binds));
    const MYSQL_FIELD *fields = mysql_fetch_fields(metadata);
    for (unsigned i = 0; i < stmt->column_count; i++)
        bind_column(stmt, i, &fields[i]);
    mysql_free_result(metadata);
}

static int prepare(struct db *db, const void *key, size_t rows, struct str sql,
                   struct stmt **ret_stmt)
{
    int too_large = db_check_packet(db, sql.len + PACKET_HEAD_BYTES);
    if (too_large != 0)
        return too_large;
    if (db->statement_count == STATEMENTS_MAX)
        stmt_close_all(db);
    struct stmt *stmt = xcalloc(1, sizeof(*stmt));
    stmt->db = db;
    stmt->key = key;
    stmt->rows = rows;
    stmt->handle = mysql_stmt_init(db->mysql);
    if (stmt->handle == NULL)
        abort(); /* out of memory */
    if (mysql_stmt_prepare(stmt->handle, sql.data, sql.len) != 0) {
        int err = note(stmt);
        stmt_close(stmt);
        return err;
    }
    stmt->parameter_count = mysql_stmt_param_count(stmt->handle);
    stmt->parameters = xcalloc(stmt->parameter_count, sizeof(*stmt->parameters));
    stmt->scalars = xcalloc(stmt->parameter_count, sizeof(*stmt->scalars));
    bind_columns(stmt);
    db->statements[db->statement_count++] = stmt;
    *ret_stmt = stmt;
    return 0;
}

static struct stmt *find(struct db *db, const void *key, size_t rows)
{
    for (size_t i = 0; i < db->statement_count; i++) {
        struct stmt *stmt = db->statements[i];
        if (stmt->key == key && stmt->rows == rows) {
            stmt->next_parameter = 0;
            return stmt;
        }
    }
    return NULL;
}

int db_prepare(struct db *db, const char *sql, struct stmt **ret_stmt)
{
    struct stmt *known = find(db, sql, 0);
    if (known == NULL)
        return prepare(db, sql, 0, str_of(sql), ret_stmt);
    *ret_stmt = known;
    return 0;
}

int db_prepare_rows(struct db *db, const struct sql_rows *sql, size_t rows, struct stmt **ret_stmt)
{
    struct stmt *known = find(db, sql, rows);
    if (known != NULL) {
        *ret_stmt = known;
        return 0;
    }
    AUTO_BUF text = {0};
    buf_add_text(&text, sql->before);
    for (size_t i = 0; i < rows; i++) {
        if (i > 0)
            buf_add_text(&text, sql->between != NULL ? sql->between : ",");
        buf_add_text(&text, sql->row);
    }
    buf_add_text(&text, sql->after);
    return prepare(db, sql, rows, buf_str(&text), ret_stmt);
}

size_t db_rows_step(size_t rows)
{
    static const size_t steps[] = {1000, 250, 50, 10};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
        if (rows >= steps[i])
            return steps[i];
    return 1;
}

int db_write_rows(struct db *db, const struct sql_rows *sql, const void *rows, size_t count,
                  bind_row_fn bind)
{
    for (size_t done = 0; done < count;) {
        struct stmt *stmt;
        size_t step = db_rows_step(count - done);
        int err = db_prepare_rows(db, sql, step, &stmt);
        if (err != 0)
            return err;
        for (size_t i = done; i < done + step; i++)
            bind(stmt, rows, i);
        err = stmt_run(stmt);
        if (err != 0)
            return err;
        done += step;
    }
    return 0;
}

static MYSQL_BIND *next_parameter(struct stmt *stmt, enum enum_field_types type,
                                  union scalar **ret_scalar)
{
    if (stmt->next_parameter >= stmt->parameter_count)
        abort(); /* more values than question marks: a defect of the caller */
    size_t index = stmt->next_parameter++;
    stmt->bytes = (index == 0 ? PACKET_HEAD_BYTES : stmt->bytes) + PARAMETER_MAX_BYTES;
    MYSQL_BIND *bind = &stmt->parameters[index];
    *bind = (MYSQL_BIND){.buffer_type = type, .buffer = &stmt->scalars[index]};
    *ret_scalar = &stmt->scalars[index];
    return bind;
}

void stmt_str(struct stmt *stmt, struct str value)
{
    union scalar *scalar;
    MYSQL_BIND *bind = next_parameter(stmt, MYSQL_TYPE_BLOB, &scalar);
    bind->buffer = (void *)(uintptr_t)(value.data != NULL ? value.data : "");
    bind->buffer_length = value.len;
    stmt->bytes += value.len;
}

void stmt_int(struct stmt *stmt, int64_t value)
{
    union scalar *scalar;
    next_parameter(stmt, MYSQL_TYPE_LONGLONG, &scalar);
    scalar->number = value;
}

void stmt_uint(struct stmt *stmt, uint64_t value)
{
    union scalar *scalar;
    next_parameter(stmt, MYSQL_TYPE_LONGLONG, &scalar)->is_unsigned = 1;
    scalar->number = (int64_t)value;
}

void stmt_time(struct stmt *stmt, int64_t time_ms)
{
    struct civil civil;
    union scalar *scalar;
    next_parameter(stmt, MYSQL_TYPE_DATETIME, &scalar);
    time_to_civil(time_ms, &civil);
    scalar->time = (MYSQL_TIME){
        .year = (unsigned)civil.year,
        .month = (unsigned)civil.month,
        .day = (unsigned)civil.day,
        .hour = (unsigned)civil.hour,
        .minute = (unsigned)civil.minute,
        .second = (unsigned)civil.second,
        .second_part = (unsigned long)civil.millisecond * 1000,
        .time_type = MYSQL_TIMESTAMP_DATETIME,
    };
}

void stmt_decimal(struct stmt *stmt, int64_t value_e4)
{
    union scalar *scalar;
    MYSQL_BIND *bind = next_parameter(stmt, MYSQL_TYPE_STRING, &scalar);
    uint64_t rest = value_e4 < 0 ? 0 - (uint64_t)value_e4 : (uint64_t)value_e4;
    char *end = scalar->decimal + sizeof(scalar->decimal), *start = end;
    for (int digits = 0; digits < 5 || rest > 0; digits++) { /* from the back; at least "0.0000" */
        if (digits == 4)
            *--start = '.';
        *--start = (char)('0' + rest % 10);
        rest /= 10;
    }
    if (value_e4 < 0)
        *--start = '-';
    bind->buffer = start;
    bind->buffer_length = (unsigned long)(end - start);
}

void stmt_null(struct stmt *stmt)
{
    union scalar *scalar;
    next_parameter(stmt, MYSQL_TYPE_NULL, &scalar);
}

int stmt_stream(struct stmt *stmt)
{
    if (stmt->next_parameter != stmt->parameter_count)
        abort(); /* fewer values than question marks: a defect of the caller */
    stmt->next_parameter = 0;
    int too_large = stmt->parameter_count > 0 ? db_check_packet(stmt->db, stmt->bytes) : 0;
    if (too_large != 0)
        return too_large;
    if (stmt->column_count > 0)
        mysql_stmt_free_result(stmt->handle);
    if (stmt->parameter_count > 0 && mysql_stmt_bind_param(stmt->handle, stmt->parameters) != 0)
        return note(stmt);
    if (mysql_stmt_execute(stmt->handle) != 0)
        return note(stmt);
    if (stmt->column_count > 0 && mysql_stmt_bind_result(stmt->handle, stmt->binds) != 0)
        return note(stmt);
    return 0;
}

int stmt_run(struct stmt *stmt)
{
    int err = stmt_stream(stmt);
    if (err == 0 && stmt->column_count > 0 && mysql_stmt_store_result(stmt->handle) != 0)
        err = note(stmt);
    return err;
}

uint64_t stmt_affected(const struct stmt *stmt)
{
    return mysql_stmt_affected_rows(stmt->handle);
}

/* Fetches again what did not fit into its buffer. */
static int widen(struct stmt *stmt)
{
    for (unsigned i = 0; i < stmt->column_count; i++) {
        struct column *column = &stmt->columns[i];
        if (column->bytes == NULL || column->is_null || column->len <= column->capacity)
            continue;
        column->capacity = column->len;
        column->bytes = xreallocarray(column->bytes, column->capacity, 1);
        stmt->binds[i].buffer = column->bytes;
        stmt->binds[i].buffer_length = column->capacity;
        if (mysql_stmt_fetch_column(stmt->handle, &stmt->binds[i], i, 0) != 0)
            return note(stmt);
        mysql_stmt_bind_result(stmt->handle, stmt->binds);
    }
    return 0;
}

int stmt_row(struct stmt *stmt)
{
    switch (mysql_stmt_fetch(stmt->handle)) {
    case 0:
        return 0;
    case MYSQL_DATA_TRUNCATED:
        return widen(stmt);
    case MYSQL_NO_DATA:
        return 1;
    default:
        return note(stmt);
    }
}

int stmt_run_one(struct stmt *stmt)
{
    int err = stmt_run(stmt);
    if (err == 0)
        err = stmt_row(stmt);
    return err > 0 ? TIP_ENOTFOUND : err;
}

bool stmt_is_null(const struct stmt *stmt, unsigned column)
{
    return stmt->columns[column].is_null != 0;
}

struct str stmt_get_str(const struct stmt *stmt, unsigned column)
{
    const struct column *value = &stmt->columns[column];
    return value->is_null ? (struct str){0} : str_from(value->bytes, value->len);
}

int64_t stmt_get_int(const struct stmt *stmt, unsigned column)
{
    return stmt->columns[column].is_null ? 0 : stmt->columns[column].scalar.number;
}

uint64_t stmt_get_uint(const struct stmt *stmt, unsigned column)
{
    return (uint64_t)stmt_get_int(stmt, column);
}

int64_t stmt_get_time(const struct stmt *stmt, unsigned column)
{
    const MYSQL_TIME *time = &stmt->columns[column].scalar.time;
    if (stmt->columns[column].is_null)
        return 0;
    return time_from_civil(&(struct civil){
        .year = (int)time->year,
        .month = (int)time->month,
        .day = (int)time->day,
        .hour = (int)time->hour,
        .minute = (int)time->minute,
        .second = (int)time->second,
        .millisecond = (int)(time->second_part / 1000),
    });
}

int64_t stmt_get_decimal(const struct stmt *stmt, unsigned column)
{
    const struct column *value = &stmt->columns[column];
    if (value->is_null)
        return INT64_MIN; /* DECIMAL_NONE */
    int64_t whole = 0, sign = 1;
    int decimals = -1;
    for (unsigned long i = 0; i < value->len && decimals < 4; i++) {
        char c = value->scalar.decimal[i];
        if (c == '-') {
            sign = -1;
        } else if (c == '.') {
            decimals = 0;
        } else {
            whole = whole * 10 + (c - '0');
            decimals += decimals >= 0;
        }
    }
    for (decimals = decimals < 0 ? 0 : decimals; decimals < 4; decimals++)
        whole *= 10;
    return sign * whole;
}
