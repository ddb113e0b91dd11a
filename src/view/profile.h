/*
 * What a user of a view likes: the weights of layout.h's numbers, where rank/affinity.h has those
 * of names. The definition is the same (sums of rank_weight over S), and so are the results.
 * Scratch memory of one reader, used for one request after the other.
 */
#ifndef TIPSTER_VIEW_PROFILE_H
#define TIPSTER_VIEW_PROFILE_H

#include "view/catalogue.h"

#include <stdbool.h>

struct profile_member {
    uint32_t member, sport;
    int64_t weight;
};

/* Zero-initialised is empty. */
struct profile {
    int64_t total;              /* W */
    int64_t *group_weights;     /* by group; 0 but for groups, until profile_end */
    uint32_t *groups;           /* groups of S, each once */
    int64_t *attribute_weights; /* by attribute; 0 for those not in touched */
    uint32_t *touched;          /* attributes with a weight or a place in sports */
    uint32_t *sports;           /* sports of S, each once */
    uint8_t *is_sport;          /* by attribute */
    struct profile_member *members;
    uint16_t *slots; /* hash of member -> place in members, plus 1 */
    size_t group_count, touched_count, sport_count, member_count;
    size_t group_capacity, attribute_capacity, touched_capacity, member_capacity, slot_count,
        slot_capacity;
};

void profile_release(struct profile *profile);
/* Empty, with room for the groups and attributes of meta and for so many choices and members. */
void profile_start(struct profile *profile, const struct view_meta *meta, size_t choices,
                   size_t members);
/* One selection of S. sport: the group's. members: so many u32, anywhere in memory. */
void profile_add(struct profile *profile, uint32_t group, uint32_t sport, const char *members,
                 size_t member_count, int64_t weight);
/* After the last: from the groups' weights to those of sports, leagues and countries. */
void profile_end(struct profile *profile, const struct view_catalogue *catalogue);
/* W(participant): 0 for one that S does not have. */
int64_t profile_member(const struct profile *profile, uint32_t member);

static inline int64_t profile_attribute(const struct profile *profile, uint32_t attribute)
{
    return profile->attribute_weights[attribute];
}

#endif
