/*
 * Lists in SQL (`in (?, ?, …)`) of any length with few prepared statements: a list is filled up to
 * one of a few sizes by repeating its last value. For the readers of this folder.
 */
#ifndef TIPSTER_STORE_READ_LIST_H
#define TIPSTER_STORE_READ_LIST_H

#include "store/db.h"

enum { LIST_MAX = 256 };

/* The size for count values (1 to LIST_MAX). */
static inline size_t list_size(size_t count)
{
    static const size_t sizes[] = {1, 2, 3, 4, 6, 10, 20, 32, 100};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        if (count <= sizes[i])
            return sizes[i];
    return LIST_MAX;
}

/* Binds count values, then the last of them again (nothing for none) until there are `size`. */
static inline void list_bind(struct stmt *stmt, const struct str *values, size_t count, size_t size)
{
    for (size_t i = 0; i < size; i++)
        stmt_str(stmt, count == 0 ? (struct str){0} : values[i < count ? i : count - 1]);
}

#endif
