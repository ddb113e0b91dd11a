/* Memory by the request; see read_arena.h. */
#include "store/read_arena.h"

#include "base/mem.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

enum { BLOCK_BYTES = 64 * 1024, ALIGNMENT = alignof(max_align_t) };

struct arena_block {
    struct arena_block *next;
    size_t size_bytes;
    alignas(max_align_t) char data[];
};

static void add_block(struct arena *arena, size_t size_bytes)
{
    struct arena_block *block = xmalloc(sizeof(*block) + size_bytes);
    block->next = arena->blocks;
    block->size_bytes = size_bytes;
    arena->blocks = block;
    arena->used_bytes = 0;
}

static char *take(struct arena *arena, size_t size_bytes)
{
    struct arena_block *block = arena->blocks;
    if (block == NULL || block->size_bytes - arena->used_bytes < size_bytes)
        add_block(arena, size_bytes > BLOCK_BYTES ? size_bytes : BLOCK_BYTES);
    char *piece = arena->blocks->data + arena->used_bytes;
    arena->used_bytes += size_bytes;
    return piece;
}

void *arena_alloc(struct arena *arena, size_t size_bytes)
{
    /* What is used is always a multiple of the alignment. */
    if (size_bytes > SIZE_MAX / 2)
        abort();
    return take(arena, (size_bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
}

void *arena_array(struct arena *arena, size_t count, size_t size_bytes)
{
    size_t total;
    if (__builtin_mul_overflow(count, size_bytes, &total))
        abort();
    return arena_alloc(arena, total);
}

struct str arena_copy(struct arena *arena, struct str text)
{
    if (text.len == 0)
        return (struct str){.data = "", .len = 0};
    char *copy = arena_alloc(arena, text.len);
    memcpy(copy, text.data, text.len);
    return str_from(copy, text.len);
}

void arena_clear(struct arena *arena)
{
    struct arena_block *kept = NULL;
    while (arena->blocks != NULL) {
        struct arena_block *block = arena->blocks;
        arena->blocks = block->next;
        if (kept == NULL && block->size_bytes == BLOCK_BYTES)
            kept = block;
        else
            free(block);
    }
    if (kept != NULL)
        kept->next = NULL;
    arena->blocks = kept;
    arena->used_bytes = 0;
}

void arena_release(struct arena *arena)
{
    arena_clear(arena);
    free(arena->blocks);
    *arena = (struct arena){0};
}
