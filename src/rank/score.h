/*
 * The score of one item for an affinity, as an integer:
 *   numerator = a·W(kind) + b·W(series) + c·W(region) + d·(the largest W(member))
 * with integers a b c d that sum to 10 000; what is shown is numerator / (10 000 · W). With at most
 * RANK_CHOICES_MAX choices a numerator stays below 2^51, so the division is exact to the last bit
 * of a double. Only items of a kind that the affinity has are candidates.
 */
#ifndef TIPSTER_RANK_SCORE_H
#define TIPSTER_RANK_SCORE_H

#include "rank/affinity.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RANK_WEIGHT_SUM 10000

/* a, b, c, d. */
struct rank_weights {
    int64_t kind;
    int64_t series;
    int64_t region;
    int64_t member;
};

/* One tag behind a score. */
struct rank_reason {
    enum rank_tag_class class;
    struct str value; /* the item's slice */
    int64_t part;     /* its part of the numerator, > 0 */
    double share;     /* part / numerator */
};

/* Whether each is >= 0 and they sum to RANK_WEIGHT_SUM: the condition of all that follows. */
bool rank_weights_valid(const struct rank_weights *weights);

/* What kind, series and region make of a score, from their W. The definition for all callers. */
static inline int64_t score_sum(const struct rank_weights *weights, int64_t kind, int64_t series,
                                int64_t region)
{
    return weights->kind * kind + weights->series * series + weights->region * region;
}

/* What all items of a group have in common: a·W(kind) + b·W(series) + c·W(region). kind: its number
 * from affinity_kind. */
int64_t score_base(const struct affinity *affinity, const struct rank_weights *weights,
                   uint32_t kind, struct str series, struct str region);
/* No series and region give more than this to a group of the kind. */
int64_t score_base_bound(const struct affinity *affinity, const struct rank_weights *weights,
                         uint32_t kind);
/* What a member adds where it is the item's best: d·W(member). */
int64_t score_member(const struct affinity *affinity, const struct rank_weights *weights,
                     uint32_t kind, struct str member);
/* The numerator of an item. false: its kind is unknown to the affinity, it is no candidate. */
bool score_item(const struct affinity *affinity, const struct rank_weights *weights,
                const struct rank_tags *tags, int64_t *ret_numerator);
/* The score to show, 0 to 1; total is affinity_total. 0 for a total of 0. */
double score_value(int64_t numerator, int64_t total);

/*
 * Brings the parts of a score, in the order of enum rank_tag_class, into the order in which they
 * are listed, with their shares; returns how many are left: those of 0 go.
 */
size_t score_order(const struct rank_reason parts[RANK_TAG_CLASSES],
                   struct rank_reason ret_reasons[RANK_TAG_CLASSES]);

/*
 * The tags behind an item's score into ret_reasons, largest part first, equal parts in the order of
 * enum rank_tag_class; of the members only the best (of equal ones the first in the order of
 * bytes). Returns how many: none for an item that is no candidate or scores 0.
 */
size_t score_explain(const struct affinity *affinity, const struct rank_weights *weights,
                     const struct rank_tags *tags,
                     struct rank_reason ret_reasons[RANK_TAG_CLASSES]);

#endif
