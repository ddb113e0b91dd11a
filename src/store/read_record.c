/* Single records and histories; see read_record.h. */
#include "store/read_record.h"

#include "base/err.h"
#include "domain/codec.h"

static const char select_user[] =
    "select birth_year, country, currency, gender, registration_date, version from users"
    " where company_id = ? and user_id = ?";

static const char select_event[] =
    "select sport, league, country, participants, begin_at, end_at, version from events"
    " where company_id = ? and event_id = ? and withdrawn = 0 and sport is not null";

static const char select_coupon[] = "select user_id, stake, placed_at from coupons"
                                    " where company_id = ? and user_id = ? and coupon_id = ?";

static const char select_coupon_by_id[] = "select user_id, stake, placed_at from coupons"
                                          " force index (coupons_by_id)"
                                          " where company_id = ? and coupon_id = ? limit 2";

/* placed_at makes it a short range of the primary key; the coupon is one of few at that moment. */
static const char select_coupon_selections[] =
    "select event_id, odds from selections"
    " where company_id = ? and user_id = ? and placed_at = ? and coupon_id = ? order by event_id";

static const char select_user_is_known[] =
    "select exists (select 1 from users where company_id = ? and user_id = ?)"
    " or exists (select 1 from coupons where company_id = ? and user_id = ?)";

#define SELECTION_COLUMNS                                                                          \
    "select s.event_id, s.coupon_id, s.placed_at, e.sport, e.league, e.country, e.participants,"   \
    " e.begin_at from selections s"                                                                \
    " left join events e on e.company_id = s.company_id and e.event_id = s.event_id"               \
    " where s.company_id = ? and s.user_id = ?"
#define SELECTION_ORDER " order by s.placed_at desc, s.event_id, s.coupon_id limit 1000"

static const char select_selections[] = SELECTION_COLUMNS SELECTION_ORDER;

static const char select_selections_after[] =
    SELECTION_COLUMNS " and s.placed_at <= ? and (s.placed_at < ? or s.event_id > ?"
                      " or (s.event_id = ? and s.coupon_id > ?))" SELECTION_ORDER;

static int64_t version_at(const struct stmt *stmt, unsigned column)
{
    return stmt_is_null(stmt, column) ? VERSION_NONE : stmt_get_int(stmt, column);
}

int read_user(struct db *db, struct str company, struct str user_id, struct arena *arena,
              struct user *ret_user)
{
    struct stmt *stmt;
    int err = db_prepare(db, select_user, &stmt);
    if (err != 0)
        return err;
    stmt_str(stmt, company);
    stmt_str(stmt, user_id);
    err = stmt_run_one(stmt);
    if (err != 0)
        return err;
    *ret_user = (struct user){
        .user_id = arena_copy(arena, user_id),
        .birth_year = (int)stmt_get_int(stmt, 0),
        .country = arena_copy(arena, stmt_get_str(stmt, 1)),
        .currency = arena_copy(arena, stmt_get_str(stmt, 2)),
        .gender = arena_copy(arena, stmt_get_str(stmt, 3)),
        .registration_date_ms = stmt_get_time(stmt, 4),
        .version = version_at(stmt, 5),
    };
    return 0;
}

int read_participants(struct str json_array, struct arena *arena, struct event *event)
{
    void *json = NULL;
    if (participants_parse(json_array, event, &json) != 0)
        return TIP_EFATAL;
    for (size_t i = 0; i < event->participant_count; i++)
        event->participants[i] = arena_copy(arena, event->participants[i]);
    json_release(json);
    return 0;
}

int read_event(struct db *db, struct str company, struct str event_id, struct arena *arena,
               struct event *ret_event)
{
    struct stmt *stmt;
    int err = db_prepare(db, select_event, &stmt);
    if (err != 0)
        return err;
    stmt_str(stmt, company);
    stmt_str(stmt, event_id);
    err = stmt_run_one(stmt);
    if (err != 0)
        return err;
    ret_event->event_id = arena_copy(arena, event_id);
    ret_event->sport = arena_copy(arena, stmt_get_str(stmt, 0));
    ret_event->league = arena_copy(arena, stmt_get_str(stmt, 1));
    ret_event->country = arena_copy(arena, stmt_get_str(stmt, 2));
    ret_event->begin_ms = stmt_get_time(stmt, 4);
    ret_event->end_ms = stmt_get_time(stmt, 5);
    ret_event->version = version_at(stmt, 6);
    return read_participants(stmt_get_str(stmt, 3), arena, ret_event);
}

static int read_coupon_row(struct db *db, struct str company, struct str coupon_id,
                           struct str user_id, struct arena *arena, struct coupon *ret_coupon)
{
    bool any_user = user_id.len == 0;
    struct stmt *stmt;
    int err = db_prepare(db, any_user ? select_coupon_by_id : select_coupon, &stmt);
    if (err != 0)
        return err;
    stmt_str(stmt, company);
    if (!any_user)
        stmt_str(stmt, user_id);
    stmt_str(stmt, coupon_id);
    err = stmt_run_one(stmt);
    if (err != 0)
        return err;
    ret_coupon->coupon_id = arena_copy(arena, coupon_id);
    ret_coupon->user_id = arena_copy(arena, stmt_get_str(stmt, 0));
    ret_coupon->stake_e4 = stmt_get_decimal(stmt, 1);
    ret_coupon->placed_at_ms = stmt_get_time(stmt, 2);
    err = stmt_row(stmt);
    return err == 0 ? TIP_EAMBIGUOUS : err > 0 ? 0 : err;
}

int read_coupon(struct db *db, struct str company, struct str coupon_id, struct str user_id,
                struct arena *arena, struct coupon *ret_coupon)
{
    struct stmt *stmt;
    int err = read_coupon_row(db, company, coupon_id, user_id, arena, ret_coupon);
    if (err == 0)
        err = db_prepare(db, select_coupon_selections, &stmt);
    if (err != 0)
        return err;
    stmt_str(stmt, company);
    stmt_str(stmt, ret_coupon->user_id);
    stmt_time(stmt, ret_coupon->placed_at_ms);
    stmt_str(stmt, coupon_id);
    err = stmt_run(stmt);
    if (err != 0)
        return err;
    ret_coupon->selection_count = 0;
    while (ret_coupon->selection_count < SELECTIONS_MAX && (err = stmt_row(stmt)) == 0)
        ret_coupon->selections[ret_coupon->selection_count++] = (struct selection){
            .event_id = arena_copy(arena, stmt_get_str(stmt, 0)),
            .odds_e4 = stmt_get_decimal(stmt, 1),
        };
    return err < 0 ? err : 0;
}

int read_user_is_known(struct db *db, struct str company, struct str user_id, bool *ret_known)
{
    struct stmt *stmt;
    int err = db_prepare(db, select_user_is_known, &stmt);
    if (err != 0)
        return err;
    for (int i = 0; i < 2; i++) {
        stmt_str(stmt, company);
        stmt_str(stmt, user_id);
    }
    err = stmt_run_one(stmt);
    if (err != 0)
        return err;
    *ret_known = stmt_get_int(stmt, 0) != 0;
    return 0;
}

static struct selection_row selection_of(const struct stmt *stmt, struct arena *arena)
{
    struct selection_row row = {
        .event_id = arena_copy(arena, stmt_get_str(stmt, 0)),
        .coupon_id = arena_copy(arena, stmt_get_str(stmt, 1)),
        .placed_at_ms = stmt_get_time(stmt, 2),
        .known = !stmt_is_null(stmt, 3),
    };
    if (row.known) {
        row.sport = arena_copy(arena, stmt_get_str(stmt, 3));
        row.league = arena_copy(arena, stmt_get_str(stmt, 4));
        row.country = arena_copy(arena, stmt_get_str(stmt, 5));
        row.participants = arena_copy(arena, stmt_get_str(stmt, 6));
        row.begin_ms = stmt_get_time(stmt, 7);
    }
    return row;
}

int read_selections(struct db *db, struct str company, struct str user_id,
                    const struct selection_row *after, struct arena *arena,
                    struct selection_row **ret_rows, size_t *ret_count)
{
    struct stmt *stmt;
    int err = db_prepare(db, after == NULL ? select_selections : select_selections_after, &stmt);
    if (err != 0)
        return err;
    stmt_str(stmt, company);
    stmt_str(stmt, user_id);
    if (after != NULL) {
        stmt_time(stmt, after->placed_at_ms);
        stmt_time(stmt, after->placed_at_ms);
        stmt_str(stmt, after->event_id);
        stmt_str(stmt, after->event_id);
        stmt_str(stmt, after->coupon_id);
    }
    err = stmt_run(stmt);
    if (err != 0)
        return err;
    size_t count = 0, capacity = 0;
    struct selection_row *rows = NULL;
    while (count < SELECTION_ROWS_MAX && (err = stmt_row(stmt)) == 0) {
        if (count == capacity) {
            struct selection_row *before = rows;
            capacity = capacity == 0 ? 32 : capacity * 4;
            rows = arena_array(arena, capacity, sizeof(*rows));
            if (count > 0)
                memcpy(rows, before, count * sizeof(*rows));
        }
        rows[count++] = selection_of(stmt, arena);
    }
    if (err < 0)
        return err;
    *ret_rows = rows;
    *ret_count = count;
    return 0;
}
