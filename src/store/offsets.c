/* Offsets in the database; see offsets.h. */
#include "store/offsets.h"

#include "base/err.h"

static const char sql_select[] =
    "select cluster_id, topic_id, generation, next_offset, epoch from stream_offsets "
    "where topic = ? and partition_id = ? for update";
static const char sql_insert[] = "insert into stream_offsets (topic, partition_id, cluster_id, "
                                 "topic_id, generation, next_offset, "
                                 "epoch) values (?, ?, ?, ?, ?, ?, ?)";
static const char sql_claim[] = "update stream_offsets set cluster_id = ?, topic_id = ?, "
                                "generation = ?, next_offset = ?, epoch = ? "
                                "where topic = ? and partition_id = ?";
static const char sql_lock[] = "select next_offset, epoch from stream_offsets "
                               "where topic = ? and partition_id = ? for update";
static const char sql_advance[] =
    "update stream_offsets set next_offset = ? "
    "where topic = ? and partition_id = ? and epoch = ? and next_offset = ?";

static const char sql_read[] = "select partition_id, generation, next_offset, cluster_id, topic_id "
                               "from stream_offsets where topic = ? limit 4096";

static int insert_claim(struct db *db, struct partition_claim *claim)
{
    struct stmt *stmt;
    int err = db_prepare(db, sql_insert, &stmt);
    if (err != 0)
        return err;
    claim->generation = 1;
    claim->next_offset = 0;
    claim->epoch = 1;
    stmt_str(stmt, str_of(claim->topic));
    stmt_int(stmt, claim->partition);
    stmt_str(stmt, str_of(claim->cluster_id));
    stmt_str(stmt, str_of(claim->topic_id));
    stmt_uint(stmt, claim->generation);
    stmt_uint(stmt, (uint64_t)claim->next_offset);
    stmt_uint(stmt, claim->epoch);
    return stmt_run(stmt);
}

static int update_claim(struct db *db, const struct partition_claim *claim)
{
    struct stmt *stmt;
    int err = db_prepare(db, sql_claim, &stmt);
    if (err != 0)
        return err;
    stmt_str(stmt, str_of(claim->cluster_id));
    stmt_str(stmt, str_of(claim->topic_id));
    stmt_uint(stmt, claim->generation);
    stmt_uint(stmt, (uint64_t)claim->next_offset);
    stmt_uint(stmt, claim->epoch);
    stmt_str(stmt, str_of(claim->topic));
    stmt_int(stmt, claim->partition);
    return stmt_run(stmt);
}

/* Runs a query for the row of a partition. 0: there is one; 1: none. */
static int find_row(struct db *db, const char *sql, const struct partition_claim *claim,
                    struct stmt **ret_stmt)
{
    int err = db_prepare(db, sql, ret_stmt);
    if (err != 0)
        return err;
    stmt_str(*ret_stmt, str_of(claim->topic));
    stmt_int(*ret_stmt, claim->partition);
    err = stmt_run(*ret_stmt);
    return err == 0 ? stmt_row(*ret_stmt) : err;
}

static int claim_one(struct db *db, struct partition_claim *claim)
{
    struct stmt *stmt;
    int err = find_row(db, sql_select, claim, &stmt);
    if (err < 0)
        return err;
    if (err > 0)
        return insert_claim(db, claim);
    bool same = str_equal(stmt_get_str(stmt, 0), str_of(claim->cluster_id)) &&
                str_equal(stmt_get_str(stmt, 1), str_of(claim->topic_id));
    claim->generation = (unsigned)stmt_get_uint(stmt, 2) + !same;
    claim->next_offset = same ? stmt_get_int(stmt, 3) : 0;
    claim->epoch = stmt_get_uint(stmt, 4) + 1;
    return update_claim(db, claim);
}

int offsets_claim(struct db *db, struct partition_claim *claims, size_t count)
{
    int err = db_begin(db);
    for (size_t i = 0; err == 0 && i < count; i++)
        err = claim_one(db, &claims[i]);
    return err == 0 ? db_commit(db) : err;
}

int offsets_lock(struct db *db, const struct partition_claim *claim, int64_t *ret_next)
{
    struct stmt *stmt;
    int err = find_row(db, sql_lock, claim, &stmt);
    if (err < 0)
        return err;
    if (err > 0 || stmt_get_uint(stmt, 1) != claim->epoch)
        return TIP_EFENCED;
    *ret_next = stmt_get_int(stmt, 0);
    return 0;
}

int offsets_advance(struct db *db, const struct partition_claim *claim, int64_t new_next)
{
    struct stmt *stmt;
    int err = db_prepare(db, sql_advance, &stmt);
    if (err != 0)
        return err;
    stmt_uint(stmt, (uint64_t)new_next);
    stmt_str(stmt, str_of(claim->topic));
    stmt_int(stmt, claim->partition);
    stmt_uint(stmt, claim->epoch);
    stmt_uint(stmt, (uint64_t)claim->next_offset);
    err = stmt_run(stmt);
    if (err != 0)
        return err;
    return stmt_affected(stmt) == 1 ? 0 : TIP_EFENCED;
}

static void take_offset(const struct stmt *stmt, struct stored_offset *ret_offset)
{
    ret_offset->generation = (unsigned)stmt_get_uint(stmt, 1);
    ret_offset->next_offset = stmt_get_int(stmt, 2);
    str_to_text(stmt_get_str(stmt, 3), ret_offset->cluster_id, sizeof(ret_offset->cluster_id));
    str_to_text(stmt_get_str(stmt, 4), ret_offset->topic_id, sizeof(ret_offset->topic_id));
}

int offsets_read(struct db *db, const char *topic, size_t partitions,
                 struct stored_offset *ret_offsets)
{
    struct stmt *stmt;
    int err = db_prepare(db, sql_read, &stmt);
    if (err != 0)
        return err;
    stmt_str(stmt, str_of(topic));
    err = stmt_run(stmt);
    if (err != 0)
        return err;
    memset(ret_offsets, 0, partitions * sizeof(*ret_offsets));
    while ((err = stmt_row(stmt)) == 0) {
        uint64_t partition = stmt_get_uint(stmt, 0);
        if (partition < partitions)
            take_offset(stmt, &ret_offsets[partition]);
    }
    return err < 0 ? err : 0;
}
