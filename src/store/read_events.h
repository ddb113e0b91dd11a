/*
 * Events by their order: ranges of a group, of participants and of everything, by (begin,
 * event_id); the groups themselves; documents by id. Only events that are known and not withdrawn.
 * Errors: those of db.h. All slices of what is returned are the arena's, unless it says otherwise.
 */
#ifndef TIPSTER_STORE_READ_EVENTS_H
#define TIPSTER_STORE_READ_EVENTS_H

#include "domain/record.h"
#include "store/db.h"
#include "store/read_arena.h"

/* The events with (begin, event_id) after (from_ms, from_id) and begin before before_ms. An empty
 * id is before all others: begin >= from_ms. */
struct event_range {
    int64_t from_ms;
    struct str from_id;
    int64_t before_ms;
};

struct event_group {
    struct str sport, league, country;
};

/* An event as a range shows it; fields that the caller fixed are not repeated. */
struct event_row {
    struct str event_id;
    int64_t begin_ms;
    struct str sport, league, country, participant;
};

/* The groups that have events, past ones included: of these sports, or with no sports of all. */
int read_groups(struct db *db, struct str company, const struct str *sports, size_t sport_count,
                struct arena *arena, struct event_group **ret_groups, size_t *ret_count);

/* The first `limit` events of the range; fewer: there are no more. ret_rows has room for limit. */
int read_group_range(struct db *db, struct str company, const struct event_group *group,
                     const struct event_range *range, size_t limit, struct arena *arena,
                     struct event_row *ret_rows, size_t *ret_count);

enum { READ_PARTICIPANTS_MAX = 32 };

/*
 * The same for participants of one sport (1 to READ_PARTICIPANTS_MAX), one participant after the
 * other in the order of bytes; sets league, country and participant. range.from_id is empty unless
 * there is one participant only.
 */
int read_participants_range(struct db *db, struct str company, struct str sport,
                            const struct str *participants, size_t participant_count,
                            const struct event_range *range, size_t limit, struct arena *arena,
                            struct event_row *ret_rows, size_t *ret_count);

/* The same for all events of a company; sets sport, league and country. */
int read_begin_range(struct db *db, struct str company, const struct event_range *range,
                     size_t limit, struct arena *arena, struct event_row *ret_rows,
                     size_t *ret_count);

/* The id of the event at place number `random` modulo how many there are in the range; of those the
 * first 10 000. TIP_ENOTFOUND: there are none. */
int read_random_event(struct db *db, struct str company, const struct event_range *range,
                      uint64_t random, struct arena *arena, struct str *ret_event_id);

typedef int (*read_document)(void *ctx, size_t index, const struct event *event);

/*
 * Calls document(ctx, index into ids, event) for each of these events that there is, in no
 * particular order; the event's slices are good during the call only. A negative return ends it. An
 * id stands in ids once.
 */
int read_documents(struct db *db, struct str company, const struct str *ids, size_t count,
                   struct arena *arena, read_document document, void *ctx);

#endif
