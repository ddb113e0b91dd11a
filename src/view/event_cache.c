/* The writer's events; see event_cache.h. */
#include "view/event_cache.h"

#include "base/hash.h"
#include "base/mem.h"
#include "rank/mix.h"

#include <stdlib.h>

enum { BLOCK_ENTRIES = 1024 };

void event_cache_init(struct event_cache *cache)
{
    *cache = (struct event_cache){0};
    hash_index_init(&cache->by_id);
    hash_index_init(&cache->by_number);
    cache->seed = mix_seed(cache);
}

void event_cache_release(struct event_cache *cache)
{
    for (size_t i = 0; i < cache->block_count; i++)
        free(cache->blocks[i]);
    free(cache->blocks);
    free(cache->changed);
    hash_index_release(&cache->by_id);
    hash_index_release(&cache->by_number);
    arena_release(&cache->arena);
    event_cache_init(cache);
}

void event_cache_clear(struct event_cache *cache)
{
    hash_index_clear(&cache->by_id);
    hash_index_clear(&cache->by_number);
    arena_clear(&cache->arena);
    cache->count = 0;
    cache->changed_count = 0;
}

static struct event_entry *entry_at(const struct event_cache *cache, uint32_t place)
{
    return &cache->blocks[place / BLOCK_ENTRIES][place % BLOCK_ENTRIES];
}

static uint64_t id_hash(const struct event_cache *cache, uint32_t company, struct str id)
{
    return mix_bytes(cache->seed + company * 0x9e3779b97f4a7c15ULL, id);
}

uint64_t event_cache_hash(const struct event_cache *cache, uint32_t company, struct str id)
{
    uint64_t hash = id_hash(cache, company, id);
    hash_index_foresee(&cache->by_id, hash);
    return hash;
}

void event_cache_foresee(const struct event_cache *cache, uint64_t hash)
{
    struct hash_probe probe = hash_probe(hash);
    uint32_t place;
    if (hash_index_next(&cache->by_id, &probe, &place))
        __builtin_prefetch(entry_at(cache, place));
}

struct event_entry *event_cache_find(const struct event_cache *cache, uint64_t hash,
                                     uint32_t company, struct str id)
{
    struct hash_probe probe = hash_probe(hash);
    uint32_t place;
    while (hash_index_next(&cache->by_id, &probe, &place)) {
        struct event_entry *entry = entry_at(cache, place);
        if (entry->company == company && str_equal(entry->id, id))
            return entry;
    }
    return NULL;
}

struct event_entry *event_cache_by_id(const struct event_cache *cache, uint32_t company,
                                      struct str id)
{
    return event_cache_find(cache, id_hash(cache, company, id), company, id);
}

struct event_entry *event_cache_by_number(const struct event_cache *cache, uint32_t number)
{
    struct hash_probe probe = hash_probe(hash_mix(number));
    uint32_t place;
    while (hash_index_next(&cache->by_number, &probe, &place))
        if (entry_at(cache, place)->number == number)
            return entry_at(cache, place);
    return NULL;
}

struct event_entry *event_cache_add(struct event_cache *cache, uint32_t number, uint32_t company,
                                    struct str id)
{
    if (cache->count == cache->block_count * BLOCK_ENTRIES) {
        if (cache->block_count == cache->block_capacity) {
            cache->block_capacity = cache->block_capacity == 0 ? 64 : cache->block_capacity * 2;
            cache->blocks =
                xreallocarray(cache->blocks, cache->block_capacity, sizeof(*cache->blocks));
        }
        cache->blocks[cache->block_count++] = xmalloc(BLOCK_ENTRIES * sizeof(struct event_entry));
    }
    uint32_t place = (uint32_t)cache->count++;
    struct event_entry *entry = entry_at(cache, place);
    *entry = (struct event_entry){
        .number = number, .company = company, .id = arena_copy(&cache->arena, id)};
    hash_index_add(&cache->by_id, id_hash(cache, company, id), place);
    hash_index_add(&cache->by_number, hash_mix(number), place);
    return entry;
}

void event_cache_tag(struct event_cache *cache, struct event_entry *entry, uint32_t group,
                     const uint32_t *members, uint32_t member_count)
{
    uint32_t *copy = NULL;
    if (member_count > 0) {
        copy = arena_array(&cache->arena, member_count, sizeof(*copy));
        memcpy(copy, members, member_count * sizeof(*copy));
    }
    entry->group = group;
    entry->members = copy;
    entry->member_count = member_count;
}

void event_cache_touch(struct event_cache *cache, struct event_entry *entry)
{
    if (entry->changed)
        return;
    entry->changed = true;
    if (cache->changed_count == cache->changed_capacity) {
        cache->changed_capacity = cache->changed_capacity == 0 ? 1024 : cache->changed_capacity * 2;
        cache->changed =
            xreallocarray(cache->changed, cache->changed_capacity, sizeof(struct event_entry *));
    }
    cache->changed[cache->changed_count++] = entry;
}
