/*
 * Single records by their ids, and what a user bet on. Errors: those of db.h; TIP_ENOTFOUND. All
 * slices of what is returned are the arena's.
 */
#ifndef TIPSTER_STORE_READ_RECORD_H
#define TIPSTER_STORE_READ_RECORD_H

#include "domain/record.h"
#include "store/db.h"
#include "store/read_arena.h"

int read_user(struct db *db, struct str company, struct str user_id, struct arena *arena,
              struct user *ret_user);

/* An event that is withdrawn, or known by its withdrawal alone, is not found. */
int read_event(struct db *db, struct str company, struct str event_id, struct arena *arena,
               struct event *ret_event);

/* user_id empty: of whichever user has a coupon of this id; TIP_EAMBIGUOUS when several have. */
int read_coupon(struct db *db, struct str company, struct str coupon_id, struct str user_id,
                struct arena *arena, struct coupon *ret_coupon);

/* Whether there is a record or a coupon of the user. */
int read_user_is_known(struct db *db, struct str company, struct str user_id, bool *ret_known);

/* One selection of a user's history and its event as it is known now. */
struct selection_row {
    struct str event_id, coupon_id;
    int64_t placed_at_ms;
    bool known; /* the event; the rest is set only then */
    struct str sport, league, country;
    struct str participants; /* a JSON array */
    int64_t begin_ms;
};

enum { SELECTION_ROWS_MAX = 1000 };

/*
 * A user's selections, newest first, then by event and coupon: up to SELECTION_ROWS_MAX that come
 * after `after` (NULL: from the newest on). Fewer: there are no more.
 */
int read_selections(struct db *db, struct str company, struct str user_id,
                    const struct selection_row *after, struct arena *arena,
                    struct selection_row **ret_rows, size_t *ret_count);

/* The participants of an event from their JSON array. TIP_EFATAL: it is none. */
int read_participants(struct str json_array, struct arena *arena, struct event *event);

#endif
