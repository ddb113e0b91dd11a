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
    int64_t *attribute_weights; /* by attribute; 0 for those not in touched */
    uint32_t *touched;          /* attributes with a weight or a place in sports */
    uint32_t *sports;           /* sports of S, each once */
    uint8_t *is_sport;          /* by attribute */
    struct profile_member *members;
    uint16_t *slots; /* hash of member -> place in members, plus 1 */
    size_t touched_count, sport_count, member_count;
    size_t attribute_capacity, touched_capacity, member_capacity, slot_count, slot_capacity;
};

void profile_release(struct profile *profile);
/* Empty, with room for the attributes that there are and at most choices * members each. */
void profile_start(struct profile *profile, uint32_t attribute_count, size_t choices,
                   size_t members);
/* One selection of S. members: so many u32, anywhere in memory. */
void profile_add(struct profile *profile, const struct catalogue_group *group, const char *members,
                 size_t member_count, int64_t weight);
/* W(participant): 0 for one that S does not have. */
int64_t profile_member(const struct profile *profile, uint32_t member);

static inline int64_t profile_attribute(const struct profile *profile, uint32_t attribute)
{
    return profile->attribute_weights[attribute];
}

#endif
