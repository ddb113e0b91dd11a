/* Choices to weights of tags; see affinity.h. */
#include "rank/affinity.h"

#include "base/err.h"
#include "base/mem.h"
#include "rank/hash_index.h"
#include "rank/mix.h"

#include <math.h>
#include <stdlib.h>

struct affinity {
    struct hash_index index;
    struct affinity_tag *tags;
    uint32_t *last_choice; /* per tag: the choice that it was counted for last */
    size_t tag_count;
    size_t tag_capacity;
    uint32_t *kind_tags; /* number of a kind -> its place in tags */
    size_t kind_count;
    size_t kind_capacity;
    int64_t total;
    uint64_t seed;
};

struct affinity *affinity_new(void)
{
    struct affinity *affinity = xcalloc(1, sizeof(*affinity));
    affinity->seed = mix_seed(affinity);
    hash_index_init(&affinity->index);
    return affinity;
}

void affinity_free(struct affinity *affinity)
{
    if (affinity == NULL)
        return;
    hash_index_release(&affinity->index);
    free(affinity->tags);
    free(affinity->last_choice);
    free(affinity->kind_tags);
    free(affinity);
}

void affinity_clear(struct affinity *affinity)
{
    hash_index_clear(&affinity->index);
    affinity->tag_count = 0;
    affinity->kind_count = 0;
    affinity->total = 0;
}

int64_t rank_weight(int64_t age_ms, int64_t half_life_ms)
{
    double halvings = (double)age_ms / (double)half_life_ms;
    return (int64_t)floor((double)RANK_WEIGHT_ONE * exp2(-halvings) + 0.5);
}

/* A kind is found without knowing its number, so it stands under RANK_NO_KIND like a region. */
static uint64_t tag_hash(const struct affinity *affinity, enum rank_tag_class class, uint32_t kind,
                         struct str value)
{
    uint64_t scope = ((uint64_t)kind << 8 | (uint64_t) class) * 0x9e3779b97f4a7c15ULL;
    return mix_bytes(affinity->seed ^ scope, value);
}

/* The place of a tag in tags; kind is RANK_NO_KIND for kinds and regions. */
static bool find(const struct affinity *affinity, uint64_t hash, enum rank_tag_class class,
                 uint32_t kind, struct str value, uint32_t *ret_place)
{
    struct hash_probe probe = hash_probe(hash);
    uint32_t place;

    while (hash_index_next(&affinity->index, &probe, &place)) {
        const struct affinity_tag *tag = &affinity->tags[place];
        if (tag->class == class && (class == RANK_KIND || tag->kind == kind) &&
            str_equal(tag->value, value)) {
            *ret_place = place;
            return true;
        }
    }
    return false;
}

static uint32_t add_kind(struct affinity *affinity, uint32_t place)
{
    if (affinity->kind_count == affinity->kind_capacity) {
        affinity->kind_capacity = affinity->kind_capacity == 0 ? 16 : affinity->kind_capacity * 2;
        affinity->kind_tags = xreallocarray(affinity->kind_tags, affinity->kind_capacity,
                                            sizeof(*affinity->kind_tags));
    }
    affinity->kind_tags[affinity->kind_count] = place;
    return (uint32_t)affinity->kind_count++;
}

static uint32_t add_tag(struct affinity *affinity, uint64_t hash, enum rank_tag_class class,
                        uint32_t kind, struct str value)
{
    if (affinity->tag_count == affinity->tag_capacity) {
        size_t capacity = affinity->tag_capacity == 0 ? 64 : affinity->tag_capacity * 2;
        affinity->tags = xreallocarray(affinity->tags, capacity, sizeof(*affinity->tags));
        affinity->last_choice =
            xreallocarray(affinity->last_choice, capacity, sizeof(*affinity->last_choice));
        affinity->tag_capacity = capacity;
    }
    uint32_t place = (uint32_t)affinity->tag_count++;
    if (class == RANK_KIND)
        kind = add_kind(affinity, place);
    affinity->tags[place] = (struct affinity_tag){.class = class, .kind = kind, .value = value};
    affinity->last_choice[place] = UINT32_MAX;
    hash_index_add(&affinity->index, hash, place);
    return place;
}

/* Adds a choice's weight to a tag, once per choice however often the item names the tag. Returns
 * the number of the tag's kind. */
static uint32_t count_tag(struct affinity *affinity, enum rank_tag_class class, uint32_t kind,
                          struct str value, uint32_t choice, int64_t weight)
{
    uint64_t hash = tag_hash(affinity, class, kind, value);
    uint32_t place;

    if (!find(affinity, hash, class, kind, value, &place))
        place = add_tag(affinity, hash, class, kind, value);
    struct affinity_tag *tag = &affinity->tags[place];
    if (affinity->last_choice[place] != choice) {
        affinity->last_choice[place] = choice;
        tag->weight += weight;
    }
    return tag->kind;
}

static void count_choice(struct affinity *affinity, const struct rank_tags *tags, uint32_t choice,
                         int64_t weight)
{
    uint32_t kind = count_tag(affinity, RANK_KIND, RANK_NO_KIND, tags->kind, choice, weight);

    count_tag(affinity, RANK_SERIES, kind, tags->series, choice, weight);
    count_tag(affinity, RANK_REGION, RANK_NO_KIND, tags->region, choice, weight);
    for (size_t i = 0; i < tags->member_count; i++)
        count_tag(affinity, RANK_MEMBER, kind, tags->members[i], choice, weight);
    affinity->total += weight;
}

int affinity_build(struct affinity *affinity, const struct rank_choice *choices, size_t count,
                   int64_t half_life_ms)
{
    int64_t newest_ms = INT64_MIN;

    affinity_clear(affinity);
    if (count > RANK_CHOICES_MAX || half_life_ms <= 0)
        return TIP_EINVAL;
    for (size_t i = 0; i < count; i++)
        if (choices[i].time_ms > newest_ms)
            newest_ms = choices[i].time_ms;
    for (uint32_t i = 0; i < count; i++) {
        int64_t age_ms;
        if (__builtin_sub_overflow(newest_ms, choices[i].time_ms, &age_ms))
            age_ms = INT64_MAX;
        int64_t weight = rank_weight(age_ms, half_life_ms);
        count_choice(affinity, &choices[i].tags, i, weight);
    }
    return 0;
}

int64_t affinity_total(const struct affinity *affinity)
{
    return affinity->total;
}

bool affinity_kind(const struct affinity *affinity, struct str kind, uint32_t *ret_number)
{
    uint64_t hash = tag_hash(affinity, RANK_KIND, RANK_NO_KIND, kind);
    uint32_t place;

    if (!find(affinity, hash, RANK_KIND, RANK_NO_KIND, kind, &place))
        return false;
    *ret_number = affinity->tags[place].kind;
    return true;
}

int64_t affinity_weight(const struct affinity *affinity, enum rank_tag_class class, uint32_t kind,
                        struct str value)
{
    uint32_t place;

    if (class == RANK_KIND)
        return kind < affinity->kind_count ? affinity->tags[affinity->kind_tags[kind]].weight : 0;
    if (!find(affinity, tag_hash(affinity, class, kind, value), class, kind, value, &place))
        return 0;
    return affinity->tags[place].weight;
}

const struct affinity_tag *affinity_tags(const struct affinity *affinity, size_t *ret_count)
{
    *ret_count = affinity->tag_count;
    return affinity->tags;
}
