/* Users' coupons and selections in chunks; see snapshot.h. */
#include "store/snapshot.h"

#include "base/err.h"
#include "base/mem.h"

#include <stdlib.h>

/*
 * A full statement may have cut its last user: that one is read again with the next, unless it is
 * the only one, whose rest then comes by itself. So nearly all rows come by the first statement of
 * each pair.
 */
static const char sql_coupons[] =
    "select user_id, coupon_id, placed_at, content_hash from coupons force index "
    "(primary) where company_id = ? and user_id > ? order by user_id, coupon_id limit 8000";
static const char sql_coupons_rest[] =
    "select user_id, coupon_id, placed_at, content_hash from coupons force index "
    "(primary) where company_id = ? and user_id = ? and coupon_id > ? order by coupon_id "
    "limit 8000";

static const char sql_selections[] =
    "select user_id, event_id, coupon_id from selections force index (primary) "
    "where company_id = ? and user_id > ? and user_id <= ? "
    "order by user_id, placed_at desc, event_id, coupon_id limit 8000";
static const char sql_selections_one[] =
    "select user_id, event_id, coupon_id, placed_at from selections force index (primary) "
    "where company_id = ? and user_id = ? order by placed_at desc, event_id, coupon_id limit 8000";
static const char sql_selections_rest[] =
    "select user_id, event_id, coupon_id, placed_at from selections force index (primary) "
    "where company_id = ? and user_id = ? and (placed_at < ? or (placed_at = ? and "
    "(event_id > ? or (event_id = ? and coupon_id > ?)))) "
    "order by placed_at desc, event_id, coupon_id limit 8000";

/* Those of the range that have a record. Without an end: all that are left. */
static const char sql_users[] =
    "select user_id, version, position from users force index (primary) where company_id = ? and "
    "user_id > ? and user_id <= ? order by user_id limit 8000";
static const char sql_users_left[] =
    "select user_id, version, position from users force index (primary) where company_id = ? and "
    "user_id > ? order by user_id limit 8000";

/* One selection on its way to its coupon. */
struct snapshot_pick {
    size_t coupon; /* index among the chunk's coupons */
    struct str event_id;
};

/* Makes room for one more in a growing array. */
static void *grow(void *items, size_t count, size_t *capacity, size_t size_bytes)
{
    if (count < *capacity)
        return items;
    *capacity = *capacity == 0 ? 1024 : *capacity * 2;
    return xreallocarray(items, *capacity, size_bytes);
}

static struct snapshot_user *add_user(struct snapshot_users *users, struct str user_id)
{
    users->users = grow(users->users, users->count, &users->user_capacity, sizeof(*users->users));
    struct snapshot_user *user = &users->users[users->count++];
    *user = (struct snapshot_user){.user_id = arena_copy(&users->arena, user_id)};
    return user;
}

static void add_coupon(struct snapshot_users *users, const struct stmt *stmt)
{
    struct str user_id = stmt_get_str(stmt, 0);
    struct snapshot_user *user = users->count > 0 ? &users->users[users->count - 1] : NULL;
    if (user == NULL || !str_equal(user->user_id, user_id))
        user = add_user(users, user_id);
    users->coupons =
        grow(users->coupons, users->coupon_count, &users->coupon_capacity, sizeof(*users->coupons));
    users->coupons[users->coupon_count++] = (struct snapshot_coupon){
        .coupon_id = arena_copy(&users->arena, stmt_get_str(stmt, 1)),
        .placed_at_ms = stmt_get_time(stmt, 2),
        .content_hash = (const uint8_t *)arena_copy(&users->arena, stmt_get_str(stmt, 3)).data,
    };
    user->coupon_count++;
}

/* Adds the rows of a statement that has been run. */
static int take_coupons(struct snapshot_users *users, struct stmt *stmt, size_t *ret_rows)
{
    size_t rows = 0;
    int err;
    for (; (err = stmt_row(stmt)) == 0; rows++)
        add_coupon(users, stmt);
    *ret_rows = rows;
    return err < 0 ? err : 0;
}

/* The rest of a user whose coupons fill a chunk. */
static int complete_coupons(struct db *db, struct snapshot_users *users)
{
    size_t rows = SNAPSHOT_ROWS_MAX;
    while (rows == SNAPSHOT_ROWS_MAX) {
        struct stmt *stmt;
        int err = db_prepare(db, sql_coupons_rest, &stmt);
        if (err != 0)
            return err;
        stmt_str(stmt, users->company);
        stmt_str(stmt, users->users[users->count - 1].user_id);
        stmt_str(stmt, users->coupons[users->coupon_count - 1].coupon_id);
        err = stmt_stream(stmt);
        if (err == 0)
            err = take_coupons(users, stmt, &rows);
        if (err != 0)
            return err;
    }
    return 0;
}

static int read_coupons(struct db *db, struct snapshot_users *users)
{
    struct stmt *stmt;
    size_t rows;
    int err = db_prepare(db, sql_coupons, &stmt);
    if (err != 0)
        return err;
    stmt_str(stmt, users->company);
    stmt_str(stmt, users->after);
    err = stmt_stream(stmt);
    if (err == 0)
        err = take_coupons(users, stmt, &rows);
    if (err != 0)
        return err;
    users->is_end = rows < SNAPSHOT_ROWS_MAX;
    if (users->is_end)
        return 0;
    if (users->count == 1)
        return complete_coupons(db, users);
    users->coupon_count -= users->users[--users->count].coupon_count;
    return 0;
}

/* The array has stopped moving: each user gets its piece. */
static void deal_coupons(struct snapshot_users *users)
{
    struct snapshot_coupon *next = users->coupons;
    for (size_t i = 0; i < users->count; i++) {
        users->users[i].coupons = next;
        next += users->users[i].coupon_count;
    }
}

/* A user's record, in order: fills in the user, who may be new among those with coupons. */
static void note_record(struct snapshot_user *merged, size_t *count, const struct stmt *stmt,
                        struct snapshot_users *users, size_t *at)
{
    struct str user_id = stmt_get_str(stmt, 0);
    int order = 1;
    while (*at < users->count && (order = str_compare(users->users[*at].user_id, user_id)) < 0)
        merged[(*count)++] = users->users[(*at)++];
    if (*at < users->count && order == 0)
        merged[*count] = users->users[(*at)++];
    else
        merged[*count] = (struct snapshot_user){.user_id = arena_copy(&users->arena, user_id)};
    merged[*count].known = true;
    merged[*count].precedence = (struct precedence){
        stmt_is_null(stmt, 1) ? VERSION_NONE : stmt_get_int(stmt, 1), stmt_get_uint(stmt, 2)};
    ++*count;
}

/* Users without coupons may be many: a full statement ends the chunk where it ends. */
static int read_records(struct db *db, struct snapshot_users *users)
{
    struct stmt *stmt;
    int err = db_prepare(db, users->is_end ? sql_users_left : sql_users, &stmt);
    if (err != 0)
        return err;
    stmt_str(stmt, users->company);
    stmt_str(stmt, users->after);
    if (!users->is_end)
        stmt_str(stmt, users->users[users->count - 1].user_id);
    err = stmt_stream(stmt);
    if (err != 0)
        return err;
    size_t capacity = users->count + SNAPSHOT_ROWS_MAX, count = 0, rows = 0, at = 0;
    struct snapshot_user *merged = xcalloc(capacity, sizeof(*merged));
    for (; (err = stmt_row(stmt)) == 0; rows++)
        note_record(merged, &count, stmt, users, &at);
    if (rows == SNAPSHOT_ROWS_MAX)
        users->is_end = false;
    else
        while (at < users->count)
            merged[count++] = users->users[at++];
    free(users->users);
    users->users = merged;
    users->user_capacity = capacity;
    users->count = count;
    return err < 0 ? err : 0;
}

int snapshot_users_begin(struct db *db, struct str company, struct str after,
                         struct snapshot_users *users)
{
    arena_clear(&users->arena);
    users->company = company;
    users->after = arena_copy(&users->arena, after);
    users->count = users->coupon_count = users->pick_count = 0;
    int err = db_begin_snapshot(db);
    if (err == 0)
        err = read_coupons(db, users);
    if (err != 0)
        return err;
    deal_coupons(users);
    err = read_records(db, users);
    users->last = users->count > 0 ? users->users[users->count - 1].user_id : users->after;
    return err;
}

static struct snapshot_coupon *find_coupon(const struct snapshot_user *user, struct str coupon_id)
{
    size_t low = 0, high = user->coupon_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = str_compare(user->coupons[middle].coupon_id, coupon_id);
        if (order == 0)
            return &user->coupons[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static void add_selection(struct snapshot_users *users, struct snapshot_user *user,
                          const struct stmt *stmt)
{
    struct snapshot_coupon *coupon = find_coupon(user, stmt_get_str(stmt, 2));
    if (coupon == NULL)
        return; /* in a database of several shards statements may differ in age: it comes again */
    users->picks =
        grow(users->picks, users->pick_count, &users->pick_capacity, sizeof(*users->picks));
    users->picks[users->pick_count++] = (struct snapshot_pick){
        .coupon = (size_t)(coupon - users->coupons),
        .event_id = arena_copy(&users->arena, stmt_get_str(stmt, 1)),
    };
    coupon->event_count++;
}

/* Where a scan of selections stands: the user of the last row, and the first pick of that one. */
struct place {
    size_t user;
    size_t first_pick;
};

/* Adds the rows of a statement that has been run. Rows of users that the chunk does not have are
 * passed over: they have come meanwhile. */
static int take_selections(struct snapshot_users *users, struct stmt *stmt, struct place *place,
                           size_t *ret_rows)
{
    size_t rows = 0;
    int err;
    for (; (err = stmt_row(stmt)) == 0; rows++) {
        struct str user_id = stmt_get_str(stmt, 0);
        int order = 1;
        while (place->user < users->count &&
               (order = str_compare(users->users[place->user].user_id, user_id)) < 0) {
            place->user++;
            place->first_pick = users->pick_count;
        }
        if (order == 0)
            add_selection(users, &users->users[place->user], stmt);
    }
    *ret_rows = rows;
    return err < 0 ? err : 0;
}

/* Takes the picks from one on back: they will be read again. */
static void drop_picks(struct snapshot_users *users, size_t from)
{
    while (users->pick_count > from)
        users->coupons[users->picks[--users->pick_count].coupon].event_count--;
}

/* A user whose selections fill a statement, in as many as it takes. */
static int read_one(struct db *db, struct snapshot_users *users, struct place *place)
{
    struct str user_id = users->users[place->user].user_id;
    struct str event_id = {0}, coupon_id = {0};
    int64_t placed_at_ms = 0;
    size_t rows = SNAPSHOT_ROWS_MAX;
    for (bool is_first = true; rows == SNAPSHOT_ROWS_MAX; is_first = false) {
        struct stmt *stmt;
        int err = db_prepare(db, is_first ? sql_selections_one : sql_selections_rest, &stmt);
        if (err != 0)
            return err;
        stmt_str(stmt, users->company);
        stmt_str(stmt, user_id);
        if (!is_first) {
            stmt_time(stmt, placed_at_ms);
            stmt_time(stmt, placed_at_ms);
            stmt_str(stmt, event_id);
            stmt_str(stmt, event_id);
            stmt_str(stmt, coupon_id);
        }
        err = stmt_stream(stmt);
        for (rows = 0; err == 0 && (err = stmt_row(stmt)) == 0; rows++) {
            add_selection(users, &users->users[place->user], stmt);
            if (rows + 1 < SNAPSHOT_ROWS_MAX)
                continue;
            event_id = arena_copy(&users->arena, stmt_get_str(stmt, 1));
            coupon_id = arena_copy(&users->arena, stmt_get_str(stmt, 2));
            placed_at_ms = stmt_get_time(stmt, 3);
        }
        if (err < 0)
            return err;
    }
    return 0;
}

/*
 * One statement for the users after *after, up to the chunk's last. A full one: *after is where the
 * next goes on. >0: that was all.
 */
static int read_some(struct db *db, struct snapshot_users *users, struct place *place,
                     struct str *after)
{
    struct stmt *stmt;
    size_t rows, first = place->user;
    int err = db_prepare(db, sql_selections, &stmt);
    if (err != 0)
        return err;
    stmt_str(stmt, users->company);
    stmt_str(stmt, *after);
    stmt_str(stmt, users->last);
    err = stmt_stream(stmt);
    if (err == 0)
        err = take_selections(users, stmt, place, &rows);
    if (err != 0)
        return err;
    if (rows < SNAPSHOT_ROWS_MAX || place->user == users->count)
        return 1;
    drop_picks(users, place->first_pick);
    if (place->user > first) { /* the one before it is complete */
        *after = users->users[place->user - 1].user_id;
        return 0;
    }
    err = read_one(db, users, place);
    *after = users->users[place->user].user_id;
    return err;
}

/* A coupon's selections came in the order of their events, mixed with other coupons'. */
static void deal_selections(struct snapshot_users *users)
{
    struct str *next = arena_array(&users->arena, users->pick_count, sizeof(*next));
    for (size_t i = 0; i < users->coupon_count; i++) {
        users->coupons[i].event_ids = next;
        next += users->coupons[i].event_count;
        users->coupons[i].event_count = 0;
    }
    for (size_t i = 0; i < users->pick_count; i++) {
        struct snapshot_coupon *coupon = &users->coupons[users->picks[i].coupon];
        coupon->event_ids[coupon->event_count++] = users->picks[i].event_id;
    }
}

int snapshot_users_finish(struct db *db, struct snapshot_users *users)
{
    struct place place = {0};
    struct str after = users->after;
    int err = users->coupon_count > 0 ? 0 : 1;
    while (err == 0)
        err = read_some(db, users, &place, &after);
    deal_selections(users);
    return err > 0 ? db_commit(db) : err;
}

void snapshot_users_release(struct snapshot_users *users)
{
    arena_release(&users->arena);
    free(users->users);
    free(users->coupons);
    free(users->picks);
    *users = (struct snapshot_users){0};
}
