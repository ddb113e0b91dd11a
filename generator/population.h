/*
 * A synthetic population: users with tastes, events of six sports, and the coupons those users
 * place over time. The same options (and the same added events) give the same bytes everywhere.
 * Any record can be made at any time, in any order, from any thread once population_ready returned.
 *
 * Coupons are numbered in the order of their times, and each is only on events that begin after
 * it, within POPULATION_WINDOW_MS.
 */
#ifndef TIPSTER_GENERATOR_POPULATION_H
#define TIPSTER_GENERATOR_POPULATION_H

#include "base/buf.h"
#include "domain/record.h"

#define POPULATION_WINDOW_MS (INT64_C(21) * 24 * 3600 * 1000)

enum {
    POPULATION_SELECTIONS_MAX = 5,
    POPULATION_COUNT_MAX = 100000000,
    POPULATION_DAYS_MAX = 3650
};

struct population_options {
    uint64_t seed;
    size_t users, events, coupons; /* at most POPULATION_COUNT_MAX each */
    int64_t as_of_ms;              /* coupons end here */
    int days;                      /* and begin so many days before; at most POPULATION_DAYS_MAX */
};

struct population;

/* A made record; its slices point into itself and into the population. Copy it no further. */
struct population_record {
    struct record record;
    char id[ID_MAX_BYTES + 1], user_id[ID_MAX_BYTES + 1];
};

struct population *population_new(const struct population_options *options);
void population_free(struct population *population);

/*
 * Adds an event that exists elsewhere, before population_ready: coupons are placed on it too, and
 * no events are invented in its league. Events that a population of this seed made are passed over.
 */
void population_add_event(struct population *population, const struct event *event);

/*
 * Makes the events and whatever is needed to place coupons. Returns 0, or TIP_ENOTFOUND when there
 * are coupons to place and no event to place them on in that time.
 */
int population_ready(struct population *population);

size_t population_count(const struct population *population, enum record_kind kind);
/* index: 0 … count-1. Nothing in it needs to be released. */
void population_make(const struct population *population, enum record_kind kind, size_t index,
                     struct population_record *ret_record);
/* The number of the user whose coupon that is. */
size_t population_coupon_user(const struct population *population, size_t coupon);

/* What a user likes most; participant has data NULL when the league has none. */
struct population_taste {
    struct str sport, league, participant;
};
/* Only with at least one event. */
struct population_taste population_user_taste(const struct population *population, size_t user);

#endif
