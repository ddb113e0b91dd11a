/*
 * Erasing a user; see write.h. Every statement looks at the rows' positions, so that an erasure
 * that is repeated takes nothing that came after it. Selections and coupons go in ranges of their
 * keys: no statement touches more than a thousand rows, however many coupons the user has.
 */
#include "store/write.h"

#include "base/mem.h"
#include "base/timefmt.h"
#include "store/read_arena.h"

#include <stdlib.h>

static const char sql_user[] =
    "delete from users where company_id = ? and user_id = ? and position < ?";

/*
 * Selections in the order of their primary key, from one place (not included) up to another
 * (included): time descending, then event, then coupon. Each looks up its coupon by the primary
 * key: many coupons of one moment cost no more than others.
 */
#define OF_COUPONS                                                                                 \
    " from selections s straight_join coupons c on c.company_id = s.company_id "                   \
    "and c.user_id = s.user_id and c.coupon_id = s.coupon_id "                                     \
    "where s.company_id = ? and s.user_id = ? and c.position < ? "                                 \
    "and s.placed_at <= ? and (s.placed_at < ? or s.event_id > ? or (s.event_id = ? and "          \
    "s.coupon_id > ?))"

static const char sql_next_selections[] =
    "select s.placed_at, s.event_id, s.coupon_id" OF_COUPONS
    " order by s.placed_at desc, s.event_id, s.coupon_id limit 1000";

static const char sql_selections[] =
    "delete s" OF_COUPONS " and s.placed_at >= ? and (s.placed_at > ? or s.event_id < ? or "
    "(s.event_id = ? and s.coupon_id <= ?))";

static const char sql_next_coupon[] =
    "select coupon_id from coupons where company_id = ? and user_id = ? and position < ? "
    "and coupon_id > ? order by coupon_id limit 999, 1";

static const char sql_coupons[] =
    "delete from coupons where company_id = ? and user_id = ? and position < ? "
    "and coupon_id > ? and coupon_id <= ?";

static const char sql_last_coupons[] =
    "delete from coupons where company_id = ? and user_id = ? and position < ? and coupon_id > ?";

/* Rows that are deleted were counted at or before the erasure's place; position comes last. */
static const struct sql_rows sql_counts = {
    "insert into event_counts (company_id, event_id, partition_id, n, position) values ",
    "(?, ?, ?, ?, ?)",
    " on duplicate key update n = if(values(position) >= position, n + values(n), n), "
    "position = greatest(position, values(position))"};

static const char sql_rejected[] =
    "update rejected set record_id = '', user_id = '', detail = '" REJECTED_ERASED
    "', payload = '' "
    "where company_id = ? and user_id = ? and topic = ? and partition_id = ? and position < ?";

enum { SELECTIONS_CHUNK = 1000 };

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

int users_erase(struct db *db, const struct erasure *erasure, uint64_t *ret_rows)
{
    struct stmt *stmt;
    int err = prepare(db, sql_user, erasure, &stmt);
    if (err == 0)
        err = stmt_run(stmt);
    if (err == 0)
        *ret_rows = stmt_affected(stmt);
    return err;
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

/* A place in the order of a user's selections. */
struct place {
    int64_t placed_at_ms;
    struct str event_id, coupon_id;
};

static void bind_place(struct stmt *stmt, const struct place *place)
{
    stmt_time(stmt, place->placed_at_ms);
    stmt_time(stmt, place->placed_at_ms);
    stmt_str(stmt, place->event_id);
    stmt_str(stmt, place->event_id);
    stmt_str(stmt, place->coupon_id);
}

struct event_bets {
    struct str event_id;
    int64_t n;
};

/* Reads the selections after a place. */
static int next_selections(struct db *db, const struct erasure *erasure, const struct place *after,
                           struct arena *arena, struct place *ret_places, size_t *ret_count)
{
    struct stmt *stmt;
    size_t count = 0;
    int err = prepare(db, sql_next_selections, erasure, &stmt);
    if (err != 0)
        return err;
    bind_place(stmt, after);
    err = stmt_run(stmt);
    while (err == 0 && count < SELECTIONS_CHUNK && (err = stmt_row(stmt)) == 0)
        ret_places[count++] = (struct place){.placed_at_ms = stmt_get_time(stmt, 0),
                                             .event_id = arena_copy(arena, stmt_get_str(stmt, 1)),
                                             .coupon_id = arena_copy(arena, stmt_get_str(stmt, 2))};
    *ret_count = count;
    return err < 0 ? err : 0;
}

static int by_event(const void *a, const void *b)
{
    const struct event_bets *x = a, *y = b;
    return str_compare(x->event_id, y->event_id);
}

/* How often each event stands among the selections, sorted by event. */
static size_t count_bets(const struct place *places, size_t count, struct event_bets *bets)
{
    size_t events = 0;
    for (size_t i = 0; i < count; i++)
        bets[i] = (struct event_bets){.event_id = places[i].event_id, .n = 1};
    qsort(bets, count, sizeof(*bets), by_event);
    for (size_t i = 0; i < count; i++) {
        if (events > 0 && str_equal(bets[events - 1].event_id, bets[i].event_id))
            bets[events - 1].n++;
        else
            bets[events++] = bets[i];
    }
    return events;
}

/* The bets that one erasure takes away. */
struct taken_bets {
    const struct erasure *erasure;
    const struct event_bets *bets;
};

static void bind_bets(struct stmt *stmt, const void *rows, size_t index)
{
    const struct taken_bets *taken = rows;
    stmt_str(stmt, taken->erasure->company);
    stmt_str(stmt, taken->bets[index].event_id);
    stmt_int(stmt, taken->erasure->partition);
    stmt_int(stmt, -taken->bets[index].n);
    stmt_uint(stmt, taken->erasure->position);
}

static int write_bets(struct db *db, const struct erasure *erasure, const struct event_bets *bets,
                      size_t count)
{
    const struct taken_bets taken = {erasure, bets};
    return db_write_rows(db, &sql_counts, &taken, count, bind_bets);
}

static int delete_selections(struct db *db, const struct erasure *erasure,
                             const struct place *after, const struct place *last)
{
    struct stmt *stmt;
    int err = prepare(db, sql_selections, erasure, &stmt);
    if (err != 0)
        return err;
    bind_place(stmt, after);
    bind_place(stmt, last);
    return stmt_run(stmt);
}

/* A chunk of memory for one round, by turns: the place where the round before ended is in the
 * other. */
struct round {
    struct arena arena;
    struct place places[SELECTIONS_CHUNK];
    struct event_bets bets[SELECTIONS_CHUNK];
};

static int erase_selections(struct db *db, const struct erasure *erasure, struct round rounds[2])
{
    struct place after = {.placed_at_ms = TIME_MAX_MS};
    size_t count = SELECTIONS_CHUNK;
    for (int turn = 0; count == SELECTIONS_CHUNK; turn = !turn) {
        struct round *round = &rounds[turn];
        arena_clear(&round->arena);
        int err = next_selections(db, erasure, &after, &round->arena, round->places, &count);
        if (err != 0 || count == 0)
            return err;
        err = write_bets(db, erasure, round->bets, count_bets(round->places, count, round->bets));
        if (err == 0)
            err = delete_selections(db, erasure, &after, &round->places[count - 1]);
        if (err != 0)
            return err;
        after = round->places[count - 1];
    }
    return 0;
}

/* The end of the next thousand coupons. 1: there are fewer. */
static int next_coupon(struct db *db, const struct erasure *erasure, struct str after,
                       struct arena *arena, struct str *ret_last)
{
    struct stmt *stmt;
    int err = prepare(db, sql_next_coupon, erasure, &stmt);
    if (err != 0)
        return err;
    stmt_str(stmt, after);
    err = stmt_run(stmt);
    if (err == 0)
        err = stmt_row(stmt);
    if (err == 0)
        *ret_last = arena_copy(arena, stmt_get_str(stmt, 0));
    return err;
}

static int erase_coupon_rows(struct db *db, const struct erasure *erasure, struct round rounds[2],
                             uint64_t *coupons)
{
    struct str after = {0};
    for (int turn = 0;; turn = !turn) {
        struct stmt *stmt;
        struct str last;
        arena_clear(&rounds[turn].arena);
        int more = next_coupon(db, erasure, after, &rounds[turn].arena, &last);
        if (more < 0)
            return more;
        int err = prepare(db, more == 0 ? sql_coupons : sql_last_coupons, erasure, &stmt);
        if (err != 0)
            return err;
        stmt_str(stmt, after);
        if (more == 0)
            stmt_str(stmt, last);
        err = stmt_run(stmt);
        if (err == 0)
            *coupons += stmt_affected(stmt);
        if (err != 0 || more > 0)
            return err;
        after = last;
    }
}

int coupons_erase(struct db *db, const struct erasure *erasure, uint64_t *ret_coupons)
{
    uint64_t coupons = 0;
    AUTO_FREE struct round *rounds = xcalloc(2, sizeof(*rounds));
    int err = erase_selections(db, erasure, rounds);
    if (err == 0)
        err = erase_coupon_rows(db, erasure, rounds, &coupons);
    if (err == 0)
        *ret_coupons = coupons;
    arena_release(&rounds[0].arena);
    arena_release(&rounds[1].arena);
    return err;
}
