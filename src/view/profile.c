/* Weights by number; see profile.h. */
#include "view/profile.h"

#include "base/mem.h"

#include <stdlib.h>

void profile_release(struct profile *profile)
{
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

void profile_start(struct profile *profile, uint32_t attribute_count, size_t choices,
                   size_t members)
{
    for (size_t i = 0; i < profile->touched_count; i++) {
        profile->attribute_weights[profile->touched[i]] = 0;
        profile->is_sport[profile->touched[i]] = 0;
    }
    profile->total = 0;
    profile->touched_count = profile->sport_count = profile->member_count = 0;
    reserve_attributes(profile, attribute_count);
    if (4 * choices > profile->touched_capacity) { /* three attributes, and a sport of weight 0 */
        profile->touched_capacity = 8 * choices;
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

static void add_attribute(struct profile *profile, uint32_t attribute, int64_t weight)
{
    if (profile->attribute_weights[attribute] == 0)
        profile->touched[profile->touched_count++] = attribute;
    profile->attribute_weights[attribute] += weight;
}

void profile_add(struct profile *profile, const struct catalogue_group *group, const char *members,
                 size_t member_count, int64_t weight)
{
    profile->total += weight;
    if (!profile->is_sport[group->sport]) { /* also with a weight that is rounded to 0 */
        profile->is_sport[group->sport] = 1;
        profile->sports[profile->sport_count++] = group->sport;
        if (weight == 0)
            profile->touched[profile->touched_count++] = group->sport;
    }
    if (weight == 0)
        return;
    add_attribute(profile, group->sport, weight);
    add_attribute(profile, group->league, weight);
    add_attribute(profile, group->country, weight);
    for (size_t i = 0; i < member_count; i++) {
        uint32_t member;
        memcpy(&member, members + i * sizeof(member), sizeof(member));
        uint16_t *slot = slot_of(profile, member);
        if (*slot == 0) {
            profile->members[profile->member_count++] =
                (struct profile_member){.member = member, .sport = group->sport};
            *slot = (uint16_t)profile->member_count;
        }
        profile->members[*slot - 1].weight += weight;
    }
}
