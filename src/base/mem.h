/*
 * Memory that is there or the process ends: allocation failure aborts with one line on stderr.
 * Sizes that come from outside are bounded before they get here. Released with free().
 */
#ifndef TIPSTER_BASE_MEM_H
#define TIPSTER_BASE_MEM_H

#include <stddef.h>

/* size bytes, not cleared. */
void *xmalloc(size_t size_bytes) __attribute__((malloc, returns_nonnull));
/* count objects of size bytes, cleared; an overflowing product aborts. */
void *xcalloc(size_t count, size_t size_bytes) __attribute__((malloc, returns_nonnull));
/* Resized memory; ptr may be NULL. count * size_bytes must not overflow (aborts). */
void *xreallocarray(void *ptr, size_t count, size_t size_bytes) __attribute__((returns_nonnull));
/* A copy of a NUL-terminated string. */
char *xstrdup(const char *text) __attribute__((malloc, returns_nonnull));
/* A NUL-terminated copy of len bytes. */
char *xmemdup0(const void *data, size_t len) __attribute__((malloc, returns_nonnull));
/* A new string from a format. */
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2), returns_nonnull));

/* For __attribute__((cleanup(free_ptr))): frees what the annotated pointer points at. */
static inline void free_ptr(void *pointer_to_pointer)
{
    void **pp = pointer_to_pointer;
    __builtin_free(*pp);
}
#define AUTO_FREE __attribute__((cleanup(free_ptr)))

#endif
