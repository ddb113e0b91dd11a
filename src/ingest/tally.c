/* Counts of a slice; see tally.h. */
#include "ingest/tally.h"

#include "base/mem.h"

#include <stdlib.h>

static bool is_of(const struct record_count *count, enum counted kind, const struct item *item)
{
    return count->partition == item->message.partition && count->kind == kind &&
           str_equal(count->company, item->message.source.company);
}

/* There are as many as the slice's companies have partitions: few. */
static struct record_count *find(struct tally *tally, enum counted kind, const struct item *item)
{
    for (size_t i = 0; i < tally->count; i++) {
        struct record_count *count = &tally->counts[(tally->last + i) % tally->count];
        if (is_of(count, kind, item)) {
            tally->last = (size_t)(count - tally->counts);
            return count;
        }
    }
    if (tally->count == tally->capacity) {
        tally->capacity = tally->capacity * 2 + 16;
        tally->counts = xreallocarray(tally->counts, tally->capacity, sizeof(*tally->counts));
    }
    struct record_count *count = &tally->counts[tally->count++];
    *count = (struct record_count){.company = item->message.source.company,
                                   .kind = kind,
                                   .partition = item->message.partition};
    return count;
}

void tally_add(struct tally *tally, enum counted kind, const struct item *item, int64_t n,
               int64_t stored)
{
    struct str company = item->message.source.company;
    if (company.len == 0 || company.len > COMPANY_MAX_BYTES)
        return; /* nobody's */
    struct record_count *count = find(tally, kind, item);
    count->n += n;
    count->stored += stored;
    /* The slice's end: all of the partition that is in it is counted with it. */
    count->position =
        position_of(item->partition->claim.generation, item->partition->slice_end - 1);
}

static int in_order(const void *a, const void *b)
{
    const struct record_count *x = a, *y = b;
    int order = str_compare(x->company, y->company);
    if (order == 0)
        order = (int)x->kind - (int)y->kind;
    return order != 0 ? order : x->partition - y->partition;
}

int tally_write(struct db *db, struct tally *tally)
{
    if (tally->count == 0)
        return 0;
    qsort(tally->counts, tally->count, sizeof(*tally->counts), in_order);
    return record_counts_write(db, tally->counts, tally->count);
}

void tally_release(struct tally *tally)
{
    free(tally->counts);
    *tally = (struct tally){0};
}
