/*
 * A set of ids (byte strings) that is filled and emptied for every request without giving its
 * memory back. It copies the ids, or only points at them where the caller says that they stay.
 */
#ifndef TIPSTER_RANK_ID_SET_H
#define TIPSTER_RANK_ID_SET_H

#include "base/str.h"
#include "rank/hash_index.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RANK_ID_MAX_BYTES                                                                          \
    256 /* the longest id; a longer one is a defect of the caller (assert)                         \
         */

struct id_set {
    struct hash_index index;
    struct str *ids;
    size_t count;
    size_t capacity;
    bool borrow;
    uint64_t seed;
    char **blocks; /* the copies; blocks never move, so that the slices into them stay valid */
    size_t block_count;
    size_t block_capacity;
    size_t block_at;
    size_t block_used_bytes;
};

/* borrow: ids are not copied, their bytes stay valid until the next clear. The set must not be
 * moved in memory. */
void id_set_init(struct id_set *set, bool borrow);
void id_set_release(struct id_set *set);
/* Empty again; slices it returned are void. */
void id_set_clear(struct id_set *set);
bool id_set_has(const struct id_set *set, struct str id);
/* Adds id and returns true, or false where it was there; *ret_stored: the set's own slice of it,
 * valid until the next clear (ret_stored may be NULL). */
bool id_set_add(struct id_set *set, struct str id, struct str *ret_stored);

#endif
