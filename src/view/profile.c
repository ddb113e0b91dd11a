/* Weights by number; see profile.h. */
#include "view/profile.h"

#include "base/mem.h"

#include <stdlib.h>

void profile_release(struct profile *profile)
{
    free(profile->group_weights);
    free(profile->groups);
    free(profile->attribute_weights);
    free(profile->touched);
    free(profile->sports);
    free(profile->is_sport);
    free(profile->members);
    free(profile->slots);
    *profile = (struct profile){0};
}

static void reserve_attributes(struct profile *profile, size_t count)
{
    if (count < profile->attribute_capacity)
        return;
    size_t old = profile->attribute_capacity, grown = old == 0 ? 1024 : old;
    while (grown <= count)
        grown *= 2;
    profile->attribute_weights =
        xreallocarray(profile->attribute_weights, grown, sizeof(*profile->attribute_weights));
    profile->is_sport = xreallocarray(profile->is_sport, grown, sizeof(*profile->is_sport));
    memset(profile->attribute_weights + old, 0, (grown - old) * sizeof(int64_t));
    memset(profile->is_sport + old, 0, grown - old);
    profile->attribute_capacity = grown;
}

static void reserve_groups(struct profile *profile, size_t count)
{
    if (count < profile->group_capacity)
        return;
    size_t old = profile->group_capacity, grown = old == 0 ? 256 : old;
    while (grown <= count)
        grown *= 2;
    profile->group_weights =
        xreallocarray(profile->group_weights, grown, sizeof(*profile->group_weights));
    memset(profile->group_weights + old, 0, (grown - old) * sizeof(int64_t));
    profile->group_capacity = grown;
}

void profile_start(struct profile *profile, const struct view_meta *meta, size_t choices,
                   size_t members)
{
    for (size_t i = 0; i < profile->touched_count; i++) {
        profile->attribute_weights[profile->touched[i]] = 0;
        profile->is_sport[profile->touched[i]] = 0;
    }
    profile->total = 0;
    for (size_t i = 0; i < profile->group_count; i++) /* of a request that failed half-way */
        profile->group_weights[profile->groups[i]] = 0;
    profile->group_count = profile->touched_count = 0;
    profile->sport_count = profile->member_count = 0;
    reserve_attributes(profile, meta->attribute_count);
    reserve_groups(profile, meta->group_count);
    if (3 * choices > profile->touched_capacity) {
        profile->touched_capacity = 6 * choices;
        profile->groups =
            xreallocarray(profile->groups, profile->touched_capacity, sizeof(*profile->groups));
        profile->touched =
            xreallocarray(profile->touched, profile->touched_capacity, sizeof(*profile->touched));
        profile->sports =
            xreallocarray(profile->sports, profile->touched_capacity, sizeof(*profile->sports));
    }
    if (members > profile->member_capacity) {
        profile->member_capacity = 2 * members;
        profile->members =
            xreallocarray(profile->members, profile->member_capacity, sizeof(*profile->members));
    }
    for (profile->slot_count = 64; profile->slot_count < 2 * members;)
        profile->slot_count *= 2;
    if (profile->slot_count > profile->slot_capacity) {
        profile->slot_capacity = profile->slot_count;
        profile->slots =
            xreallocarray(profile->slots, profile->slot_capacity, sizeof(*profile->slots));
    }
    memset(profile->slots, 0, profile->slot_count * sizeof(*profile->slots));
}

/* Where a member stands in slots, or could. */
static uint16_t *slot_of(const struct profile *profile, uint32_t member)
{
    size_t mask = profile->slot_count - 1, at = member * UINT32_C(0x9e3779b1) >> 15;
    for (;; at++) {
        uint16_t *slot = &profile->slots[at & mask];
        if (*slot == 0 || profile->members[*slot - 1].member == member)
            return slot;
    }
}

int64_t profile_member(const struct profile *profile, uint32_t member)
{
    if (profile->member_count == 0)
        return 0;
    const uint16_t *slot = slot_of(profile, member);
    return *slot == 0 ? 0 : profile->members[*slot - 1].weight;
}

void profile_add(struct profile *profile, uint32_t group, uint32_t sport, const char *members,
                 size_t member_count, int64_t weight)
{
    profile->total += weight;
    if (profile->group_weights[group] == 0)
        profile->groups[profile->group_count++] = group; /* twice for a weight rounded to 0 */
    profile->group_weights[group] += weight;
    for (size_t i = 0; weight > 0 && i < member_count; i++) {
        uint32_t member;
        memcpy(&member, members + i * sizeof(member), sizeof(member));
        uint16_t *slot = slot_of(profile, member);
        if (*slot == 0) {
            profile->members[profile->member_count++] =
                (struct profile_member){.member = member, .sport = sport};
            *slot = (uint16_t)profile->member_count;
        }
        profile->members[*slot - 1].weight += weight;
    }
}

static void add_attribute(struct profile *profile, uint32_t attribute, int64_t weight)
{
    profile->touched[profile->touched_count++] = attribute;
    profile->attribute_weights[attribute] += weight;
}

void profile_end(struct profile *profile, const struct view_catalogue *catalogue)
{
    for (size_t i = 0; i < profile->group_count; i++) {
        const struct catalogue_group *group = &catalogue->groups[profile->groups[i]];
        int64_t weight = profile->group_weights[profile->groups[i]];
        profile->group_weights[profile->groups[i]] = 0;
        if (!profile->is_sport[group->sport]) {
            profile->is_sport[group->sport] = 1;
            profile->sports[profile->sport_count++] = group->sport;
        }
        add_attribute(profile, group->sport, weight);
        add_attribute(profile, group->league, weight);
        add_attribute(profile, group->country, weight);
    }
    profile->group_count = 0;
}
