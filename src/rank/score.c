/* Numerators and their reasons; see score.h. */
#include "rank/score.h"

_Static_assert(RANK_CHOICES_MAX *RANK_WEIGHT_ONE <= ((int64_t)1 << 53) / RANK_WEIGHT_SUM,
               "numerators and 10 000 * W are exact in a double, and far from INT64_MAX");

bool rank_weights_valid(const struct rank_weights *weights)
{
    const int64_t each[] = {weights->kind, weights->series, weights->region, weights->member};
    int64_t left = RANK_WEIGHT_SUM;

    for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
        if (each[i] < 0 || each[i] > left)
            return false;
        left -= each[i];
    }
    return left == 0;
}

/* The part of a score that one tag makes; kind as in affinity_weight. */
static int64_t tag_part(const struct affinity *affinity, const struct rank_weights *weights,
                        enum rank_tag_class class, uint32_t kind, struct str value)
{
    const int64_t factors[RANK_TAG_CLASSES] = {
        [RANK_KIND] = weights->kind,
        [RANK_SERIES] = weights->series,
        [RANK_REGION] = weights->region,
        [RANK_MEMBER] = weights->member,
    };
    return factors[class] * affinity_weight(affinity, class, kind, value);
}

int64_t score_base(const struct affinity *affinity, const struct rank_weights *weights,
                   uint32_t kind, struct str series, struct str region)
{
    return score_sum(weights, affinity_weight(affinity, RANK_KIND, kind, str_from("", 0)),
                     affinity_weight(affinity, RANK_SERIES, kind, series),
                     affinity_weight(affinity, RANK_REGION, RANK_NO_KIND, region));
}

int64_t score_base_bound(const struct affinity *affinity, const struct rank_weights *weights,
                         uint32_t kind)
{
    size_t count;
    const struct affinity_tag *tags = affinity_tags(affinity, &count);
    int64_t series = 0, region = 0;

    for (size_t i = 0; i < count; i++) {
        const struct affinity_tag *tag = &tags[i];
        if (tag->class == RANK_SERIES && tag->kind == kind && tag->weight > series)
            series = tag->weight;
        if (tag->class == RANK_REGION && tag->weight > region)
            region = tag->weight;
    }
    return tag_part(affinity, weights, RANK_KIND, kind, str_from("", 0)) +
           weights->series * series + weights->region * region;
}

int64_t score_member(const struct affinity *affinity, const struct rank_weights *weights,
                     uint32_t kind, struct str member)
{
    return tag_part(affinity, weights, RANK_MEMBER, kind, member);
}

/* The largest member part; *ret_best: the member that it is of, untouched where there is none. */
static int64_t best_member(const struct affinity *affinity, const struct rank_weights *weights,
                           uint32_t kind, const struct rank_tags *tags, struct str *ret_best)
{
    int64_t best = 0;

    for (size_t i = 0; i < tags->member_count; i++) {
        int64_t part = score_member(affinity, weights, kind, tags->members[i]);
        if (part > best ||
            (part == best && part > 0 && str_compare(tags->members[i], *ret_best) < 0)) {
            best = part;
            *ret_best = tags->members[i];
        }
    }
    return best;
}

bool score_item(const struct affinity *affinity, const struct rank_weights *weights,
                const struct rank_tags *tags, int64_t *ret_numerator)
{
    uint32_t kind;
    struct str best = {0};

    if (!affinity_kind(affinity, tags->kind, &kind))
        return false;
    *ret_numerator = score_base(affinity, weights, kind, tags->series, tags->region) +
                     best_member(affinity, weights, kind, tags, &best);
    return true;
}

double score_value(int64_t numerator, int64_t total)
{
    return total == 0 ? 0.0 : (double)numerator / (double)(RANK_WEIGHT_SUM * total);
}

size_t score_order(const struct rank_reason parts[RANK_TAG_CLASSES],
                   struct rank_reason ret_reasons[RANK_TAG_CLASSES])
{
    int64_t numerator = 0;
    size_t count = 0;

    for (size_t i = 0; i < RANK_TAG_CLASSES; i++) {
        size_t at = count;
        if (parts[i].part == 0)
            continue;
        numerator += parts[i].part;
        for (; at > 0 && ret_reasons[at - 1].part < parts[i].part; at--)
            ret_reasons[at] = ret_reasons[at - 1];
        ret_reasons[at] = parts[i];
        count++;
    }
    for (size_t i = 0; i < count; i++)
        ret_reasons[i].share = (double)ret_reasons[i].part / (double)numerator;
    return count;
}

size_t score_explain(const struct affinity *affinity, const struct rank_weights *weights,
                     const struct rank_tags *tags, struct rank_reason ret_reasons[RANK_TAG_CLASSES])
{
    uint32_t kind;
    struct str member = {0};

    if (!affinity_kind(affinity, tags->kind, &kind))
        return 0;
    int64_t of_kind = tag_part(affinity, weights, RANK_KIND, kind, tags->kind);
    int64_t of_series = tag_part(affinity, weights, RANK_SERIES, kind, tags->series);
    int64_t of_region = tag_part(affinity, weights, RANK_REGION, RANK_NO_KIND, tags->region);
    int64_t of_member = best_member(affinity, weights, kind, tags, &member);
    const struct rank_reason parts[RANK_TAG_CLASSES] = {
        {.class = RANK_KIND, .value = tags->kind, .part = of_kind},
        {.class = RANK_SERIES, .value = tags->series, .part = of_series},
        {.class = RANK_REGION, .value = tags->region, .part = of_region},
        {.class = RANK_MEMBER, .value = member, .part = of_member},
    };
    return score_order(parts, ret_reasons);
}
