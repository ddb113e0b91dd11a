/* One transaction; see apply.h. The steps are those of docs/reliability.md. */
#include "ingest/apply.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/fault.h"
#include "base/mem.h"
#include "ingest/fold.h"

#include <stdlib.h>

struct slice {
    struct item *items;
    size_t count;
    struct owned_partition **partitions; /* those of the items, each once, in locking order */
    size_t partition_count;
    struct item **sorted[RECORD_KINDS]; /* the items to fold, by kind, in order of arrival */
    size_t sorted_count[RECORD_KINDS];
    struct item **erasures; /* in order of arrival; there is nothing else in their slice */
    size_t erasure_count;
    struct rejects rejects;
    struct tally tally;
};

static int by_topic_and_partition(const void *a, const void *b)
{
    const struct partition_claim *x = &(*(struct owned_partition *const *)a)->claim;
    const struct partition_claim *y = &(*(struct owned_partition *const *)b)->claim;
    int order = strcmp(x->topic, y->topic);
    return order != 0 ? order : x->partition - y->partition;
}

static void collect_partitions(struct slice *slice)
{
    for (size_t i = 0; i < slice->count; i++)
        slice->items[i].partition->in_slice = false;
    for (size_t i = 0; i < slice->count; i++) {
        struct owned_partition *partition = slice->items[i].partition;
        if (!partition->in_slice)
            slice->partitions[slice->partition_count++] = partition;
        partition->in_slice = true;
        partition->slice_end = slice->items[i].message.offset + 1;
    }
    qsort(slice->partitions, slice->partition_count, sizeof(*slice->partitions),
          by_topic_and_partition);
}

static void sort_items(struct slice *slice)
{
    for (size_t i = 0; i < slice->count; i++) {
        struct item *item = &slice->items[i];
        enum record_kind kind = item->message.kind;
        if (item->rejected)
            slice->rejects.items[slice->rejects.count++] = item;
        else if (item_is_erasure(item))
            slice->erasures[slice->erasure_count++] = item;
        else
            slice->sorted[kind][slice->sorted_count[kind]++] = item;
    }
}

static void slice_init(struct slice *slice, struct item *items, size_t count)
{
    *slice = (struct slice){.items = items, .count = count};
    slice->partitions = xcalloc(count, sizeof(*slice->partitions));
    slice->rejects.items = xcalloc(count, sizeof(*slice->rejects.items));
    slice->erasures = xcalloc(count, sizeof(*slice->erasures));
    for (int kind = 0; kind < RECORD_KINDS; kind++)
        slice->sorted[kind] = xcalloc(count, sizeof(*slice->sorted[kind]));
    collect_partitions(slice);
    sort_items(slice);
}

static void slice_release(struct slice *slice)
{
    free(slice->partitions);
    free(slice->rejects.items);
    free(slice->erasures);
    tally_release(&slice->tally);
    for (int kind = 0; kind < RECORD_KINDS; kind++)
        free(slice->sorted[kind]);
}

/* Locks every partition's row. 1: an earlier attempt has stored the slice already. */
static int lock_partitions(struct db *db, const struct slice *slice, bool uncertain)
{
    size_t stored = 0;
    if (fault_sabotaged("no-offset-check"))
        return 0;
    for (size_t i = 0; i < slice->partition_count; i++) {
        const struct owned_partition *partition = slice->partitions[i];
        int64_t next = 0;
        int err = offsets_lock(db, &partition->claim, &next);
        if (err != 0)
            return err;
        if (uncertain && next == partition->slice_end)
            stored++;
        else if (next != partition->claim.next_offset)
            return TIP_EFENCED;
    }
    if (stored > 0 && stored < slice->partition_count)
        return TIP_EFENCED; /* half a commit does not exist: somebody else writes here */
    return stored > 0;
}

static int advance_partitions(struct db *db, const struct slice *slice)
{
    for (size_t i = 0; i < slice->partition_count; i++) {
        const struct owned_partition *partition = slice->partitions[i];
        int err = offsets_advance(db, &partition->claim, partition->slice_end);
        if (err == TIP_EFENCED && fault_sabotaged("no-offset-check"))
            err = 0;
        if (err != 0)
            return err;
    }
    return 0;
}

/* The id in a key that could not be decoded: what follows the NUL. */
static struct str key_id(struct str key)
{
    const char *nul = key.data != NULL ? memchr(key.data, '\0', key.len) : NULL;
    if (nul == NULL)
        return (struct str){0};
    return str_from(nul + 1, key.len - (size_t)(nul - key.data) - 1);
}

/* Whom a rejected record belongs to: a company that is none gets it under the empty name. */
static struct str company_of(const struct item *item)
{
    struct str company = item->message.source.company;
    bool possible = company.data != NULL && company.len <= COMPANY_MAX_BYTES;
    return possible ? company : (struct str){0};
}

static struct rejected_row rejected_row_of(const struct item *item, int64_t now_ms)
{
    const struct consumer_message *message = &item->message;
    bool decoded = item->reason != REJECT_MALFORMED;
    const struct record *record = &item->change.record;
    struct rejected_row row = {
        .company = company_of(item),
        .topic = str_of(item->partition->claim.topic),
        .kind = str_of(record_kind_name(message->kind)),
        .record_id = decoded ? record_id(record) : (struct str){0},
        .detail = str_of(item->detail),
        .request_id = message->source.request_id,
        .payload = message->source.value,
        .reason = item->reason,
        .partition = message->partition,
        .position = item->position,
        .rejected_at_ms = now_ms,
    };
    /* An undecoded record is at least found by its key: a user's, of users and coupons. */
    if (decoded)
        row.user_id = message->kind == RECORD_EVENT ? (struct str){0} : record_key_id(record);
    else if (message->kind == RECORD_EVENT)
        row.record_id = key_id(message->source.key);
    else
        row.user_id = key_id(message->source.key);
    return row;
}

static int write_rejects(struct db *db, const struct rejects *rejects, struct tally *tally)
{
    AUTO_FREE struct rejected_row *rows = xcalloc(rejects->count, sizeof(*rows));
    int64_t now_ms = clock_realtime_ms();
    for (size_t i = 0; i < rejects->count; i++)
        rows[i] = rejected_row_of(rejects->items[i], now_ms);
    int err = rejected_write(db, rows, rejects->count);
    for (size_t i = 0; err == 0 && i < rejects->count; i++)
        tally_add(tally, counted_rejects_of(rejects->items[i]->message.kind), rejects->items[i],
                  rows[i].is_new, 1);
    return err;
}

/* Everything of the user that stands before the item in its partition. */
static int erase(struct db *db, const struct item *item, struct tally *tally)
{
    uint64_t rows = 0;
    const struct erasure erasure = {.company = item->change.company,
                                    .user_id = record_key_id(&item->change.record),
                                    .topic = str_of(item->partition->claim.topic),
                                    .partition = item->message.partition,
                                    .position = item->position};
    int err = item->message.kind == RECORD_USER ? users_erase(db, &erasure, &rows)
                                                : coupons_erase(db, &erasure, &rows);
    if (err == 0)
        tally_add(tally, counted_of(item->message.kind), item, -(int64_t)rows, 0);
    return err == 0 ? rejected_erase(db, &erasure) : err;
}

static int write_erasures(struct db *db, struct slice *slice, struct ingest_counters *counters)
{
    int err = 0;
    for (size_t i = 0; err == 0 && i < slice->erasure_count; i++)
        err = erase(db, slice->erasures[i], &slice->tally);
    counters->erased += slice->erasure_count;
    return err;
}

static int write_rows(struct db *db, struct slice *slice, struct ingest_counters *counters)
{
    struct tally *tally = &slice->tally;
    int err = fold_users(db, slice->sorted[RECORD_USER], slice->sorted_count[RECORD_USER], counters,
                         tally);
    if (err == 0)
        err = fold_events(db, slice->sorted[RECORD_EVENT], slice->sorted_count[RECORD_EVENT],
                          counters, tally);
    if (err == 0)
        err = fold_coupons(db, slice->sorted[RECORD_COUPON], slice->sorted_count[RECORD_COUPON],
                           &slice->rejects, counters, tally);
    if (err == 0)
        err = write_erasures(db, slice, counters);
    if (err == 0)
        err = write_rejects(db, &slice->rejects, tally);
    if (err == 0)
        err = tally_write(db, tally);
    counters->rejected += slice->rejects.count;
    return err;
}

/* Sabotage: the offsets in a transaction of their own, before the data. */
static int advance_alone(struct db *db, const struct slice *slice)
{
    int err = advance_partitions(db, slice);
    if (err == 0)
        err = db_commit(db);
    return err == 0 ? db_begin(db) : err;
}

static int transact(struct db *db, struct slice *slice, bool uncertain,
                    struct ingest_counters *counters)
{
    int err = db_begin(db);
    if (err == 0)
        err = lock_partitions(db, slice, uncertain);
    if (err != 0)
        return err; /* > 0: stored by an earlier attempt */
    bool offsets_first = fault_sabotaged("offsets-first");
    if (offsets_first)
        err = advance_alone(db, slice);
    if (err == 0)
        err = write_rows(db, slice, counters);
    if (err == 0 && !offsets_first)
        err = advance_partitions(db, slice);
    if (err != 0)
        return err;
    fault_die("before-commit");
    err = db_commit(db);
    fault_die("after-commit");
    return err;
}

int apply_slice(struct db *db, struct item *items, size_t count, bool uncertain,
                struct ingest_counters *counters)
{
    struct slice slice;
    struct ingest_counters own = {0};
    slice_init(&slice, items, count);
    int err = transact(db, &slice, uncertain, &own);
    if (err != 0)
        db_rollback(db);
    if (err >= 0) {
        for (size_t i = 0; i < slice.partition_count; i++)
            slice.partitions[i]->claim.next_offset = slice.partitions[i]->slice_end;
#define X(field, metric, help) counters->field += own.field;
        INGEST_COUNTERS(X)
#undef X
        counters->batches++;
    }
    slice_release(&slice);
    return err < 0 ? err : 0;
}
