/* Where the bets are. Errors: those of db.h. Slices are the arena's. */
#ifndef TIPSTER_STORE_READ_STATS_H
#define TIPSTER_STORE_READ_STATS_H

#include "store/db.h"
#include "store/read_arena.h"

struct league_bets {
    struct str sport, league;
    int64_t events, bets;
};

enum { LEAGUES_MAX = 5000 };

/*
 * The leagues that have events from from_ms on, with the number of such events and of the bets on
 * them, most bets first; of more than LEAGUES_MAX the first. Looks at each of these events.
 */
int read_leagues(struct db *db, struct str company, int64_t from_ms, struct arena *arena,
                 struct league_bets **ret_leagues, size_t *ret_count);

enum { EVENT_BETS_MAX = 10 };

/* The bets on each of up to EVENT_BETS_MAX events, in their order. */
int read_event_bets(struct db *db, struct str company, const struct str *ids, size_t count,
                    int64_t *ret_bets);

#endif
