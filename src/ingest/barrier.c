/* Levels of a batch; see barrier.h. */
#include "ingest/barrier.h"

#include "base/mem.h"

/* Returns the highest level. */
static int set_levels(struct batch *batch)
{
    int highest = 0;
    for (size_t i = 0; i < batch->count; i++)
        batch->items[i].partition->level = 0;
    for (size_t i = 0; i < batch->count; i++) {
        struct item *item = &batch->items[i];
        struct owned_partition *partition = item->partition;
        if (item_is_erasure(item) != (partition->level % 2 == 1))
            partition->level++;
        item->level = partition->level;
        if (item->level > highest)
            highest = item->level;
    }
    return highest;
}

void barrier_order(struct batch *batch)
{
    int highest = set_levels(batch);
    if (highest == 0)
        return;
    AUTO_FREE struct item *before = xcalloc(batch->count, sizeof(*before));
    size_t count = 0;
    memcpy(before, batch->items, batch->count * sizeof(*before));
    for (int level = 0; level <= highest; level++)
        for (size_t i = 0; i < batch->count; i++)
            if (before[i].level == level)
                batch->items[count++] = before[i];
}

size_t barrier_slice(const struct item *items, size_t count)
{
    size_t len = 1;
    while (len < count && items[len].level == items[0].level)
        len++;
    return len;
}
