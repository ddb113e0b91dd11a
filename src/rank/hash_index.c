/* Hash to entry numbers, linear probing; see hash_index.h. */
#include "rank/hash_index.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static const uint32_t first_slots = 64; /* a power of two, as all later sizes */

void hash_index_init(struct hash_index *table)
{
    *table = (struct hash_index){.epoch = 1}; /* not 0: that is what fresh slots carry */
}

void hash_index_release(struct hash_index *table)
{
    free(table->slots);
    hash_index_init(table);
}

void hash_index_clear(struct hash_index *table)
{
    table->count = 0;
    table->epoch++;
    if (table->epoch == 0) { /* once in 2^32: slots of the first epoch would come back to life */
        if (table->mask != 0)
            memset(table->slots, 0, ((size_t)table->mask + 1) * sizeof(*table->slots));
        table->epoch = 1;
    }
}

static void place(struct hash_index *table, uint32_t hash, uint32_t entry)
{
    uint32_t at = hash;
    while (table->slots[at & table->mask].epoch == table->epoch)
        at++;
    table->slots[at & table->mask] =
        (struct hash_slot){.epoch = table->epoch, .hash = hash, .entry = entry};
}

static void grow(struct hash_index *table)
{
    struct hash_slot *old = table->slots;
    size_t old_slots = table->mask == 0 ? 0 : (size_t)table->mask + 1;
    size_t slots = old_slots == 0 ? first_slots : old_slots * 2;

    table->slots = xcalloc(slots, sizeof(*table->slots));
    table->mask = (uint32_t)(slots - 1);
    for (size_t i = 0; i < old_slots; i++)
        if (old[i].epoch == table->epoch)
            place(table, old[i].hash, old[i].entry);
    free(old);
}

void hash_index_add(struct hash_index *table, uint64_t hash, uint32_t entry)
{
    if (table->mask == 0 || table->count >= table->mask / 2)
        grow(table);
    place(table, (uint32_t)(hash >> 32), entry);
    table->count++;
}
