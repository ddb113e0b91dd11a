/*
 * What a user likes, in integers: every past choice weighs 2^30 when it is the newest and half of
 * that for each half-life that it is older; a tag weighs the sum over the choices that have it.
 * Integer sums do not depend on their order, so two paths to the same choices agree to the last
 * bit.
 *
 * An affinity is scratch memory for one thread: built for one request, then built again for the
 * next. It borrows the slices of the choices: they must stay as long as it is asked.
 */
#ifndef TIPSTER_RANK_AFFINITY_H
#define TIPSTER_RANK_AFFINITY_H

#include "rank/tag.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RANK_CHOICES_MAX 200                    /* the newest so many choices count */
#define RANK_WEIGHT_ONE  ((int64_t)1 << 30)     /* the weight of the newest choice */
#define RANK_NO_KIND     ((uint32_t)UINT32_MAX) /* in place of a kind's number, for regions */

/* One past choice. The same item may stand in several; each counts. */
struct rank_choice {
    int64_t time_ms;
    struct rank_tags tags;
};

struct affinity_tag {
    enum rank_tag_class class;
    uint32_t kind; /* number of the kind that it is or belongs to; RANK_NO_KIND for a region */
    struct str value;
    int64_t weight; /* W(tag): >= 0; 0 where all choices with it are dozens of half-lives old */
};

struct affinity;

struct affinity *affinity_new(void);
/* NULL is allowed. */
void affinity_free(struct affinity *affinity);
/* No choices again; keeps the memory. */
void affinity_clear(struct affinity *affinity);

/*
 * The weights from choices (in any order), replacing what was there. TIP_EINVAL: more than
 * RANK_CHOICES_MAX choices, or a half-life that is not positive; the affinity is then empty.
 */
int affinity_build(struct affinity *affinity, const struct rank_choice *choices, size_t count,
                   int64_t half_life_ms);

/* W, the sum of the choices' weights: 0 without choices, else at least RANK_WEIGHT_ONE. */
int64_t affinity_total(const struct affinity *affinity);
/* The number of a kind that a choice has: 0, 1, … in the order of first occurrence. false: none
 * has it, and no item of this kind is a candidate. */
bool affinity_kind(const struct affinity *affinity, struct str kind, uint32_t *ret_number);
/* W(tag), 0 for an unknown one. kind: the number of its kind, RANK_NO_KIND for a region; for a
 * RANK_KIND its own number counts and value is not looked at. */
int64_t affinity_weight(const struct affinity *affinity, enum rank_tag_class class, uint32_t kind,
                        struct str value);
/* All tags, in the order of first occurrence; valid until the next build or clear. */
const struct affinity_tag *affinity_tags(const struct affinity *affinity, size_t *ret_count);

/*
 * floor(2^30 * 2^(-age / half_life) + 1/2), in double. Python's floor(2**30 * 2.0**(-age /
 * half_life)
 * + 0.5) is the same formula. exp2 is good to under one unit in its last place, 2^-52 of the value;
 * so the result is the exact one unless the exact product lies within 2^-22 of a half, and then it
 * is off by 1 at most: two C libraries may differ there, two paths in one process never. age_ms >=
 * 0, both below 2^53 (285 000 years).
 */
int64_t rank_weight(int64_t age_ms, int64_t half_life_ms);

#endif
