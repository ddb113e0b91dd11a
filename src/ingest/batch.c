/* The records of one transaction; see batch.h. */
#include "ingest/batch.h"

#include "base/mem.h"

#include <stdlib.h>

void batch_init(struct batch *batch, size_t capacity)
{
    *batch = (struct batch){.items = xcalloc(capacity, sizeof(struct item)), .capacity = capacity};
}

void batch_add(struct batch *batch, struct consumer_message *message,
               struct owned_partition *partition, int64_t now_ms)
{
    if (batch->count == 0)
        batch->started_at_ms = now_ms;
    struct item *item = &batch->items[batch->count++];
    item->message = *message;
    message->handle = NULL;
    item->partition = partition;
    item->position = position_of(partition->claim.generation, item->message.offset);
    item->level = 0;
    item->change.record.json = NULL;
    item->reason = REJECT_MALFORMED;
    item->rejected = change_decode(item->message.kind, &item->message.source, &item->change,
                                   item->detail, sizeof(item->detail)) != 0;
}

static void release_item(struct item *item)
{
    if (!item->rejected || item->reason != REJECT_MALFORMED)
        change_release(&item->change);
    consumer_message_release(&item->message);
}

void batch_clear(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        release_item(&batch->items[i]);
    batch->count = 0;
}

void batch_release(struct batch *batch)
{
    batch_clear(batch);
    free(batch->items);
    *batch = (struct batch){0};
}
