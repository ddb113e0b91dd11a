/* A reusable set of ids; see id_set.h. */
#include "rank/id_set.h"

#include "base/mem.h"
#include "rank/mix.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES 16384

_Static_assert(RANK_ID_MAX_BYTES <= BLOCK_BYTES, "an id fits into a block");

void id_set_init(struct id_set *set, bool borrow)
{
    *set = (struct id_set){.borrow = borrow, .seed = mix_seed(set)};
    hash_index_init(&set->index);
}

void id_set_release(struct id_set *set)
{
    hash_index_release(&set->index);
    for (size_t i = 0; i < set->block_count; i++)
        free(set->blocks[i]);
    free(set->blocks);
    free(set->ids);
    id_set_init(set, set->borrow);
}

void id_set_clear(struct id_set *set)
{
    hash_index_clear(&set->index);
    set->count = 0;
    set->block_at = 0;
    set->block_used_bytes = 0;
}

static bool find(const struct id_set *set, uint64_t hash, struct str id, uint32_t *ret_entry)
{
    struct hash_probe probe = hash_probe(hash);
    uint32_t entry;

    while (hash_index_next(&set->index, &probe, &entry))
        if (str_equal(set->ids[entry], id)) {
            *ret_entry = entry;
            return true;
        }
    return false;
}

bool id_set_has(const struct id_set *set, struct str id)
{
    uint32_t entry;
    return find(set, mix_bytes(set->seed, id), id, &entry);
}

static struct str copy_id(struct id_set *set, struct str id)
{
    assert(id.len <= RANK_ID_MAX_BYTES);
    if (set->block_at < set->block_count && set->block_used_bytes + id.len > BLOCK_BYTES) {
        set->block_at++;
        set->block_used_bytes = 0;
    }
    if (set->block_at == set->block_count) {
        if (set->block_count == set->block_capacity) {
            set->block_capacity = set->block_capacity == 0 ? 4 : set->block_capacity * 2;
            set->blocks = xreallocarray(set->blocks, set->block_capacity, sizeof(*set->blocks));
        }
        set->blocks[set->block_count++] = xmalloc(BLOCK_BYTES);
    }
    char *copy = set->blocks[set->block_at] + set->block_used_bytes;
    if (id.len > 0)
        memcpy(copy, id.data, id.len);
    set->block_used_bytes += id.len;
    return str_from(copy, id.len);
}

bool id_set_add(struct id_set *set, struct str id, struct str *ret_stored)
{
    uint64_t hash = mix_bytes(set->seed, id);
    uint32_t entry;
    bool fresh = !find(set, hash, id, &entry);

    if (fresh) {
        if (set->count == set->capacity) {
            set->capacity = set->capacity == 0 ? 64 : set->capacity * 2;
            set->ids = xreallocarray(set->ids, set->capacity, sizeof(*set->ids));
        }
        entry = (uint32_t)set->count++;
        set->ids[entry] = set->borrow ? id : copy_id(set, id);
        hash_index_add(&set->index, hash, entry);
    }
    if (ret_stored != NULL)
        *ret_stored = set->ids[entry];
    return fresh;
}
