/*
 * What a bettor likes: a favourite sport, in it a league, in it a team, each by Zipf's law, and a
 * second league. Three of four selections are of the favourite league; most of those, of the team.
 */
#ifndef TIPSTER_GENERATOR_TASTE_H
#define TIPSTER_GENERATOR_TASTE_H

#include "generator/catalogue.h"
#include "generator/zipf.h"

/* Numbers of the catalogue. */
struct taste {
    uint32_t league, participant, second_league;
};

/* Draws a taste; the catalogue has at least one event. */
struct taste taste_draw(const struct catalogue *catalogue, const struct zipf *zipf,
                        struct random_source *random);

/*
 * Chooses an event that such a bettor bets on at time at_ms: it begins after that, within
 * window_ms. Returns 0, or 1 when no event at all begins then.
 */
int taste_choose(const struct taste *taste, const struct catalogue *catalogue,
                 const struct zipf *zipf, struct random_source *random, int64_t at_ms,
                 int64_t window_ms, uint32_t *ret_event);

#endif
