/*
 * What the tables say of each other; see check.h. Counts are compared in two passes with bounded
 * memory: sums over buckets of events first, then event by event within the few buckets that
 * differ.
 */
#include "cli/check.h"

#include "base/hash.h"
#include "base/mem.h"
#include "store/audit.h"
#include "store/record_counts.h"

#include <inttypes.h>
#include <stdlib.h>

enum { BUCKETS = 1 << 16, BUCKETS_NAMED = 64, EVENTS_NAMED = 4096 };

struct event_count {
    char *event_id;
    size_t len;
    int64_t counted, selections;
};

struct counts {
    struct check *check;
    int64_t *counted, *selections; /* per bucket */
    bool *wrong;                   /* per bucket: looked at in the second pass */
    struct event_count *events;
    size_t event_count;
};

static size_t bucket_of(struct str event_id)
{
    return (size_t)(hash_bytes(event_id) % BUCKETS);
}

static int add_counted(void *arg, struct str event_id, int64_t n)
{
    struct counts *counts = arg;
    check_row(counts->check);
    counts->counted[bucket_of(event_id)] += n;
    return 0;
}

static int add_selection(void *arg, struct str event_id, int64_t n)
{
    struct counts *counts = arg;
    check_row(counts->check);
    counts->selections[bucket_of(event_id)] += n;
    return 0;
}

/* The event's place among those of the wrong buckets; NULL: its bucket is right, or there are too
 * many. */
static struct event_count *find_event(struct counts *counts, struct str event_id)
{
    if (!counts->wrong[bucket_of(event_id)])
        return NULL;
    for (size_t i = 0; i < counts->event_count; i++)
        if (str_equal(str_from(counts->events[i].event_id, counts->events[i].len), event_id))
            return &counts->events[i];
    if (counts->event_count == EVENTS_NAMED)
        return NULL;
    struct event_count *event = &counts->events[counts->event_count++];
    *event = (struct event_count){.event_id = xmemdup0(event_id.data, event_id.len),
                                  .len = event_id.len};
    return event;
}

static int name_counted(void *arg, struct str event_id, int64_t n)
{
    struct event_count *event = find_event(arg, event_id);
    if (event != NULL)
        event->counted += n;
    return 0;
}

static int name_selection(void *arg, struct str event_id, int64_t n)
{
    struct event_count *event = find_event(arg, event_id);
    if (event != NULL)
        event->selections += n;
    return 0;
}

/* Marks the first wrong buckets; the others are counted as findings at once. */
static size_t mark_wrong(struct check *check, struct counts *counts)
{
    size_t named = 0;
    for (size_t i = 0; i < BUCKETS; i++) {
        if (counts->counted[i] == counts->selections[i])
            continue;
        counts->wrong[i] = named < BUCKETS_NAMED;
        if (named++ >= BUCKETS_NAMED)
            check->report->found[FINDING_COUNTS]++;
    }
    return named;
}

static int name_events(struct check *check, struct counts *counts)
{
    int err = audit_counts(check->db, check->company, name_counted, counts);
    if (err == 0)
        err = audit_selections(check->db, check->company, name_selection, counts);
    for (size_t i = 0; err == 0 && i < counts->event_count; i++) {
        const struct event_count *event = &counts->events[i];
        if (event->counted != event->selections)
            report_find(check->report, FINDING_COUNTS, "event", (struct str){0},
                        str_from(event->event_id, event->len),
                        "counted %" PRId64 ", has %" PRId64 " selections", event->counted,
                        event->selections);
    }
    return err;
}

static int compare_counts(struct check *check, struct counts *counts)
{
    int err = audit_counts(check->db, check->company, add_counted, counts);
    if (err == 0)
        err = audit_selections(check->db, check->company, add_selection, counts);
    return err == 0 && mark_wrong(check, counts) > 0 ? name_events(check, counts) : err;
}

static int check_counts(struct check *check)
{
    struct counts counts = {.check = check,
                            .counted = xcalloc(BUCKETS, sizeof(*counts.counted)),
                            .selections = xcalloc(BUCKETS, sizeof(*counts.selections)),
                            .wrong = xcalloc(BUCKETS, sizeof(*counts.wrong)),
                            .events = xcalloc(EVENTS_NAMED, sizeof(*counts.events))};
    int err = compare_counts(check, &counts);
    for (size_t i = 0; i < counts.event_count; i++)
        free(counts.events[i].event_id);
    free(counts.counted);
    free(counts.selections);
    free(counts.wrong);
    free(counts.events);
    return err;
}

/* The rows have been read by the parts before this one. Not while others go on sending. */
static int check_totals(struct check *check)
{
    struct record_totals totals;
    int err = record_counts_read(check->db, check->company, &totals);
    for (int kind = 0; err == 0 && kind < RECORD_KINDS; kind++) {
        const struct tally *tally = &check->report->tallies[kind];
        const char *name = record_kind_name((enum record_kind)kind);
        int64_t stored = totals.n[counted_of((enum record_kind)kind)],
                rejected = totals.n[counted_rejects_of((enum record_kind)kind)];
        if (stored != (int64_t)tally->stored)
            report_find(check->report, FINDING_TOTALS, name, (struct str){0}, (struct str){0},
                        "%" PRId64 " are counted, %" PRIu64 " are there", stored, tally->stored);
        if (rejected != (int64_t)tally->rejected)
            report_find(check->report, FINDING_TOTALS, "rejected", (struct str){0}, str_of(name),
                        "%" PRId64 " are counted, %" PRIu64 " are there", rejected,
                        tally->rejected);
    }
    return err;
}

static int on_orphan(void *arg, const char *table, struct str user_id, struct str id)
{
    struct check *check = arg;
    report_find(check->report, FINDING_ORPHAN, table, user_id, id, "belongs to nothing");
    return 0;
}

static int on_company(void *arg, const char *table, struct str company)
{
    struct check *check = arg;
    report_find(check->report, FINDING_COMPANY, table, (struct str){0}, company,
                "rows of an unknown company");
    return 0;
}

int check_tables(struct check *check)
{
    int err = check_counts(check);
    if (err == 0 && !check->partial)
        err = check_totals(check);
    if (err == 0)
        err = audit_orphans(check->db, check->company, on_orphan, check);
    if (err == 0)
        err = audit_companies(check->db, on_company, check);
    return err;
}
