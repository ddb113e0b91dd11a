/*
 * What the writer knows of events without looking into the tables: by id and by number, filled as
 * they are used. Counts change here first; the writer brings them into the tables at commit. Pure
 * memory; forgotten whole when a transaction is given up, or when it has grown large.
 */
#ifndef TIPSTER_VIEW_EVENT_CACHE_H
#define TIPSTER_VIEW_EVENT_CACHE_H

#include "rank/hash_index.h"
#include "store/read_arena.h"

struct event_entry {
    uint32_t number, company;
    struct str id;
    uint32_t group; /* 0: not known */
    uint32_t member_count;
    const uint32_t *members; /* in the order of their names */
    int64_t begin_ms;
    uint64_t count;   /* selections of it in the view */
    uint64_t written; /* the same as counts and popular have it */
    bool listed;
    bool changed; /* stands in the list of changed ones */
};

struct event_cache {
    struct event_entry **blocks; /* entries never move */
    size_t count, block_count, block_capacity;
    struct hash_index by_id, by_number;
    uint64_t seed;      /* of the hashes of ids */
    struct arena arena; /* ids and members */
    struct event_entry **changed;
    size_t changed_count, changed_capacity;
};

void event_cache_init(struct event_cache *cache);
void event_cache_release(struct event_cache *cache);
void event_cache_clear(struct event_cache *cache);

/* NULL: not here. */
struct event_entry *event_cache_by_id(const struct event_cache *cache, uint32_t company,
                                      struct str id);
struct event_entry *event_cache_by_number(const struct event_cache *cache, uint32_t number);
/*
 * event_cache_by_id in three steps, for many events at once: the second and the third begin with
 * what the step before has fetched into the processor's cache meanwhile.
 */
uint64_t event_cache_hash(const struct event_cache *cache, uint32_t company, struct str id);
void event_cache_foresee(const struct event_cache *cache, uint64_t hash);
struct event_entry *event_cache_find(const struct event_cache *cache, uint64_t hash,
                                     uint32_t company, struct str id);
/* A new entry; id is copied, the rest is for the caller to fill in. */
struct event_entry *event_cache_add(struct event_cache *cache, uint32_t number, uint32_t company,
                                    struct str id);
/* Sets the members; they are copied. */
void event_cache_tag(struct event_cache *cache, struct event_entry *entry, uint32_t group,
                     const uint32_t *members, uint32_t member_count);
/* Notes that the count is to be written. */
void event_cache_touch(struct event_cache *cache, struct event_entry *entry);

#endif
