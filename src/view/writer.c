/* The writer's environment, transactions and head; see writer.h. */
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "view/writer_internal.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

enum { SWEEP_USERS = 20000, CACHE_EVENTS_MAX = 2000000, SOURCE_MAX_BYTES = 400 };

static const size_t map_first_bytes = (size_t)1 << 30;
static const size_t map_spare_bytes = (size_t)256 << 20; /* what a transaction may need at most */

static const char meta_key[] = "view", source_key[] = "source";

int writer_fail(struct view_writer *writer, int err, const char *format, ...)
{
    va_list args;
    char text[200];
    if (writer->problem.len > 0 || err >= 0)
        return err;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    buf_add_text(&writer->problem, text);
    return err;
}

const char *view_writer_problem(const struct view_writer *writer)
{
    return writer->problem.len == 0 ? "" : buf_cstr((struct buf *)(uintptr_t)&writer->problem);
}

void view_boot_id(char ret_id[static VIEW_BOOT_ID_SIZE])
{
    int file = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t bytes = file < 0 ? -1 : read(file, ret_id, VIEW_BOOT_ID_SIZE - 1);
    if (file >= 0)
        close(file);
    memset(ret_id + (bytes > 0 ? bytes : 0), 0,
           (size_t)(VIEW_BOOT_ID_SIZE - (bytes > 0 ? bytes : 0)));
    ret_id[strcspn(ret_id, "\n")] = '\0';
    if (ret_id[0] == '\0')
        snprintf(ret_id, VIEW_BOOT_ID_SIZE, "unknown");
}

uint32_t view_shard_of(struct str company, struct str user_id, uint32_t shards)
{
    return shards < 2 ? 0 : (uint32_t)(hash_pair(company, user_id) % shards);
}

static uint64_t random_seed(void)
{
    uint64_t seed;
    if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
        seed = hash_mix((uint64_t)(uintptr_t)&seed);
    return seed;
}

static int write_meta(struct view_writer *writer)
{
    int err = table_put(&writer->tables, VIEW_TABLE_meta, str_of(meta_key),
                        str_from(&writer->meta, sizeof(writer->meta)));
    if (err == 0)
        writer->meta_changed = false;
    return err;
}

static int make_empty(struct view_writer *writer, const struct view_writer_options *options,
                      const char *boot_id)
{
    writer->meta = (struct view_meta){
        .layout = VIEW_LAYOUT,
        .state = VIEW_BUILDING,
        .half_life_ms = options->half_life_ms,
        .lists_from_ms = TIME_MIN_MS,
        .seed = random_seed(),
        .shard = options->shard,
        .shards = options->shards,
    };
    snprintf(writer->meta.boot_id, sizeof(writer->meta.boot_id), "%s", boot_id);
    int err = tables_begin(&writer->tables);
    if (err == 0)
        err = write_meta(writer);
    return err == 0 ? tables_commit(&writer->tables) : err;
}

/* TIP_EINVAL: it cannot be continued. */
static int judge_meta(const struct view_meta *meta, const struct view_writer_options *options,
                      const char *boot_id, struct buf *ret_problem)
{
    if (meta->layout != VIEW_LAYOUT)
        buf_addf(ret_problem, "the view has layout %u, this program writes %d", meta->layout,
                 VIEW_LAYOUT);
    else if (strncmp(meta->boot_id, boot_id, VIEW_BOOT_ID_SIZE) != 0)
        buf_addf(ret_problem, "the machine was started anew since the view was written");
    else if (meta->half_life_ms != options->half_life_ms)
        buf_addf(ret_problem, "the view was made for a half-life of %lld ms, not %lld",
                 (long long)meta->half_life_ms, (long long)options->half_life_ms);
    else if (meta->shard != options->shard || meta->shards != options->shards)
        buf_addf(ret_problem, "the view holds shard %u/%u, not %u/%u", meta->shard, meta->shards,
                 options->shard, options->shards);
    else if (meta->state == VIEW_DAMAGED)
        buf_addf(ret_problem, "the view is marked as damaged");
    return ret_problem->len > 0 ? TIP_EINVAL : 0;
}

static int read_meta(struct view_writer *writer, struct view_meta *ret_meta)
{
    struct str value;
    int err = table_error(mdb_txn_begin(writer->tables.env, NULL, MDB_RDONLY, &writer->tables.txn));
    if (err != 0)
        return err;
    err = table_get(&writer->tables, VIEW_TABLE_meta, str_of(meta_key), &value);
    if (err == 0 && value.len < sizeof(ret_meta->layout))
        err = TIP_EFATAL;
    if (err == 0) {
        *ret_meta = (struct view_meta){0}; /* another layout may have another length */
        memcpy(ret_meta, value.data, value.len < sizeof(*ret_meta) ? value.len : sizeof(*ret_meta));
    }
    mdb_txn_abort(writer->tables.txn);
    writer->tables.txn = NULL;
    return err;
}

static int continue_or_make(struct view_writer *writer, const struct view_writer_options *options,
                            const char *boot_id, struct buf *ret_problem)
{
    struct view_meta meta;
    int err = read_meta(writer, &meta);
    if (err == TIP_ENOTFOUND) {
        if (!options->create)
            return err;
        return make_empty(writer, options, boot_id);
    }
    if (err == 0 && options->create) {
        buf_addf(ret_problem, "there is a view already");
        return TIP_EINVAL;
    }
    if (err == 0)
        err = judge_meta(&meta, options, boot_id, ret_problem);
    if (err == 0)
        writer->meta = meta;
    return err;
}

int view_writer_open(const struct view_writer_options *options, struct view_writer **ret_writer,
                     struct buf *ret_problem)
{
    char boot_id[VIEW_BOOT_ID_SIZE], path[4096];
    if (options->boot_id != NULL)
        snprintf(boot_id, sizeof(boot_id), "%s", options->boot_id);
    else
        view_boot_id(boot_id);
    snprintf(path, sizeof(path), "%s/data.mdb", options->dir);
    if (!options->create && access(path, F_OK) != 0)
        return TIP_ENOTFOUND;
    struct view_writer *writer = xcalloc(1, sizeof(*writer));
    writer->half_life_ms = options->half_life_ms;
    writer->sweep_users = options->sweep_users > 0 ? options->sweep_users : SWEEP_USERS;
    event_cache_init(&writer->events);
    hash_index_init(&writer->sweep.events);
    size_t map_bytes = options->map_bytes > 0 ? options->map_bytes : map_first_bytes;
    int err = tables_open(options->dir, MDB_NOSYNC | MDB_WRITEMAP | MDB_NOMEMINIT, map_bytes,
                          &writer->tables);
    if (err == 0)
        err = continue_or_make(writer, options, boot_id, ret_problem);
    if (err != 0) {
        if (err == TIP_EFATAL)
            err = TIP_EINVAL;
        if (ret_problem->len == 0 && err != TIP_ENOTFOUND)
            buf_addf(ret_problem, "cannot open the view in %s: %s", options->dir,
                     err == TIP_EINVAL ? "damaged, or no LMDB file" : tip_err_text(err));
        view_writer_close(writer);
        return err;
    }
    writer->committed = writer->meta;
    *ret_writer = writer;
    return 0;
}

void view_writer_close(struct view_writer *writer)
{
    if (writer == NULL)
        return;
    view_writer_abort(writer);
    tables_close(&writer->tables);
    event_cache_release(&writer->events);
    hash_index_release(&writer->sweep.events);
    free(writer->sweep.numbers);
    free(writer->loaded);
    history_release(&writer->history);
    buf_release(&writer->record);
    buf_release(&writer->text);
    buf_release(&writer->problem);
    free(writer);
}

struct view_size view_writer_size(const struct view_writer *writer)
{
    MDB_envinfo info;
    MDB_stat stat;
    mdb_env_info(writer->tables.env, &info);
    mdb_env_stat(writer->tables.env, &stat);
    return (struct view_size){.used_bytes = (info.me_last_pgno + 1) * stat.ms_psize,
                              .map_bytes = info.me_mapsize};
}

static int add_usage(const struct view_writer *writer, enum view_table table, size_t *bytes)
{
    MDB_stat stat;
    int err = table_error(mdb_stat(writer->tables.txn, writer->tables.dbis[table], &stat));
    if (err == 0)
        *bytes += (stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages) *
                  (size_t)stat.ms_psize;
    return err;
}

int view_writer_usage(const struct view_writer *writer, struct view_usage *ret_usage)
{
    static const enum view_table events[] = {VIEW_TABLE_event_ids, VIEW_TABLE_events,
                                             VIEW_TABLE_counts,    VIEW_TABLE_runs,
                                             VIEW_TABLE_begins,    VIEW_TABLE_popular};
    static const enum view_table users[] = {VIEW_TABLE_users, VIEW_TABLE_older_coupons,
                                            VIEW_TABLE_older_bets, VIEW_TABLE_waiting};
    struct view_usage usage = {0};
    int err = 0;
    for (size_t i = 0; err == 0 && i < sizeof(events) / sizeof(events[0]); i++)
        err = add_usage(writer, events[i], &usage.event_bytes);
    for (size_t i = 0; err == 0 && i < sizeof(users) / sizeof(users[0]); i++)
        err = add_usage(writer, users[i], &usage.user_bytes);
    if (err == 0)
        *ret_usage = usage;
    return err;
}

/* The map, doubled up to 64 GiB, then half as large again. Only between transactions. */
static int grow(struct view_writer *writer)
{
    size_t bytes = view_writer_size(writer).map_bytes;
    bytes += bytes < (size_t)64 << 30 ? bytes : bytes / 2;
    return table_error(mdb_env_set_mapsize(writer->tables.env, bytes));
}

int view_writer_begin(struct view_writer *writer)
{
    buf_clear(&writer->problem);
    struct view_size size = view_writer_size(writer);
    int err = 0;
    if (size.used_bytes + map_spare_bytes > size.map_bytes)
        err = grow(writer);
    if (err == 0)
        err = tables_begin(&writer->tables);
    return writer_fail(writer, err, "cannot begin: %s", tip_err_text(err));
}

void view_writer_abort(struct view_writer *writer)
{
    MDB_txn *txn = writer->tables.txn;
    if (txn == NULL)
        return;
    writer->tables.txn = NULL;
    mdb_txn_abort(txn);
    writer->meta = writer->committed;
    writer->meta_changed = false;
    writer->company_name.len = 0;
    event_cache_clear(&writer->events);
    writer_sweep_forget(writer);
}

static int commit(struct view_writer *writer)
{
    int err = writer_flush_counts(writer);
    if (err == 0 && writer->meta.pending_count > 0 && !writer->loading)
        err = writer_sweep(writer);
    if (err == 0 && writer->meta_changed)
        err = write_meta(writer);
    if (err != 0)
        return err;
    err = tables_commit(&writer->tables);
    if (err != 0) { /* the transaction is gone: forget what it knew */
        writer->meta = writer->committed;
        event_cache_clear(&writer->events);
        writer_sweep_forget(writer);
        writer->company_name.len = 0;
        return err;
    }
    writer->committed = writer->meta;
    if (writer->events.count > CACHE_EVENTS_MAX)
        event_cache_clear(&writer->events);
    return 0;
}

int writer_after_full(struct view_writer *writer, int err)
{
    if (err != TIP_ERETRY)
        return err;
    view_writer_abort(writer);
    int failed = grow(writer);
    return failed != 0 ? writer_fail(writer, TIP_EIO, "cannot make the map larger") : err;
}

int view_writer_commit(struct view_writer *writer)
{
    int err = commit(writer);
    writer_fail(writer, err, "cannot commit: %s", tip_err_text(err));
    return writer_after_full(writer, err);
}

bool view_writer_is_behind(const struct view_writer *writer)
{
    return writer->meta.pending_count > 0;
}

int view_writer_apply(struct view_writer *writer, const struct change *change,
                      const struct view_position *position, enum decision *ret_decision)
{
    int err;
    switch (change->record.kind) {
    case RECORD_USER:
        err = writer_apply_user(writer, change, position->position, ret_decision);
        break;
    case RECORD_EVENT:
        err = writer_apply_event(writer, change, position->position, ret_decision);
        break;
    default:
        err = writer_apply_coupon(writer, change, ret_decision);
    }
    writer_fail(writer, err, "cannot apply a change of partition %d: %s", (int)position->partition,
                tip_err_text(err));
    return writer_after_full(writer, err);
}

int view_writer_load_event(struct view_writer *writer, const struct view_load_event *event)
{
    int err = writer_load_event(writer, event);
    writer_fail(writer, err, "cannot load an event: %s", tip_err_text(err));
    return writer_after_full(writer, err);
}

int view_writer_load_user(struct view_writer *writer, const struct view_load_user *user)
{
    int err = writer_load_user(writer, user);
    writer_fail(writer, err, "cannot load a user: %s", tip_err_text(err));
    return writer_after_full(writer, err);
}

/* Offsets. */

static void pad(char *ret_text, size_t size, struct str text)
{
    size_t len = text.len < size ? text.len : size;
    memset(ret_text, 0, size);
    if (len > 0)
        memcpy(ret_text, text.data, len);
}

int view_writer_set_offset(struct view_writer *writer, const struct view_partition *partition)
{
    struct table_key key;
    struct view_offset offset = {.generation = partition->generation,
                                 .next_offset = partition->next_offset};
    pad(offset.cluster_id, sizeof(offset.cluster_id), partition->cluster_id);
    pad(offset.topic_id, sizeof(offset.topic_id), partition->topic_id);
    int err = table_put(&writer->tables, VIEW_TABLE_offsets,
                        key_offset(&key, partition->topic, partition->partition),
                        str_from(&offset, sizeof(offset)));
    return writer_after_full(writer, err);
}

int view_writer_each_offset(struct view_writer *writer, view_partition_visit visit, void *ctx)
{
    AUTO_CURSOR *cursor = NULL;
    struct str key, value;
    int err = table_cursor(&writer->tables, VIEW_TABLE_offsets, &cursor);
    if (err != 0)
        return err;
    for (err = cursor_seek(cursor, (struct str){0}, &key, &value); err == 0;
         err = cursor_next(cursor, &key, &value)) {
        struct view_offset offset;
        if (key.len < 5 || value.len != sizeof(offset))
            return WRITER_DAMAGED(writer, "an offset");
        memcpy(&offset, value.data, sizeof(offset));
        struct view_partition partition = {
            .topic = str_from(key.data, key.len - 5),
            .partition = (int32_t)read_be32(key.data + key.len - 4),
            .generation = offset.generation,
            .next_offset = offset.next_offset,
            .cluster_id = str_from(offset.cluster_id, strnlen(offset.cluster_id, 64)),
            .topic_id = str_from(offset.topic_id, strnlen(offset.topic_id, 64)),
        };
        int stop = visit(ctx, &partition);
        if (stop < 0)
            return stop;
    }
    return err > 0 ? 0 : err;
}

/* The head. */

struct view_meta view_writer_meta(const struct view_writer *writer)
{
    return writer->meta;
}

int view_writer_set_state(struct view_writer *writer, enum view_state state)
{
    writer->meta.state = state;
    writer->meta_changed = true;
    return 0;
}

int view_writer_set_heartbeat(struct view_writer *writer, int64_t now_ms)
{
    writer->meta.heartbeat_ms = now_ms;
    writer->meta_changed = true;
    return 0;
}

int view_writer_set_source(struct view_writer *writer, struct str source)
{
    if (source.len > SOURCE_MAX_BYTES)
        source.len = SOURCE_MAX_BYTES;
    return writer_after_full(
        writer, table_put(&writer->tables, VIEW_TABLE_meta, str_of(source_key), source));
}
