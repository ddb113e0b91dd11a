/* The environment and its tables; see table.h. */
#include "view/table.h"

#include "base/err.h"
#include "view/digest.h"

#include <errno.h>
#include <sys/stat.h>

static const struct {
    const char *name;
    unsigned flags;
} tables_of_layout[VIEW_TABLES] = {
#define X(name, flags) {#name, flags},
    VIEW_DATABASES(X)
#undef X
};

enum { READERS_MAX = 1024 };

int table_error(int mdb_error)
{
    switch (mdb_error) {
    case 0:
        return 0;
    case MDB_NOTFOUND:
    case ENOENT:
        return TIP_ENOTFOUND;
    case MDB_MAP_FULL:
        return TIP_ERETRY;
    case MDB_PAGE_NOTFOUND:
    case MDB_CORRUPTED:
    case MDB_PANIC:
    case MDB_BAD_TXN:
    case MDB_INCOMPATIBLE:
        return TIP_EFATAL;
    case MDB_VERSION_MISMATCH:
    case MDB_INVALID:
        return TIP_EINVAL;
    default:
        return TIP_EIO;
    }
}

const char *table_name(enum view_table table)
{
    return tables_of_layout[table].name;
}

static int open_tables(struct tables *tables, unsigned flags)
{
    MDB_txn *txn;
    unsigned create = (flags & MDB_RDONLY) != 0 ? 0 : MDB_CREATE;
    int failed = mdb_txn_begin(tables->env, NULL, flags & MDB_RDONLY, &txn);
    if (failed != 0)
        return table_error(failed);
    for (int i = 0; failed == 0 && i < VIEW_TABLES; i++)
        failed = mdb_dbi_open(txn, tables_of_layout[i].name, tables_of_layout[i].flags | create,
                              &tables->dbis[i]);
    if (failed == 0)
        return table_error(mdb_txn_commit(txn));
    mdb_txn_abort(txn);
    return table_error(failed);
}

/* Whether the file has all pages that its head counts: a page of a file that was cut would end the
 * process that looks at it. */
static int check_size(MDB_env *env)
{
    MDB_envinfo info;
    MDB_stat about;
    struct stat file;
    mdb_filehandle_t fd;
    int failed = mdb_env_info(env, &info);
    if (failed == 0)
        failed = mdb_env_stat(env, &about);
    if (failed == 0)
        failed = mdb_env_get_fd(env, &fd);
    if (failed != 0)
        return table_error(failed);
    uint64_t pages = info.me_last_pgno + 1;
    return fstat(fd, &file) == 0 && (uint64_t)file.st_size / about.ms_psize >= pages ? 0
                                                                                     : TIP_EINVAL;
}

int tables_open(const char *dir, unsigned flags, size_t map_bytes, struct tables *ret_tables)
{
    struct tables tables = {0};
    int failed = mdb_env_create(&tables.env);
    if (failed != 0)
        return table_error(failed);
    failed = mdb_env_set_maxdbs(tables.env, VIEW_TABLES);
    if (failed == 0)
        failed = mdb_env_set_maxreaders(tables.env, READERS_MAX);
    if (failed == 0 && map_bytes > 0)
        failed = mdb_env_set_mapsize(tables.env, map_bytes);
    if (failed == 0)
        failed = mdb_env_open(tables.env, dir, flags, 0640);
    int err = table_error(failed);
    if (err == 0)
        err = check_size(tables.env);
    if (err == 0)
        err = open_tables(&tables, flags);
    if (err != 0) {
        mdb_env_close(tables.env);
        return err;
    }
    *ret_tables = tables;
    return 0;
}

void tables_close(struct tables *tables)
{
    if (tables->env != NULL)
        mdb_env_close(tables->env);
    *tables = (struct tables){0};
}

int table_get(const struct tables *tables, enum view_table table, struct str key,
              struct str *ret_value)
{
    MDB_val mdb_key = table_val(key), value;
    int failed = mdb_get(tables->txn, tables->dbis[table], &mdb_key, &value);
    if (failed != 0)
        return table_error(failed);
    *ret_value = table_str(value);
    return 0;
}

int tables_begin(struct tables *tables)
{
    struct str value;
    int err = table_error(mdb_txn_begin(tables->env, NULL, 0, &tables->txn));
    memset(tables->cursors, 0, sizeof(tables->cursors));
    tables->digest = 0;
    if (err == 0 && table_get(tables, VIEW_TABLE_meta, str_of(DIGEST_KEY), &value) == 0 &&
        value.len == sizeof(tables->digest))
        memcpy(&tables->digest, value.data, sizeof(tables->digest));
    return err;
}

int tables_commit(struct tables *tables)
{
    MDB_val key = table_val(str_of(DIGEST_KEY));
    MDB_val value = {.mv_size = sizeof(tables->digest), .mv_data = &tables->digest};
    MDB_txn *txn = tables->txn;
    tables->txn = NULL;
    int failed = mdb_put(txn, tables->dbis[VIEW_TABLE_meta], &key, &value, 0);
    if (failed == 0)
        return table_error(mdb_txn_commit(txn));
    mdb_txn_abort(txn);
    return table_error(failed);
}

static int cursor_get(MDB_cursor *cursor, MDB_val *key, MDB_cursor_op op, struct str *ret_key,
                      struct str *ret_value)
{
    MDB_val value;
    int failed = mdb_cursor_get(cursor, key, &value, op);
    if (failed == MDB_NOTFOUND)
        return 1;
    if (failed != 0)
        return table_error(failed);
    *ret_key = table_str(*key);
    *ret_value = table_str(value);
    return 0;
}

/*
 * Goes to the key and takes what stands there out of the digest. >0: nothing stands there. One
 * descent: what is then done by the cursor finds its page.
 */
static int go_to(struct tables *tables, enum view_table table, struct str key)
{
    MDB_val mdb_key = table_val(key);
    struct str found, old;
    MDB_cursor **cursor = &tables->cursors[table];
    int err = *cursor == NULL ? table_cursor(tables, table, cursor) : 0;
    if (err == 0)
        err = cursor_get(*cursor, &mdb_key, MDB_SET, &found, &old);
    if (err == 0)
        tables->digest -= digest_of(table, key, old);
    return err;
}

int table_put(struct tables *tables, enum view_table table, struct str key, struct str value)
{
    MDB_val mdb_key = table_val(key), mdb_value = table_val(value);
    int err = go_to(tables, table, key);
    if (err < 0)
        return err;
    tables->digest += digest_of(table, key, value);
    return table_error(
        mdb_cursor_put(tables->cursors[table], &mdb_key, &mdb_value, err == 0 ? MDB_CURRENT : 0));
}

int table_append(struct tables *tables, enum view_table table, struct str key, struct str value)
{
    MDB_val mdb_key = table_val(key), mdb_value = table_val(value);
    int failed = mdb_put(tables->txn, tables->dbis[table], &mdb_key, &mdb_value, MDB_APPEND);
    if (failed == MDB_KEYEXIST)
        return TIP_EINVAL;
    tables->digest += digest_of(table, key, value);
    return table_error(failed);
}

int table_delete(struct tables *tables, enum view_table table, struct str key)
{
    int err = go_to(tables, table, key);
    if (err != 0)
        return err > 0 ? TIP_ENOTFOUND : err;
    return table_error(mdb_cursor_del(tables->cursors[table], 0));
}

int table_cursor(const struct tables *tables, enum view_table table, MDB_cursor **ret_cursor)
{
    return table_error(mdb_cursor_open(tables->txn, tables->dbis[table], ret_cursor));
}

int cursor_seek(MDB_cursor *cursor, struct str key, struct str *ret_key, struct str *ret_value)
{
    MDB_val mdb_key = table_val(key);
    return cursor_get(cursor, &mdb_key, key.len == 0 ? MDB_FIRST : MDB_SET_RANGE, ret_key,
                      ret_value);
}

int cursor_next(MDB_cursor *cursor, struct str *ret_key, struct str *ret_value)
{
    MDB_val key;
    return cursor_get(cursor, &key, MDB_NEXT, ret_key, ret_value);
}

struct str key_name(struct table_key *key, uint32_t company, char class, uint32_t parent,
                    struct str value)
{
    key->len = 0;
    key_be32(key, company);
    key_u8(key, (uint8_t) class);
    key_be32(key, parent);
    key_str(key, value);
    return key_of(key);
}

struct str key_run(struct table_key *key, uint32_t member, uint32_t group, int64_t begin_ms,
                   struct str event_id)
{
    key->len = 0;
    key_be32(key, member);
    key_be32(key, group);
    key_time(key, begin_ms);
    key_str(key, event_id);
    return key_of(key);
}

struct str key_begin(struct table_key *key, uint32_t company, int64_t begin_ms, struct str event_id)
{
    key->len = 0;
    key_be32(key, company);
    key_time(key, begin_ms);
    key_str(key, event_id);
    return key_of(key);
}

struct str key_popular(struct table_key *key, uint32_t company, uint64_t count, int64_t begin_ms,
                       struct str event_id)
{
    key->len = 0;
    key_be32(key, company);
    key_be64(key, ~count);
    key_time(key, begin_ms);
    key_str(key, event_id);
    return key_of(key);
}

struct str key_owned(struct table_key *key, uint32_t company, struct str id)
{
    key->len = 0;
    key_be32(key, company);
    key_str(key, id);
    return key_of(key);
}

struct str key_older(struct table_key *key, uint32_t company, struct str user_id)
{
    key->len = 0;
    key_be32(key, company);
    key_u8(key, (uint8_t)user_id.len);
    key_str(key, user_id);
    return key_of(key);
}

struct str key_pending(struct table_key *key, uint32_t company, uint32_t event)
{
    key->len = 0;
    key_be32(key, company);
    key_be32(key, event);
    return key_of(key);
}

struct str key_waiting(struct table_key *key, uint32_t event, struct str user_id)
{
    key->len = 0;
    key_be32(key, event);
    key_str(key, user_id);
    return key_of(key);
}

struct str key_offset(struct table_key *key, struct str topic, int32_t partition)
{
    key->len = 0;
    if (topic.len > TOPIC_MAX_BYTES)
        topic.len = TOPIC_MAX_BYTES;
    key_str(key, topic);
    key_u8(key, 0);
    key_be32(key, (uint32_t)partition);
    return key_of(key);
}
