/*
 * The events that bets can be placed on, invented or fetched, indexed for bettors: by sport, league
 * and participant, each list in the order of begin. Filled with catalogue_add, then sealed once;
 * after that it is only read. It copies what it keeps.
 */
#ifndef TIPSTER_GENERATOR_CATALOGUE_H
#define TIPSTER_GENERATOR_CATALOGUE_H

#include "domain/record.h"

#include <stdbool.h>

struct catalogue;

/* A list of events by begin, as numbers for catalogue_event. */
struct event_list {
    const uint32_t *events;
    size_t count;
};

/* Things in the order of their popularity, as numbers: leagues of a sport, participants of a
 * league. */
struct popularity {
    const uint32_t *items;
    size_t count;
};

struct catalogue *catalogue_new(void);
void catalogue_free(struct catalogue *catalogue);

void catalogue_add(struct catalogue *catalogue, const struct event *event);
/* Whether any event of that league of that sport was added. */
bool catalogue_has_league(const struct catalogue *catalogue, struct str sport, struct str league);
/*
 * Sorts and indexes. Sports are popular in the order of sport_rank, leagues by their number of
 * events, participants in an order that differs from seed to seed.
 */
void catalogue_seal(struct catalogue *catalogue, uint64_t seed);

/* For all below: after catalogue_seal. */
size_t catalogue_count(const struct catalogue *catalogue);
/* The longest of all popularity lists. */
size_t catalogue_widest(const struct catalogue *catalogue);
/* A digest of all events that does not depend on the order in which they were added. */
uint64_t catalogue_digest(const struct catalogue *catalogue);

struct str catalogue_event_id(const struct catalogue *catalogue, uint32_t event);
int64_t catalogue_event_begin(const struct catalogue *catalogue, uint32_t event);

/* Sports are numbered by popularity, from 0. */
size_t catalogue_sports(const struct catalogue *catalogue);
struct popularity catalogue_sport_leagues(const struct catalogue *catalogue, uint32_t sport);
struct popularity catalogue_league_participants(const struct catalogue *catalogue, uint32_t league);
struct str catalogue_league_sport(const struct catalogue *catalogue, uint32_t league);
struct str catalogue_league_name(const struct catalogue *catalogue, uint32_t league);
struct str catalogue_participant_name(const struct catalogue *catalogue, uint32_t participant);

struct event_list catalogue_all(const struct catalogue *catalogue);
struct event_list catalogue_of_league(const struct catalogue *catalogue, uint32_t league);
struct event_list catalogue_of_participant(const struct catalogue *catalogue, uint32_t participant);
/* The part of a list with after_ms < begin <= until_ms. */
struct event_list catalogue_window(const struct catalogue *catalogue, struct event_list list,
                                   int64_t after_ms, int64_t until_ms);

#endif
