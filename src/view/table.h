/*
 * LMDB behind one small door: the environment's file, its tables (layout.h), keys, and the only
 * puts and deletions there are. Inside view/ only: the one header here that shows lmdb.h.
 *
 * Errors: TIP_ENOTFOUND; TIP_ERETRY: the map is full; TIP_EFATAL: LMDB finds the file damaged;
 * TIP_EIO: anything else that it or the disk refuses.
 */
#ifndef TIPSTER_VIEW_TABLE_H
#define TIPSTER_VIEW_TABLE_H

#include "base/str.h"
#include "view/layout.h"

#include <lmdb.h>

enum view_table {
#define X(name, flags) VIEW_TABLE_##name,
    VIEW_DATABASES(X)
#undef X
        VIEW_TABLES,
};

/* An open environment and at most one transaction of it. */
struct tables {
    MDB_env *env;
    MDB_txn *txn; /* NULL: none is open */
    MDB_dbi dbis[VIEW_TABLES];
    MDB_cursor
        *cursors[VIEW_TABLES]; /* of the transaction, for writing; LMDB closes them with it */
    uint64_t digest;           /* of all records, as the transaction has them; see digest.h */
};

int table_error(int mdb_error);
const char *table_name(enum view_table table);

/*
 * Opens DIR/data.mdb. With flags of mdb_env_open; MDB_RDONLY: TIP_ENOTFOUND where there is none or
 * where a table is missing. Without it the tables are made. map_bytes 0: as the file says.
 */
int tables_open(const char *dir, unsigned flags, size_t map_bytes, struct tables *ret_tables);
void tables_close(struct tables *tables);

/* A transaction that writes. After a failed commit it is gone; abort: mdb_txn_abort. */
int tables_begin(struct tables *tables);
int tables_commit(struct tables *tables);

/* *ret_value is LMDB's memory: until the transaction ends or, when it writes, the next write. */
int table_get(const struct tables *tables, enum view_table table, struct str key,
              struct str *ret_value);
int table_put(struct tables *tables, enum view_table table, struct str key, struct str value);
/* The same where key sorts after all others; TIP_EINVAL: it does not. */
int table_append(struct tables *tables, enum view_table table, struct str key, struct str value);
/* Deleting what is not there is TIP_ENOTFOUND. */
int table_delete(struct tables *tables, enum view_table table, struct str key);

/* Walking: MDB_SET_RANGE from key, then MDB_NEXT; >0: no more. */
int table_cursor(const struct tables *tables, enum view_table table, MDB_cursor **ret_cursor);
int cursor_seek(MDB_cursor *cursor, struct str key, struct str *ret_key, struct str *ret_value);
int cursor_next(MDB_cursor *cursor, struct str *ret_key, struct str *ret_value);

static inline MDB_val table_val(struct str text)
{
    return (MDB_val){.mv_size = text.len, .mv_data = (void *)(uintptr_t)text.data};
}

static inline struct str table_str(MDB_val value)
{
    return str_from(value.mv_data, value.mv_size);
}

/* A cursor that closes at the end of its scope. */
static inline void cursor_close(MDB_cursor **cursor)
{
    if (*cursor != NULL)
        mdb_cursor_close(*cursor);
}
#define AUTO_CURSOR __attribute__((cleanup(cursor_close))) MDB_cursor

/* A key under construction: parts are appended in turn. */
struct table_key {
    size_t len;
    uint8_t bytes[511];
};

static inline void key_add(struct table_key *key, const void *data, size_t len)
{
    if (len > 0)
        memcpy(key->bytes + key->len, data, len);
    key->len += len;
}

static inline void key_str(struct table_key *key, struct str text)
{
    key_add(key, text.data, text.len);
}

static inline void key_u8(struct table_key *key, uint8_t value)
{
    key->bytes[key->len++] = value;
}

static inline void key_be32(struct table_key *key, uint32_t value)
{
    value = __builtin_bswap32(value);
    key_add(key, &value, sizeof(value));
}

static inline void key_be64(struct table_key *key, uint64_t value)
{
    value = __builtin_bswap64(value);
    key_add(key, &value, sizeof(value));
}

static inline void key_time(struct table_key *key, int64_t time_ms)
{
    key_be64(key, (uint64_t)time_ms ^ (uint64_t)1 << 63);
}

static inline struct str key_of(const struct table_key *key)
{
    return str_from(key->bytes, key->len);
}

static inline uint32_t read_be32(const char *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof(value));
    return __builtin_bswap32(value);
}

static inline uint64_t read_be64(const char *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof(value));
    return __builtin_bswap64(value);
}

static inline int64_t read_time(const char *at)
{
    return (int64_t)(read_be64(at) ^ (uint64_t)1 << 63);
}

/* A u32 in the machine's order: the key of the tables by number, or a value. */
static inline struct str number_key(const uint32_t *number)
{
    return str_from(number, sizeof(*number));
}

static inline uint32_t number_read(struct str value)
{
    uint32_t number = 0;
    if (value.len >= sizeof(number))
        memcpy(&number, value.data, sizeof(number));
    return number;
}

/* Keys of layout.h; each starts anew. */
struct str key_name(struct table_key *key, uint32_t company, char class, uint32_t parent,
                    struct str value);
struct str key_run(struct table_key *key, uint32_t member, uint32_t group, int64_t begin_ms,
                   struct str event_id);
struct str key_begin(struct table_key *key, uint32_t company, int64_t begin_ms,
                     struct str event_id);
struct str key_popular(struct table_key *key, uint32_t company, uint64_t count, int64_t begin_ms,
                       struct str event_id);
/* users, event_ids. */
struct str key_owned(struct table_key *key, uint32_t company, struct str id);
/* What all of a user's older_coupons or older_bets begin with. */
struct str key_older(struct table_key *key, uint32_t company, struct str user_id);
/* pending; waiting without its user. */
struct str key_pending(struct table_key *key, uint32_t company, uint32_t event);
struct str key_waiting(struct table_key *key, uint32_t event, struct str user_id);

/* topic is the name. */
struct str key_offset(struct table_key *key, struct str topic, int32_t partition);

enum {
    TOPIC_MAX_BYTES = 249, /* Kafka's */
    NAME_MAX_BYTES = 400,  /* the longest name: 100 code points */
    RUN_KEY_HEAD = 16,     /* bytes before the event_id */
    BEGIN_KEY_HEAD = 12,   /* likewise */
    POPULAR_KEY_HEAD = 20, /* likewise */
};

#endif
