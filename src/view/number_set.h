/*
 * A set of a view's numbers (1 and up), for one request after the other: a dozen numbers are put in
 * and asked for in each, so emptying and adding must cost next to nothing. The numbers are the
 * view's own, so nobody outside can choose them to collide. Open addressing, 0 is a free slot.
 */
#ifndef TIPSTER_VIEW_NUMBER_SET_H
#define TIPSTER_VIEW_NUMBER_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct number_set {
    uint32_t *slots;
    uint32_t mask;    /* slots in use - 1 */
    size_t count;     /* of numbers */
    size_t allocated; /* slots that there is memory for */
};

void number_set_init(struct number_set *set);
void number_set_release(struct number_set *set);
void number_set_clear(struct number_set *set);
/* Room for so many more, so that adding them does not move the others again and again. */
void number_set_reserve(struct number_set *set, size_t more);

static inline uint32_t *number_set_slot(const struct number_set *set, uint32_t number)
{
    uint32_t at = number * UINT32_C(0x9e3779b1) >> 7;
    while (set->slots[at & set->mask] != 0 && set->slots[at & set->mask] != number)
        at++;
    return &set->slots[at & set->mask];
}

static inline bool number_set_has(const struct number_set *set, uint32_t number)
{
    return *number_set_slot(set, number) == number;
}

/* Twice is once. */
static inline void number_set_add(struct number_set *set, uint32_t number)
{
    if (2 * set->count > set->mask)
        number_set_reserve(set, set->count);
    uint32_t *slot = number_set_slot(set, number);
    set->count += *slot == 0;
    *slot = number;
}

#endif
