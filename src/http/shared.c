/* Shared memory; see shared.h. */
#include "http/shared.h"

#include <stdlib.h>
#include <sys/mman.h>

void *shared_new(size_t size_bytes)
{
    void *memory =
        mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        abort(); /* as when memory is gone */
    return memory;
}
