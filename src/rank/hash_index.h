/*
 * From a hash to the numbers of the entries that have it: the lookup half of a hash table whose
 * entries stand in an array of the caller. Open addressing; emptying it costs nothing whatever its
 * size, so that one large request does not slow all later ones that reuse its memory.
 *
 *   struct hash_probe probe = hash_probe(hash);
 *   while (hash_index_next(&index, &probe, &entry))
 *       if (entries[entry] is the one) …
 */
#ifndef TIPSTER_RANK_HASH_INDEX_H
#define TIPSTER_RANK_HASH_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hash_slot {
    uint32_t epoch; /* in use only where equal to the index's */
    uint32_t hash;
    uint32_t entry;
};

struct hash_index {
    struct hash_slot *slots;
    uint32_t mask; /* slots - 1; 0 while there are none */
    uint32_t count;
    uint32_t epoch;
};

struct hash_probe {
    uint32_t hash;
    uint32_t at;
};

/* An empty index; hash_index_release frees what it holds. */
void hash_index_init(struct hash_index *table);
void hash_index_release(struct hash_index *table);
/* Forgets all entries, keeps the memory. */
void hash_index_clear(struct hash_index *table);
/* Adds entry under hash; does not look whether it is there already. */
void hash_index_add(struct hash_index *table, uint64_t hash, uint32_t entry);

static inline struct hash_probe hash_probe(uint64_t hash)
{
    return (struct hash_probe){.hash = (uint32_t)(hash >> 32), .at = (uint32_t)(hash >> 32)};
}

/* Fetches what the first hash_index_next of a hash will look at into the processor's cache. */
static inline void hash_index_foresee(const struct hash_index *table, uint64_t hash)
{
    if (table->mask != 0)
        __builtin_prefetch(&table->slots[(uint32_t)(hash >> 32) & table->mask]);
}

/* The next entry with the probe's hash, into *ret_entry; false: there are no more. */
static inline bool hash_index_next(const struct hash_index *table, struct hash_probe *probe,
                                   uint32_t *ret_entry)
{
    if (table->mask == 0)
        return false;
    for (;;) {
        const struct hash_slot *slot = &table->slots[probe->at & table->mask];
        if (slot->epoch != table->epoch)
            return false;
        probe->at++;
        if (slot->hash == probe->hash) {
            *ret_entry = slot->entry;
            return true;
        }
    }
}

#endif
