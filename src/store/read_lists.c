/* Pages for the company; see read_lists.h. */
#include "store/read_lists.h"

#include "base/timefmt.h"
#include "store/write.h"

#include <stdlib.h>

/*
 * Sorted by the server from all the user's coupons, of which there are few: an index for it would
 * have to be kept with every coupon that is stored.
 */
static const char sql_newest[] =
    "select coupon_id, stake, placed_at from coupons where company_id = ? and user_id = ? "
    "and (placed_at < ? or (placed_at = ? and coupon_id > ?)) "
    "order by placed_at desc, coupon_id limit ?";

static const char sql_by_id[] =
    "select coupon_id, stake, placed_at from coupons where company_id = ? and user_id = ? "
    "and coupon_id > ? order by coupon_id limit ?";

/* Moments first: they are the front of the primary key, so that each is one range. */
#define SELECTIONS_OF(slots)                                                                       \
    "select coupon_id, event_id, odds from selections where company_id = ? and user_id = ? "       \
    "and placed_at in (" slots ") and coupon_id in (" slots ") order by coupon_id, event_id"
#define SLOTS_10 "?,?,?,?,?,?,?,?,?,?"
#define SLOTS_100                                                                                  \
    SLOTS_10 "," SLOTS_10 "," SLOTS_10 "," SLOTS_10 "," SLOTS_10 "," SLOTS_10 "," SLOTS_10         \
             "," SLOTS_10 "," SLOTS_10 "," SLOTS_10

static const char sql_selections_10[] = SELECTIONS_OF(SLOTS_10);
static const char sql_selections_100[] = SELECTIONS_OF(SLOTS_100);

#define REJECTED_COLUMNS                                                                           \
    "select topic, partition_id, position, kind, record_id, user_id, reason, detail, request_id, " \
    "left(payload, 65536), length(payload), rejected_at, detail = '" REJECTED_ERASED "' "          \
    "from rejected "

static const char sql_rejected[] =
    REJECTED_COLUMNS "force index (rejected_by_time) where company_id = ? and rejected_at <= ? "
                     "and (rejected_at < ? or topic < ? or (topic = ? and (partition_id < ? or "
                     "(partition_id = ? and position < ?)))) order by rejected_at desc, "
                     "topic desc, partition_id desc, position desc limit 50";

static const char sql_rejected_of[] =
    REJECTED_COLUMNS "where company_id = ? and user_id = ? and topic >= ? and (topic > ? or "
                     "partition_id > ? or (partition_id = ? and position > ?)) "
                     "order by topic, partition_id, position limit 50";

/* So many coupons' selections are read with one statement. */
enum { TOGETHER_MAX = 100 };

struct head {
    struct str coupon_id;
    int64_t stake_e4, placed_at_ms;
};

static int read_heads(struct db *db, struct str company, struct str user_id,
                      enum coupon_order order, const struct coupon_mark *after, size_t limit,
                      struct arena *arena, struct head *ret_heads, size_t *ret_count)
{
    struct stmt *stmt;
    size_t count = 0;
    int64_t before_ms = after->coupon_id.len > 0 ? after->placed_at_ms : TIME_MAX_MS + 1;
    int err = db_prepare(db, order == COUPONS_NEWEST ? sql_newest : sql_by_id, &stmt);
    if (err != 0)
        return err;
    stmt_str(stmt, company);
    stmt_str(stmt, user_id);
    if (order == COUPONS_NEWEST) {
        stmt_time(stmt, before_ms);
        stmt_time(stmt, before_ms);
    }
    stmt_str(stmt, after->coupon_id);
    stmt_uint(stmt, limit);
    err = stmt_run(stmt);
    while (err == 0 && count < limit && (err = stmt_row(stmt)) == 0)
        ret_heads[count++] = (struct head){.coupon_id = arena_copy(arena, stmt_get_str(stmt, 0)),
                                           .stake_e4 = stmt_get_decimal(stmt, 1),
                                           .placed_at_ms = stmt_get_time(stmt, 2)};
    *ret_count = count;
    return err < 0 ? err : 0;
}

/* A selection and the coupon it belongs to. */
struct owned_selection {
    struct str coupon_id;
    struct selection selection;
};

static int run_selections(struct db *db, struct str company, struct str user_id,
                          const struct head *heads, size_t count, struct stmt **ret_stmt)
{
    size_t slots = count <= 10 ? 10 : TOGETHER_MAX;
    int err = db_prepare(db, slots == 10 ? sql_selections_10 : sql_selections_100, ret_stmt);
    if (err != 0)
        return err;
    stmt_str(*ret_stmt, company);
    stmt_str(*ret_stmt, user_id);
    for (size_t i = 0; i < slots; i++) /* the last one fills up */
        stmt_time(*ret_stmt, heads[i < count ? i : count - 1].placed_at_ms);
    for (size_t i = 0; i < slots; i++)
        stmt_str(*ret_stmt, heads[i < count ? i : count - 1].coupon_id);
    return stmt_run(*ret_stmt);
}

/* The selections of up to TOGETHER_MAX coupons, by coupon and event. */
static int read_selections_of(struct db *db, struct str company, struct str user_id,
                              const struct head *heads, size_t count, struct arena *arena,
                              struct owned_selection **ret_rows, size_t *ret_count)
{
    struct stmt *stmt;
    size_t most = count * SELECTIONS_MAX, found = 0;
    struct owned_selection *rows = arena_array(arena, most, sizeof(*rows));
    int err = run_selections(db, company, user_id, heads, count, &stmt);
    while (err == 0 && found < most && (err = stmt_row(stmt)) == 0)
        rows[found++] = (struct owned_selection){
            .coupon_id = arena_copy(arena, stmt_get_str(stmt, 0)),
            .selection = {.event_id = arena_copy(arena, stmt_get_str(stmt, 1)),
                          .odds_e4 = stmt_get_decimal(stmt, 2)}};
    *ret_rows = rows;
    *ret_count = found;
    return err < 0 ? err : 0;
}

/* The place of the first selection of a coupon. */
static size_t first_of(const struct owned_selection *rows, size_t count, struct str coupon_id)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (str_compare(rows[middle].coupon_id, coupon_id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int give_coupons(struct db *db, struct str company, struct str user_id,
                        const struct head *heads, size_t count, struct arena *arena,
                        read_coupon_fn each, void *ctx)
{
    struct coupon coupon = {.user_id = user_id};
    struct owned_selection *rows;
    size_t row_count;
    int err = read_selections_of(db, company, user_id, heads, count, arena, &rows, &row_count);
    for (size_t i = 0; err == 0 && i < count; i++) {
        coupon.coupon_id = heads[i].coupon_id;
        coupon.stake_e4 = heads[i].stake_e4;
        coupon.placed_at_ms = heads[i].placed_at_ms;
        coupon.selection_count = 0;
        for (size_t at = first_of(rows, row_count, coupon.coupon_id);
             at < row_count && str_equal(rows[at].coupon_id, coupon.coupon_id) &&
             coupon.selection_count < SELECTIONS_MAX;
             at++)
            coupon.selections[coupon.selection_count++] = rows[at].selection;
        err = each(ctx, &coupon);
    }
    return err;
}

int read_coupons(struct db *db, struct str company, struct str user_id, enum coupon_order order,
                 const struct coupon_mark *after, size_t limit, struct arena *arena,
                 read_coupon_fn each, void *ctx, bool *ret_more, struct coupon_mark *ret_last)
{
    struct head *heads = arena_array(arena, limit + 1, sizeof(*heads));
    size_t count;
    int err = read_heads(db, company, user_id, order, after, limit + 1, arena, heads, &count);
    bool more = err == 0 && count > limit;
    if (more)
        count = limit;
    for (size_t at = 0; err == 0 && at < count; at += TOGETHER_MAX) {
        size_t some = count - at < TOGETHER_MAX ? count - at : TOGETHER_MAX;
        err = give_coupons(db, company, user_id, heads + at, some, arena, each, ctx);
    }
    if (err != 0)
        return err;
    *ret_more = more;
    if (more)
        *ret_last = (struct coupon_mark){heads[count - 1].placed_at_ms, heads[count - 1].coupon_id};
    return 0;
}

static int give_rejected(struct stmt *stmt, read_rejected_fn each, void *ctx, size_t *ret_count)
{
    int err;
    *ret_count = 0;
    while ((err = stmt_row(stmt)) == 0) {
        const struct rejected_item item = {
            .place = {.rejected_at_ms = stmt_get_time(stmt, 11),
                      .topic = stmt_get_str(stmt, 0),
                      .partition = stmt_get_int(stmt, 1),
                      .position = stmt_get_uint(stmt, 2)},
            .kind = stmt_get_str(stmt, 3),
            .record_id = stmt_get_str(stmt, 4),
            .user_id = stmt_get_str(stmt, 5),
            .reason = stmt_get_str(stmt, 6),
            .detail = stmt_get_str(stmt, 7),
            .request_id = stmt_get_str(stmt, 8),
            .payload = stmt_get_str(stmt, 9),
            .payload_len = (size_t)stmt_get_uint(stmt, 10),
            .erased = stmt_get_int(stmt, 12) != 0,
        };
        err = each(ctx, &item);
        if (err != 0)
            return err;
        (*ret_count)++;
    }
    return err < 0 ? err : 0;
}

/* The end of both conditions: they name topic and partition twice each. */
static void bind_place(struct stmt *stmt, const struct rejected_mark *mark)
{
    stmt_str(stmt, mark->topic);
    stmt_str(stmt, mark->topic);
    stmt_int(stmt, mark->partition);
    stmt_int(stmt, mark->partition);
    stmt_uint(stmt, mark->position);
}

int read_rejected(struct db *db, struct str company, const struct rejected_mark *after,
                  read_rejected_fn each, void *ctx, size_t *ret_count)
{
    static const struct rejected_mark newest = {.rejected_at_ms = TIME_MAX_MS + 1};
    const struct rejected_mark *mark = after != NULL ? after : &newest;
    struct stmt *stmt;
    int err = db_prepare(db, sql_rejected, &stmt);
    if (err != 0)
        return err;
    stmt_str(stmt, company);
    stmt_time(stmt, mark->rejected_at_ms);
    stmt_time(stmt, mark->rejected_at_ms);
    bind_place(stmt, mark);
    err = stmt_run(stmt);
    return err == 0 ? give_rejected(stmt, each, ctx, ret_count) : err;
}

int read_rejected_of(struct db *db, struct str company, struct str user_id,
                     const struct rejected_mark *after, read_rejected_fn each, void *ctx,
                     size_t *ret_count)
{
    static const struct rejected_mark first = {.partition = -1};
    const struct rejected_mark *mark = after != NULL ? after : &first;
    struct stmt *stmt;
    int err = db_prepare(db, sql_rejected_of, &stmt);
    if (err != 0)
        return err;
    stmt_str(stmt, company);
    stmt_str(stmt, user_id);
    bind_place(stmt, mark);
    err = stmt_run(stmt);
    return err == 0 ? give_rejected(stmt, each, ctx, ret_count) : err;
}
