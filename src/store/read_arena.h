/*
 * Memory for the rows of one request: handed out in pieces that never move and are given up all at
 * once. Keeps a moderate amount between requests, so that usual ones allocate nothing.
 */
#ifndef TIPSTER_STORE_READ_ARENA_H
#define TIPSTER_STORE_READ_ARENA_H

#include "base/str.h"

struct arena_block;

/* Zero-initialised is empty. */
struct arena {
    struct arena_block *blocks; /* the one in use first */
    size_t used_bytes;          /* of that one */
};

/* size bytes, aligned for anything, not cleared. */
void *arena_alloc(struct arena *arena, size_t size_bytes);
/* count objects of size bytes; an overflowing product aborts. */
void *arena_array(struct arena *arena, size_t count, size_t size_bytes);
/* A copy of text that lives as long as the rest. */
struct str arena_copy(struct arena *arena, struct str text);
/* Gives up all pieces; keeps one block for the next request. */
void arena_clear(struct arena *arena);
void arena_release(struct arena *arena);

#endif
