/* Ranges of events; see read_events.h. */
#include "store/read_events.h"

#include "base/err.h"
#include "domain/codec.h"
#include "store/read_list.h"
#include "store/read_once.h"

#include <stdlib.h>

enum { RANDOM_AMONG = 10000 };

/*
 * Grouping by the constants as well makes both servers jump from group to group in events_by_group
 * ("Using index for group-by"); without them they read the whole sport.
 */
static const struct sql_rows select_groups = {
    "select sport, league, country from events where company_id = ? and withdrawn = 0 and sport in "
    "(",
    "?", ") group by company_id, withdrawn, sport, league, country"};

static const char select_all_groups[] =
    "select sport, league, country from events where company_id = ? and withdrawn = 0"
    " and sport is not null group by company_id, withdrawn, sport, league, country";

/* In this form, not as a comparison of rows, the place to start from is part of the index range. */
#define IN_RANGE " and begin_at >= ? and (begin_at > ? or event_id > ?) and begin_at < ?"

static const char select_group_range[] =
    "select event_id, begin_at from events where company_id = ? and withdrawn = 0 and sport = ?"
    " and league = ? and country = ?" IN_RANGE " order by begin_at, event_id limit ?";

/* From the beginning of the range: half as many intervals for the servers to think about. */
#define IN_RANGE_FROM_TIME " and begin_at >= ? and begin_at < ?"

/* Participants in the order of the primary key: the ranges follow each other, nothing is sorted. */
#define PARTICIPANTS_BEFORE                                                                        \
    "select event_id, begin_at, league, country, participant from event_participants"              \
    " where company_id = ? and sport = ? and participant in ("
#define PARTICIPANTS_ORDER " order by participant, begin_at, event_id limit ?"

static const struct sql_rows select_participants = {PARTICIPANTS_BEFORE, "?",
                                                    ")" IN_RANGE_FROM_TIME PARTICIPANTS_ORDER};
static const struct sql_rows select_participants_after = {PARTICIPANTS_BEFORE, "?",
                                                          ")" IN_RANGE PARTICIPANTS_ORDER};

/* Left to themselves both servers read all past events as well, or skip through events_by_group. */
static const char select_begin_range[] =
    "select event_id, begin_at, sport, league, country from events force index (events_by_begin)"
    " where company_id = ? and withdrawn = 0" IN_RANGE " order by begin_at, event_id limit ?";

static const char count_range[] =
    "select count(*) from (select 1 from events force index (events_by_begin) where company_id = ? "
    "and withdrawn = 0" IN_RANGE " limit 10000) as first_ones";

static const char select_nth[] =
    "select event_id from events force index (events_by_begin) where company_id = ?"
    " and withdrawn = 0" IN_RANGE " order by begin_at, event_id limit 1 offset ?";

static const struct sql_rows select_documents = {
    "select event_id, sport, league, country, participants, begin_at, end_at, version from events"
    " where company_id = ? and event_id in (",
    "?", ") and withdrawn = 0 and sport is not null"};

static void bind_range(struct stmt *stmt, const struct event_range *range)
{
    stmt_time(stmt, range->from_ms);
    stmt_time(stmt, range->from_ms);
    stmt_str(stmt, range->from_id);
    stmt_time(stmt, range->before_ms);
}

/* A growing array of groups in an arena. */
struct group_list {
    struct event_group *groups;
    size_t count, capacity;
};

static int fetch_groups(struct stmt *stmt, struct arena *arena, struct group_list *list)
{
    int err = stmt_run(stmt);
    if (err != 0)
        return err;
    while ((err = stmt_row(stmt)) == 0) {
        if (list->count == list->capacity) {
            list->capacity = list->capacity == 0 ? 64 : list->capacity * 4;
            struct event_group *groups = arena_array(arena, list->capacity, sizeof(*groups));
            if (list->count > 0)
                memcpy(groups, list->groups, list->count * sizeof(*groups));
            list->groups = groups;
        }
        list->groups[list->count++] = (struct event_group){
            .sport = arena_copy(arena, stmt_get_str(stmt, 0)),
            .league = arena_copy(arena, stmt_get_str(stmt, 1)),
            .country = arena_copy(arena, stmt_get_str(stmt, 2)),
        };
    }
    return err < 0 ? err : 0;
}

int read_groups(struct db *db, struct str company, const struct str *sports, size_t sport_count,
                struct arena *arena, struct event_group **ret_groups, size_t *ret_count)
{
    enum { SPORTS_AT_ONCE = 64 };
    struct group_list list = {0};
    struct stmt *stmt;
    int err = 0;

    if (sport_count == 0) {
        err = db_prepare(db, select_all_groups, &stmt);
        if (err != 0)
            return err;
        stmt_str(stmt, company);
        err = fetch_groups(stmt, arena, &list);
        read_once_done(db, stmt);
    }
    for (size_t at = 0; err == 0 && at < sport_count; at += SPORTS_AT_ONCE) {
        size_t count = sport_count - at < SPORTS_AT_ONCE ? sport_count - at : SPORTS_AT_ONCE;
        err = db_prepare_rows(db, &select_groups, list_size(count), &stmt);
        if (err != 0)
            return err;
        stmt_str(stmt, company);
        list_bind(stmt, sports + at, count, list_size(count));
        err = fetch_groups(stmt, arena, &list);
        read_once_done(db, stmt);
    }
    if (err != 0)
        return err;
    *ret_groups = list.groups;
    *ret_count = list.count;
    return 0;
}

int read_group_range(struct db *db, struct str company, const struct event_group *group,
                     const struct event_range *range, size_t limit, struct arena *arena,
                     struct event_row *ret_rows, size_t *ret_count)
{
    struct stmt *stmt;
    int err = db_prepare(db, select_group_range, &stmt);
    if (err != 0)
        return err;
    stmt_str(stmt, company);
    stmt_str(stmt, group->sport);
    stmt_str(stmt, group->league);
    stmt_str(stmt, group->country);
    bind_range(stmt, range);
    stmt_uint(stmt, limit);
    err = stmt_run(stmt);
    if (err != 0)
        return err;
    size_t count = 0;
    while (count < limit && (err = stmt_row(stmt)) == 0)
        ret_rows[count++] = (struct event_row){
            .event_id = arena_copy(arena, stmt_get_str(stmt, 0)),
            .begin_ms = stmt_get_time(stmt, 1),
        };
    if (err < 0)
        return err;
    *ret_count = count;
    return 0;
}

int read_participants_range(struct db *db, struct str company, struct str sport,
                            const struct str *participants, size_t participant_count,
                            const struct event_range *range, size_t limit, struct arena *arena,
                            struct event_row *ret_rows, size_t *ret_count)
{
    struct stmt *stmt;
    size_t size = list_size(participant_count);
    bool after = range->from_id.len > 0;
    int err =
        db_prepare_rows(db, after ? &select_participants_after : &select_participants, size, &stmt);
    if (err != 0)
        return err;
    stmt_str(stmt, company);
    stmt_str(stmt, sport);
    list_bind(stmt, participants, participant_count, size);
    if (after) {
        bind_range(stmt, range);
    } else {
        stmt_time(stmt, range->from_ms);
        stmt_time(stmt, range->before_ms);
    }
    stmt_uint(stmt, limit);
    err = stmt_run(stmt);
    if (err != 0)
        return err;
    size_t count = 0;
    while (count < limit && (err = stmt_row(stmt)) == 0)
        ret_rows[count++] = (struct event_row){
            .event_id = arena_copy(arena, stmt_get_str(stmt, 0)),
            .begin_ms = stmt_get_time(stmt, 1),
            .league = arena_copy(arena, stmt_get_str(stmt, 2)),
            .country = arena_copy(arena, stmt_get_str(stmt, 3)),
            .participant = arena_copy(arena, stmt_get_str(stmt, 4)),
        };
    if (err < 0)
        return err;
    *ret_count = count;
    return 0;
}

int read_begin_range(struct db *db, struct str company, const struct event_range *range,
                     size_t limit, struct arena *arena, struct event_row *ret_rows,
                     size_t *ret_count)
{
    struct stmt *stmt;
    int err = db_prepare(db, select_begin_range, &stmt);
    if (err != 0)
        return err;
    stmt_str(stmt, company);
    bind_range(stmt, range);
    stmt_uint(stmt, limit);
    err = stmt_run(stmt);
    if (err != 0)
        return err;
    size_t count = 0;
    while (count < limit && (err = stmt_row(stmt)) == 0)
        ret_rows[count++] = (struct event_row){
            .event_id = arena_copy(arena, stmt_get_str(stmt, 0)),
            .begin_ms = stmt_get_time(stmt, 1),
            .sport = arena_copy(arena, stmt_get_str(stmt, 2)),
            .league = arena_copy(arena, stmt_get_str(stmt, 3)),
            .country = arena_copy(arena, stmt_get_str(stmt, 4)),
        };
    if (err < 0)
        return err;
    *ret_count = count;
    return 0;
}

int read_random_event(struct db *db, struct str company, const struct event_range *range,
                      uint64_t random, struct arena *arena, struct str *ret_event_id)
{
    struct stmt *stmt;
    int err = db_prepare(db, count_range, &stmt);
    if (err != 0)
        return err;
    stmt_str(stmt, company);
    bind_range(stmt, range);
    err = stmt_run(stmt);
    if (err == 0)
        err = stmt_row(stmt);
    if (err != 0)
        return err > 0 ? TIP_EFATAL : err;
    uint64_t count = stmt_get_uint(stmt, 0);
    read_once_done(db, stmt);
    if (count == 0)
        return TIP_ENOTFOUND;

    err = db_prepare(db, select_nth, &stmt);
    if (err != 0)
        return err;
    stmt_str(stmt, company);
    bind_range(stmt, range);
    stmt_uint(stmt, random % count);
    err = stmt_run_one(stmt);
    if (err != 0)
        return err;
    *ret_event_id = arena_copy(arena, stmt_get_str(stmt, 0));
    read_once_done(db, stmt);
    return 0;
}

/* An id and its place in the caller's list. */
struct place {
    struct str id;
    size_t index;
};

static int place_compare(const void *a, const void *b)
{
    return str_compare(((const struct place *)a)->id, ((const struct place *)b)->id);
}

static int give_document(const struct stmt *stmt, size_t index, read_document document, void *ctx)
{
    struct event event;
    void *json = NULL;
    event.event_id = stmt_get_str(stmt, 0);
    event.sport = stmt_get_str(stmt, 1);
    event.league = stmt_get_str(stmt, 2);
    event.country = stmt_get_str(stmt, 3);
    event.begin_ms = stmt_get_time(stmt, 5);
    event.end_ms = stmt_get_time(stmt, 6);
    event.version = stmt_is_null(stmt, 7) ? VERSION_NONE : stmt_get_int(stmt, 7);
    if (participants_parse(stmt_get_str(stmt, 4), &event, &json) != 0)
        return TIP_EFATAL;
    int err = document(ctx, index, &event);
    json_release(json);
    return err;
}

static int read_some_documents(struct db *db, struct str company, const struct str *ids,
                               const struct place *places, size_t count, read_document document,
                               void *ctx)
{
    struct stmt *stmt;
    int err = db_prepare_rows(db, &select_documents, list_size(count), &stmt);
    if (err != 0)
        return err;
    stmt_str(stmt, company);
    list_bind(stmt, ids, count, list_size(count));
    err = stmt_run(stmt);
    while (err == 0 && (err = stmt_row(stmt)) == 0) {
        struct place wanted = {.id = stmt_get_str(stmt, 0)};
        const struct place *place = bsearch(&wanted, places, count, sizeof(*places), place_compare);
        if (place != NULL)
            err = give_document(stmt, place->index, document, ctx);
    }
    return err < 0 ? err : 0;
}

int read_documents(struct db *db, struct str company, const struct str *ids, size_t count,
                   struct arena *arena, read_document document, void *ctx)
{
    struct place *places = arena_array(arena, LIST_MAX, sizeof(*places));
    for (size_t at = 0; at < count; at += LIST_MAX) {
        size_t some = count - at < LIST_MAX ? count - at : LIST_MAX;
        for (size_t i = 0; i < some; i++)
            places[i] = (struct place){ids[at + i], at + i};
        qsort(places, some, sizeof(*places), place_compare);
        int err = read_some_documents(db, company, ids + at, places, some, document, ctx);
        if (err != 0)
            return err;
    }
    return 0;
}
