/*
 * A slice of bytes that somebody else owns: not NUL-terminated, may hold any byte. Compared
 * byte by byte, as the database compares its VARBINARY columns.
 */
#ifndef TIPSTER_BASE_STR_H
#define TIPSTER_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct str {
    const char *data;
    size_t len;
};

/* The slice over a NUL-terminated string. */
static inline struct str str_of(const char *text)
{
    return (struct str){.data = text, .len = strlen(text)};
}

static inline struct str str_from(const void *data, size_t len)
{
    return (struct str){.data = data, .len = len};
}

static inline bool str_equal(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* A NUL-terminated copy, cut to what fits; up to the first NUL among the bytes. */
static inline void str_to_text(struct str str, char *ret_text, size_t size)
{
    snprintf(ret_text, size, "%.*s", (int)str.len, str.data);
}

/* Order of bytes; a prefix comes before what it begins. <0, 0, >0. */
static inline int str_compare(struct str a, struct str b)
{
    size_t shorter = a.len < b.len ? a.len : b.len;
    int order = shorter > 0 ? memcmp(a.data, b.data, shorter) : 0;
    if (order != 0)
        return order;
    return a.len < b.len ? -1 : a.len > b.len;
}

#endif
