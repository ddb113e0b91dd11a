/*
 * A reader's own copy of the two tables that only grow: groups, and which members have had events
 * in which group. Read once, then only what is new; what ranking asks for every request is at hand
 * without a look-up.
 */
#ifndef TIPSTER_VIEW_CATALOGUE_H
#define TIPSTER_VIEW_CATALOGUE_H

#include "store/read_arena.h"
#include "view/table.h"

struct catalogue_group {
    uint32_t company, sport, league, country;
    uint32_t next_of_sport, next_of_company; /* another group, 0: none */
    struct str sport_name, league_name, country_name;
};

struct catalogue_pair {
    uint32_t group;
    uint32_t next; /* another pair of the member, 0: none */
};

/* Zero-initialised is empty. Arrays are indexed by number; 0 stands for none. */
struct view_catalogue {
    struct catalogue_group *groups;
    struct catalogue_pair *pairs;
    uint32_t *first_of_sport;   /* by attribute: a group */
    uint32_t *first_of_company; /* a group */
    uint32_t *first_of_member;  /* a pair */
    size_t group_capacity, pair_capacity, attribute_capacity, company_capacity, member_capacity;
    uint32_t group_count, pair_count;
    struct arena arena; /* names */
};

void catalogue_release(struct view_catalogue *catalogue);
/* Reads what meta says there is more of. TIP_EFATAL: the tables say otherwise. */
int catalogue_refresh(struct view_catalogue *catalogue, const struct tables *tables,
                      const struct view_meta *meta);

#endif
