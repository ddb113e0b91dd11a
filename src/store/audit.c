/* Walks over whole tables; see audit.h. */
#include "store/audit.h"

#include "base/err.h"
#include "base/mem.h"
#include "domain/change.h"
#include "domain/codec.h"
#include "store/read_arena.h"
#include "store/write.h"

/* A chunk of coupons has at most 100 times as many rows. */
enum { COUPONS_CHUNK = 200, EVENTS_CHUNK = 200, REJECTED_CHUNK = 100, ROWS_CHUNK = 2000 };

static const char sql_coupons[] =
    "select c.user_id, c.coupon_id, c.stake, c.placed_at, c.content_hash, s.event_id, s.odds from "
    "(select company_id, user_id, coupon_id, stake, placed_at, content_hash from coupons where "
    "company_id = ? "
    "and user_id >= ? and (user_id > ? or coupon_id > ?) order by user_id, coupon_id limit 200) c "
    "left join selections s on s.company_id = c.company_id and s.user_id = c.user_id "
    "and s.placed_at = c.placed_at and s.coupon_id = c.coupon_id order by c.user_id, c.coupon_id, "
    "s.event_id";

static const char sql_users[] =
    "select user_id, birth_year, country, currency, gender, registration_date, version from users "
    "where company_id = ? and user_id > ? order by user_id limit 2000";

static const char sql_events[] =
    "select e.event_id, e.withdrawn, e.sport, e.league, e.country, e.participants, e.begin_at, "
    "e.end_at, "
    "e.version, p.sport, p.participant, p.begin_at, p.league, p.country from "
    "(select company_id, event_id, withdrawn, sport, league, country, participants, begin_at, "
    "end_at, version "
    "from events where company_id = ? and event_id > ? order by event_id limit 200) e "
    "left join event_participants p on p.company_id = e.company_id and p.event_id = e.event_id "
    "order by e.event_id, p.participant";

static const char sql_rejected[] =
    "select kind, user_id, record_id, reason, payload, topic, partition_id, position, "
    "detail = '" REJECTED_ERASED "' from rejected "
    "where company_id = ? and topic >= ? and (topic > ? or partition_id > ? or "
    "(partition_id = ? and position > ?)) order by topic, partition_id, position limit 100";

static const char sql_selections[] =
    "select user_id, placed_at, event_id, coupon_id from selections where company_id = ? and "
    "user_id >= ? and "
    "(user_id > ? or placed_at < ? or (placed_at = ? and (event_id > ? or (event_id = ? and "
    "coupon_id > ?)))) "
    "order by user_id, placed_at desc, event_id, coupon_id limit 2000";

static const char sql_counts[] =
    "select event_id, partition_id, n from event_counts where company_id = ? and event_id >= ? and "
    "(event_id > ? or partition_id > ?) order by event_id, partition_id limit 2000";

static const char sql_orphan_selections[] =
    "select s.user_id, s.coupon_id from selections s left join coupons c on c.company_id = "
    "s.company_id "
    "and c.user_id = s.user_id and c.coupon_id = s.coupon_id and c.placed_at = s.placed_at "
    "where s.company_id = ? and c.coupon_id is null limit 100";

static const char sql_orphan_participants[] =
    "select p.event_id from event_participants p left join events e on e.company_id = p.company_id "
    "and e.event_id = p.event_id where p.company_id = ? and e.event_id is null limit 100";

static const char sql_company_known[] = "select 1 from companies where company_id = ?";

/* The next company after one, a step along the primary key. */
#define TABLES(X)                                                                                  \
    X(users)                                                                                       \
    X(events)                                                                                      \
    X(event_participants)                                                                          \
    X(coupons)                                                                                     \
    X(selections)                                                                                  \
    X(event_counts)                                                                                \
    X(record_counts)                                                                               \
    X(rejected)

static const struct {
    const char *table, *sql_next, *sql_nameless;
} company_tables[] = {
#define X(name)                                                                                    \
    {#name, "select company_id from " #name " where company_id > ? order by company_id limit 1",   \
     "select company_id from " #name " where company_id = '' limit 1"},
    TABLES(X)
#undef X
};

/* The last id of a chunk, kept while the next is read. */
struct bookmark {
    char bytes[256];
    size_t len;
};

static struct str bookmark_str(const struct bookmark *bookmark)
{
    return str_from(bookmark->bytes, bookmark->len);
}

static void bookmark_set(struct bookmark *bookmark, struct str id)
{
    bookmark->len = id.len < sizeof(bookmark->bytes) ? id.len : sizeof(bookmark->bytes);
    if (bookmark->len > 0)
        memcpy(bookmark->bytes, id.data, bookmark->len);
}

/* A coupon that is being put together from the rows of the join. */
struct coupon_walk {
    audit_coupon_fn each;
    void *arg;
    struct arena arena;
    struct audit_coupon row;
    uint8_t hash[32];
    bool open;
    size_t seen; /* coupons of the chunk */
    struct bookmark user, coupon;
};

static int coupon_close(struct coupon_walk *walk)
{
    if (!walk->open)
        return 0;
    walk->open = false;
    int err = walk->each(walk->arg, &walk->row);
    arena_clear(&walk->arena);
    return err;
}

static void coupon_open(struct coupon_walk *walk, const struct stmt *stmt)
{
    struct coupon *coupon = &walk->row.coupon;
    struct str hash = stmt_get_str(stmt, 4);
    bookmark_set(&walk->user, stmt_get_str(stmt, 0));
    bookmark_set(&walk->coupon, stmt_get_str(stmt, 1));
    coupon->user_id = arena_copy(&walk->arena, stmt_get_str(stmt, 0));
    coupon->coupon_id = arena_copy(&walk->arena, stmt_get_str(stmt, 1));
    coupon->stake_e4 = stmt_get_decimal(stmt, 2);
    coupon->placed_at_ms = stmt_get_time(stmt, 3);
    coupon->selection_count = 0;
    walk->row.selection_rows = 0;
    memset(walk->hash, 0, sizeof(walk->hash));
    memcpy(walk->hash, hash.data, hash.len < sizeof(walk->hash) ? hash.len : sizeof(walk->hash));
    walk->row.content_hash = walk->hash;
    walk->open = true;
    walk->seen++;
}

static int coupon_row(struct coupon_walk *walk, const struct stmt *stmt)
{
    struct coupon *coupon = &walk->row.coupon;
    if (!walk->open || !str_equal(coupon->user_id, stmt_get_str(stmt, 0)) ||
        !str_equal(coupon->coupon_id, stmt_get_str(stmt, 1))) {
        int err = coupon_close(walk);
        if (err != 0)
            return err;
        coupon_open(walk, stmt);
    }
    if (stmt_is_null(stmt, 5))
        return 0;
    walk->row.selection_rows++;
    if (coupon->selection_count < SELECTIONS_MAX)
        coupon->selections[coupon->selection_count++] = (struct selection){
            .event_id = arena_copy(&walk->arena, stmt_get_str(stmt, 5)),
            .odds_e4 = stmt_is_null(stmt, 6) ? DECIMAL_NONE : stmt_get_decimal(stmt, 6)};
    return 0;
}

static int coupon_chunk(struct db *db, struct str company, struct coupon_walk *walk)
{
    struct stmt *stmt;
    int err = db_prepare(db, sql_coupons, &stmt);
    if (err != 0)
        return err;
    walk->seen = 0;
    stmt_str(stmt, company);
    stmt_str(stmt, bookmark_str(&walk->user));
    stmt_str(stmt, bookmark_str(&walk->user));
    stmt_str(stmt, bookmark_str(&walk->coupon));
    err = stmt_run(stmt);
    while (err == 0 && (err = stmt_row(stmt)) == 0)
        err = coupon_row(walk, stmt);
    return err > 0 ? coupon_close(walk) : err;
}

int audit_coupons(struct db *db, struct str company, audit_coupon_fn each, void *arg)
{
    AUTO_FREE struct coupon_walk *walk = xcalloc(1, sizeof(*walk));
    walk->each = each;
    walk->arg = arg;
    int err;
    do
        err = coupon_chunk(db, company, walk);
    while (err == 0 && walk->seen == COUPONS_CHUNK);
    arena_release(&walk->arena);
    return err;
}

static void read_user(const struct stmt *stmt, struct user *ret_user)
{
    *ret_user = (struct user){
        .user_id = stmt_get_str(stmt, 0),
        .birth_year = (int)stmt_get_int(stmt, 1),
        .country = stmt_get_str(stmt, 2),
        .currency = stmt_get_str(stmt, 3),
        .gender = stmt_get_str(stmt, 4),
        .registration_date_ms = stmt_get_time(stmt, 5),
        .version = stmt_is_null(stmt, 6) ? VERSION_NONE : stmt_get_int(stmt, 6),
    };
}

int audit_users(struct db *db, struct str company, audit_user_fn each, void *arg)
{
    struct bookmark last = {0};
    for (;;) {
        struct stmt *stmt;
        size_t rows = 0;
        int err = db_prepare(db, sql_users, &stmt);
        if (err != 0)
            return err;
        stmt_str(stmt, company);
        stmt_str(stmt, bookmark_str(&last));
        err = stmt_run(stmt);
        while (err == 0 && (err = stmt_row(stmt)) == 0) {
            struct user user;
            read_user(stmt, &user);
            bookmark_set(&last, user.user_id);
            rows++;
            err = each(arg, &user);
            if (err != 0)
                return err;
        }
        if (err < 0 || rows < ROWS_CHUNK)
            return err < 0 ? err : 0;
    }
}

struct event_walk {
    audit_event_fn each;
    void *arg;
    struct arena arena;
    struct audit_event row;
    void *participants; /* owns the event's */
    size_t listed, right;
    bool open;
    size_t seen;
    struct bookmark last;
};

static int event_close(struct event_walk *walk)
{
    if (!walk->open)
        return 0;
    struct audit_event *row = &walk->row;
    size_t wanted = row->known && !row->withdrawn ? row->event.participant_count : 0;
    walk->open = false;
    row->participants_right = walk->listed == wanted && walk->right == wanted;
    int err = walk->each(walk->arg, row);
    json_release(walk->participants);
    walk->participants = NULL;
    arena_clear(&walk->arena);
    return err;
}

static void event_open(struct event_walk *walk, const struct stmt *stmt)
{
    struct event *event = &walk->row.event;
    bookmark_set(&walk->last, stmt_get_str(stmt, 0));
    event->event_id = arena_copy(&walk->arena, stmt_get_str(stmt, 0));
    walk->row.withdrawn = stmt_get_int(stmt, 1) != 0;
    walk->row.known = !stmt_is_null(stmt, 2);
    event->sport = arena_copy(&walk->arena, stmt_get_str(stmt, 2));
    event->league = arena_copy(&walk->arena, stmt_get_str(stmt, 3));
    event->country = arena_copy(&walk->arena, stmt_get_str(stmt, 4));
    event->participant_count = 0;
    walk->row.readable = !walk->row.known ||
                         participants_parse(stmt_get_str(stmt, 5), event, &walk->participants) == 0;
    event->begin_ms = stmt_get_time(stmt, 6);
    event->end_ms = stmt_get_time(stmt, 7);
    event->version = stmt_is_null(stmt, 8) ? VERSION_NONE : stmt_get_int(stmt, 8);
    walk->listed = walk->right = 0;
    walk->open = true;
    walk->seen++;
}

static bool is_participant(const struct event *event, const struct stmt *stmt)
{
    bool same = str_equal(event->sport, stmt_get_str(stmt, 9)) &&
                event->begin_ms == stmt_get_time(stmt, 11) &&
                str_equal(event->league, stmt_get_str(stmt, 12)) &&
                str_equal(event->country, stmt_get_str(stmt, 13));
    for (size_t i = 0; same && i < event->participant_count; i++)
        if (str_equal(event->participants[i], stmt_get_str(stmt, 10)))
            return true;
    return false;
}

static int event_row(struct event_walk *walk, const struct stmt *stmt)
{
    if (!walk->open || !str_equal(walk->row.event.event_id, stmt_get_str(stmt, 0))) {
        int err = event_close(walk);
        if (err != 0)
            return err;
        event_open(walk, stmt);
    }
    if (stmt_is_null(stmt, 9))
        return 0;
    walk->listed++;
    walk->right += is_participant(&walk->row.event, stmt);
    return 0;
}

static int event_chunk(struct db *db, struct str company, struct event_walk *walk)
{
    struct stmt *stmt;
    int err = db_prepare(db, sql_events, &stmt);
    if (err != 0)
        return err;
    walk->seen = 0;
    stmt_str(stmt, company);
    stmt_str(stmt, bookmark_str(&walk->last));
    err = stmt_run(stmt);
    while (err == 0 && (err = stmt_row(stmt)) == 0)
        err = event_row(walk, stmt);
    return err > 0 ? event_close(walk) : err;
}

int audit_events(struct db *db, struct str company, audit_event_fn each, void *arg)
{
    AUTO_FREE struct event_walk *walk = xcalloc(1, sizeof(*walk));
    walk->each = each;
    walk->arg = arg;
    int err;
    do
        err = event_chunk(db, company, walk);
    while (err == 0 && walk->seen == EVENTS_CHUNK);
    json_release(walk->participants);
    arena_release(&walk->arena);
    return err;
}

int audit_rejected(struct db *db, struct str company, audit_rejected_fn each, void *arg)
{
    struct bookmark topic = {0};
    struct audit_rejected row = {.partition = -1};
    for (;;) {
        struct stmt *stmt;
        size_t rows = 0;
        int err = db_prepare(db, sql_rejected, &stmt);
        if (err != 0)
            return err;
        stmt_str(stmt, company);
        stmt_str(stmt, bookmark_str(&topic));
        stmt_str(stmt, bookmark_str(&topic));
        stmt_int(stmt, row.partition);
        stmt_int(stmt, row.partition);
        stmt_uint(stmt, row.position);
        err = stmt_run(stmt);
        while (err == 0 && (err = stmt_row(stmt)) == 0) {
            row = (struct audit_rejected){.kind = stmt_get_str(stmt, 0),
                                          .user_id = stmt_get_str(stmt, 1),
                                          .record_id = stmt_get_str(stmt, 2),
                                          .reason = stmt_get_str(stmt, 3),
                                          .payload = stmt_get_str(stmt, 4),
                                          .topic = stmt_get_str(stmt, 5),
                                          .partition = stmt_get_int(stmt, 6),
                                          .position = stmt_get_uint(stmt, 7),
                                          .erased = stmt_get_int(stmt, 8) != 0};
            bookmark_set(&topic, row.topic);
            rows++;
            err = each(arg, &row);
            if (err != 0)
                return err;
        }
        if (err < 0 || rows < REJECTED_CHUNK)
            return err < 0 ? err : 0;
    }
}

/* The last selection of a chunk. */
struct selection_mark {
    struct bookmark user, event, coupon;
    int64_t placed_at_ms;
};

static int run_selections(struct db *db, struct str company, const struct selection_mark *mark,
                          struct stmt **ret_stmt)
{
    struct stmt *stmt;
    int err = db_prepare(db, sql_selections, &stmt);
    if (err != 0)
        return err;
    stmt_str(stmt, company);
    stmt_str(stmt, bookmark_str(&mark->user));
    stmt_str(stmt, bookmark_str(&mark->user));
    stmt_time(stmt, mark->placed_at_ms);
    stmt_time(stmt, mark->placed_at_ms);
    stmt_str(stmt, bookmark_str(&mark->event));
    stmt_str(stmt, bookmark_str(&mark->event));
    stmt_str(stmt, bookmark_str(&mark->coupon));
    *ret_stmt = stmt;
    return stmt_run(stmt);
}

int audit_selections(struct db *db, struct str company, audit_count_fn each, void *arg)
{
    struct selection_mark mark = {0};
    for (;;) {
        struct stmt *stmt = NULL;
        size_t rows = 0;
        int err = run_selections(db, company, &mark, &stmt);
        while (err == 0 && (err = stmt_row(stmt)) == 0) {
            bookmark_set(&mark.user, stmt_get_str(stmt, 0));
            mark.placed_at_ms = stmt_get_time(stmt, 1);
            bookmark_set(&mark.event, stmt_get_str(stmt, 2));
            bookmark_set(&mark.coupon, stmt_get_str(stmt, 3));
            rows++;
            err = each(arg, stmt_get_str(stmt, 2), 1);
            if (err != 0)
                return err;
        }
        if (err < 0 || rows < ROWS_CHUNK)
            return err < 0 ? err : 0;
    }
}

int audit_counts(struct db *db, struct str company, audit_count_fn each, void *arg)
{
    struct bookmark event = {0};
    int64_t partition = -1;
    for (;;) {
        struct stmt *stmt;
        size_t rows = 0;
        int err = db_prepare(db, sql_counts, &stmt);
        if (err != 0)
            return err;
        stmt_str(stmt, company);
        stmt_str(stmt, bookmark_str(&event));
        stmt_str(stmt, bookmark_str(&event));
        stmt_int(stmt, partition);
        err = stmt_run(stmt);
        while (err == 0 && (err = stmt_row(stmt)) == 0) {
            bookmark_set(&event, stmt_get_str(stmt, 0));
            partition = stmt_get_int(stmt, 1);
            rows++;
            err = each(arg, stmt_get_str(stmt, 0), stmt_get_int(stmt, 2));
            if (err != 0)
                return err;
        }
        if (err < 0 || rows < ROWS_CHUNK)
            return err < 0 ? err : 0;
    }
}

static int orphans_of(struct db *db, struct str company, const char *sql, const char *table,
                      bool has_user, audit_orphan_fn each, void *arg)
{
    struct stmt *stmt;
    int err = db_prepare(db, sql, &stmt);
    if (err != 0)
        return err;
    stmt_str(stmt, company);
    err = stmt_run(stmt);
    while (err == 0 && (err = stmt_row(stmt)) == 0) {
        struct str user_id = has_user ? stmt_get_str(stmt, 0) : (struct str){0};
        err = each(arg, table, user_id, stmt_get_str(stmt, has_user));
        if (err != 0)
            return err;
    }
    return err < 0 ? err : 0;
}

int audit_orphans(struct db *db, struct str company, audit_orphan_fn each, void *arg)
{
    int err = orphans_of(db, company, sql_orphan_selections, "selections", true, each, arg);
    if (err != 0)
        return err;
    return orphans_of(db, company, sql_orphan_participants, "event_participants", false, each, arg);
}

static int company_is_known(struct db *db, struct str company, bool *ret_known)
{
    struct stmt *stmt;
    int err = db_prepare(db, sql_company_known, &stmt);
    if (err != 0)
        return err;
    stmt_str(stmt, company);
    err = stmt_run(stmt);
    if (err == 0)
        err = stmt_row(stmt);
    if (err < 0)
        return err;
    *ret_known = err == 0;
    return 0;
}

static int companies_of(struct db *db, size_t table, audit_company_fn each, void *arg)
{
    struct bookmark company = {0};
    const char *name = company_tables[table].table;
    for (;;) {
        struct stmt *stmt;
        bool known = false;
        int err = db_prepare(db, company_tables[table].sql_next, &stmt);
        if (err != 0)
            return err;
        stmt_str(stmt, bookmark_str(&company));
        err = stmt_run(stmt);
        if (err == 0)
            err = stmt_row(stmt);
        if (err != 0)
            return err < 0 ? err : 0;
        bookmark_set(&company, stmt_get_str(stmt, 0));
        err = company_is_known(db, bookmark_str(&company), &known);
        if (err == 0 && !known)
            err = each(arg, name, bookmark_str(&company));
        if (err != 0)
            return err;
    }
}

/* Rows of nobody: what could not be read may be so, but only in rejected. */
static int nameless_of(struct db *db, size_t table, audit_company_fn each, void *arg)
{
    struct stmt *stmt;
    if (strcmp(company_tables[table].table, "rejected") == 0)
        return 0;
    int err = db_prepare(db, company_tables[table].sql_nameless, &stmt);
    if (err == 0)
        err = stmt_run(stmt);
    if (err == 0)
        err = stmt_row(stmt);
    if (err != 0)
        return err < 0 ? err : 0;
    return each(arg, company_tables[table].table, (struct str){0});
}

int audit_companies(struct db *db, audit_company_fn each, void *arg)
{
    for (size_t i = 0; i < sizeof(company_tables) / sizeof(company_tables[0]); i++) {
        int err = nameless_of(db, i, each, arg);
        if (err == 0)
            err = companies_of(db, i, each, arg);
        if (err != 0)
            return err;
    }
    return 0;
}
