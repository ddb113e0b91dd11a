/*
 * Erasing a user; see write.h. Every statement looks at the rows' positions, so that an erasure
 * that is repeated takes nothing that came after it. Coupons go in ranges of their ids: no statement
 * touches more than a few thousand rows, however many coupons the user has.
 */
#include "store/write.h"

#include "base/mem.h"
#include "store/read_arena.h"

static const char sql_user[] =
    "delete from users where company_id = ? and user_id = ? and position < ?";

static const char sql_next_coupons[] =
    "select coupon_id from coupons where company_id = ? and user_id = ? and position < ? "
    "and coupon_id > ? order by coupon_id limit 250";

/* The coupons of one range: those after one id, up to another. */
#define OF_RANGE                                                                                   \
    " from coupons c join selections s on s.company_id = c.company_id and s.user_id = c.user_id "  \
    "and s.placed_at = c.placed_at and s.coupon_id = c.coupon_id "                                 \
    "where c.company_id = ? and c.user_id = ? and c.position < ? and c.coupon_id > ? "             \
    "and c.coupon_id <= ?"

static const char sql_selected[] =
    "select s.event_id, count(*)" OF_RANGE " group by s.event_id order by s.event_id";

static const char sql_selections[] = "delete s" OF_RANGE;

static const char sql_coupons[] =
    "delete from coupons where company_id = ? and user_id = ? and position < ? "
    "and coupon_id > ? and coupon_id <= ?";

/* Rows that are deleted were counted at or before the erasure's place; position comes last. */
static const struct sql_rows sql_counts = {
    "insert into event_counts (company_id, event_id, partition_id, n, position) values ",
    "(?, ?, ?, ?, ?)",
    " on duplicate key update n = if(values(position) >= position, n + values(n), n), "
    "position = greatest(position, values(position))"};

static const char sql_rejected[] =
    "update rejected set record_id = '', user_id = '', detail = '" REJECTED_ERASED "', payload = '' "
    "where company_id = ? and user_id = ? and topic = ? and partition_id = ? and position < ?";

enum { COUPONS_CHUNK = 250 };

/* A statement whose first parameters are the user and the place. */
static int prepare(struct db *db, const char *sql, const struct erasure *erasure,
                   struct stmt **ret_stmt)
{
    int err = db_prepare(db, sql, ret_stmt);
    if (err != 0)
        return err;
    stmt_str(*ret_stmt, erasure->company);
    stmt_str(*ret_stmt, erasure->user_id);
    stmt_uint(*ret_stmt, erasure->position);
    return 0;
}

int users_erase(struct db *db, const struct erasure *erasure)
{
    struct stmt *stmt;
    int err = prepare(db, sql_user, erasure, &stmt);
    return err == 0 ? stmt_run(stmt) : err;
}

int rejected_erase(struct db *db, const struct erasure *erasure)
{
    struct stmt *stmt;
    int err = db_prepare(db, sql_rejected, &stmt);
    if (err != 0)
        return err;
    stmt_str(stmt, erasure->company);
    stmt_str(stmt, erasure->user_id);
    stmt_str(stmt, erasure->topic);
    stmt_int(stmt, erasure->partition);
    stmt_uint(stmt, erasure->position);
    return stmt_run(stmt);
}

struct range {
    const struct erasure *erasure;
    struct str after, last; /* ids */
};

static int prepare_range(struct db *db, const char *sql, const struct range *range,
                         struct stmt **ret_stmt)
{
    int err = prepare(db, sql, range->erasure, ret_stmt);
    if (err != 0)
        return err;
    stmt_str(*ret_stmt, range->after);
    stmt_str(*ret_stmt, range->last);
    return 0;
}

static int run_range(struct db *db, const char *sql, const struct range *range)
{
    struct stmt *stmt;
    int err = prepare_range(db, sql, range, &stmt);
    return err == 0 ? stmt_run(stmt) : err;
}

/* Finds the end of the range that begins after range->after. 1: there are no coupons there. */
static int next_range(struct db *db, struct range *range, struct arena *arena, size_t *ret_count)
{
    struct stmt *stmt;
    size_t count = 0;
    int err = prepare(db, sql_next_coupons, range->erasure, &stmt);
    if (err != 0)
        return err;
    stmt_str(stmt, range->after);
    err = stmt_run(stmt);
    while (err == 0 && (err = stmt_row(stmt)) == 0) {
        range->last = arena_copy(arena, stmt_get_str(stmt, 0));
        count++;
    }
    *ret_count = count;
    return err < 0 ? err : count == 0;
}

struct event_bets {
    struct str event_id;
    int64_t n;
};

static int write_bets(struct db *db, const struct erasure *erasure, const struct event_bets *bets,
                      size_t count)
{
    for (size_t done = 0; done < count;) {
        struct stmt *stmt;
        size_t step = db_rows_step(count - done);
        int err = db_prepare_rows(db, &sql_counts, step, &stmt);
        if (err != 0)
            return err;
        for (size_t i = done; i < done + step; i++) {
            stmt_str(stmt, erasure->company);
            stmt_str(stmt, bets[i].event_id);
            stmt_int(stmt, erasure->partition);
            stmt_int(stmt, -bets[i].n);
            stmt_uint(stmt, erasure->position);
        }
        err = stmt_run(stmt);
        if (err != 0)
            return err;
        done += step;
    }
    return 0;
}

/* Takes the range's selections out of the counts. */
static int uncount_range(struct db *db, const struct range *range, struct arena *arena)
{
    struct stmt *stmt;
    struct event_bets *bets =
        arena_array(arena, COUPONS_CHUNK * SELECTIONS_MAX, sizeof(struct event_bets));
    size_t count = 0;
    int err = prepare_range(db, sql_selected, range, &stmt);
    if (err == 0)
        err = stmt_run(stmt);
    while (err == 0 && count < COUPONS_CHUNK * SELECTIONS_MAX && (err = stmt_row(stmt)) == 0)
        bets[count++] = (struct event_bets){.event_id = arena_copy(arena, stmt_get_str(stmt, 0)),
                                            .n = stmt_get_int(stmt, 1)};
    return err < 0 ? err : write_bets(db, range->erasure, bets, count);
}

static int erase_ranges(struct db *db, const struct erasure *erasure, struct arena arenas[2])
{
    struct range range = {.erasure = erasure};
    size_t count = COUPONS_CHUNK;
    for (int turn = 0; count == COUPONS_CHUNK; turn = !turn) {
        struct arena *arena = &arenas[turn]; /* the other one holds range.after */
        arena_clear(arena);
        int err = next_range(db, &range, arena, &count);
        if (err == 0)
            err = uncount_range(db, &range, arena);
        if (err == 0)
            err = run_range(db, sql_selections, &range);
        if (err == 0)
            err = run_range(db, sql_coupons, &range);
        if (err != 0)
            return err < 0 ? err : 0;
        range.after = range.last;
    }
    return 0;
}

int coupons_erase(struct db *db, const struct erasure *erasure)
{
    struct arena arenas[2] = {0};
    int err = erase_ranges(db, erasure, arenas);
    arena_release(&arenas[0]);
    arena_release(&arenas[1]);
    return err;
}
