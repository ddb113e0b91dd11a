/* Numbers, open addressing; see number_set.h. */
#include "view/number_set.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_SLOTS = 64 };

void number_set_init(struct number_set *set)
{
    *set = (struct number_set){.slots = xcalloc(FIRST_SLOTS, sizeof(*set->slots)),
                               .mask = FIRST_SLOTS - 1,
                               .allocated = FIRST_SLOTS};
}

void number_set_release(struct number_set *set)
{
    free(set->slots);
    *set = (struct number_set){0};
}

void number_set_clear(struct number_set *set)
{
    set->mask = FIRST_SLOTS - 1;
    set->count = 0;
    memset(set->slots, 0, FIRST_SLOTS * sizeof(*set->slots));
}

/* The numbers go through a copy: the new slots lie where the old ones are. */
static void grow(struct number_set *set, size_t slots)
{
    size_t before = (size_t)set->mask + 1, count = 0;
    AUTO_FREE uint32_t *numbers = set->count == 0 ? NULL : xcalloc(set->count, sizeof(*numbers));
    for (size_t i = 0; numbers != NULL && i < before; i++)
        if (set->slots[i] != 0)
            numbers[count++] = set->slots[i];
    if (slots > set->allocated) {
        set->slots = xreallocarray(set->slots, slots, sizeof(*set->slots));
        set->allocated = slots;
    }
    memset(set->slots, 0, slots * sizeof(*set->slots));
    set->mask = (uint32_t)slots - 1;
    for (size_t i = 0; i < count; i++)
        *number_set_slot(set, numbers[i]) = numbers[i];
}

void number_set_reserve(struct number_set *set, size_t more)
{
    size_t slots = (size_t)set->mask + 1;
    while (slots <= 2 * (set->count + more))
        slots *= 2;
    if (slots > (size_t)set->mask + 1)
        grow(set, slots);
}
