/*
 * The invented part of the sporting world: six sports and their leagues, with teams, nations or
 * people that sound right and exist nowhere. Pure data and the names composed from it.
 */
#ifndef TIPSTER_GENERATOR_LEAGUES_H
#define TIPSTER_GENERATOR_LEAGUES_H

#include "base/buf.h"

#include <stdint.h>

enum { LEAGUES = 18, LEAGUE_PARTICIPANTS_MAX = 40 };

enum participant_form {
    FORM_TEAM,   /* place and nickname; the home side's country is the event's */
    FORM_NATION, /* a country's name; the first one is the host */
    FORM_PERSON, /* first and last name; the event's country is one of the hosts */
};

struct league_plan {
    const char *sport, *league;
    enum participant_form form;
    unsigned participants;      /* in the league */
    unsigned sides;             /* in one event */
    unsigned minutes;           /* an event lasts */
    uint8_t hours[4];           /* UTC hours at which events begin */
    const char *const *names;   /* places, nations or first names; ends with NULL */
    const char *const *seconds; /* nicknames or last names; ends with NULL */
    unsigned shift; /* where in `seconds` the league begins: other people, other clubs */
    const char *const
        *countries; /* of place i: countries[i % n]; hosts of people; ends with NULL */
};

/* LEAGUES of them. */
extern const struct league_plan league_plans[LEAGUES];

/* Sports in the order of their popularity, where they are known; a rank past all for others. */
unsigned sport_rank(struct str sport);

/* Appends the name of participant `index` (below plan->participants); distinct in the league. */
void league_participant(const struct league_plan *plan, unsigned index, struct buf *out);
/* The country of an event whose first side is `home`; `pick` (any number) chooses among hosts. */
const char *league_country(const struct league_plan *plan, unsigned home, uint64_t pick);

#endif
