/*
 * Preloaded into a process, makes one allocation in NO_MEMORY_ONE_IN fail, after the first
 * NO_MEMORY_AFTER. The C library's own functions do the rest.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

static atomic_long calls;
static long after, one_in;

__attribute__((constructor)) static void read_settings(void)
{
    const char *text = getenv("NO_MEMORY_AFTER");
    after = text != NULL ? strtol(text, NULL, 10) : 0;
    text = getenv("NO_MEMORY_ONE_IN");
    one_in = text != NULL ? strtol(text, NULL, 10) : 0;
}

static int fails(void)
{
    long call = atomic_fetch_add(&calls, 1);
    if (one_in == 0 || call < after || call % one_in != one_in - 1)
        return 0;
    errno = ENOMEM;
    return 1;
}

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);

void *malloc(size_t size)
{
    return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return fails() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    return fails() ? NULL : __libc_realloc(memory, size);
}
