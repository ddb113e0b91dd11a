/* The exact best n over sorted sources; see topn.h. */
#include "rank/topn.h"

#include "base/err.h"
#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct topn {
    struct id_set known;         /* excluded, or let in once */
    struct rank_result *entries; /* count of them, in places that do not change */
    uint32_t *order;             /* their places, best first */
    struct rank_result *results; /* the same as entries in that order, of topn_end */
    size_t count;
    size_t capacity;
    size_t n;
    struct rank_item *chunk;
    size_t chunk_max;
    int64_t kind_best[RANK_KINDS_MAX]; /* the greatest base of a kind's groups; -1: it has none */
    char after_id[RANK_ID_MAX_BYTES];  /* a copy: the pulled id may be overwritten by the next */
    struct topn_stats stats;
};

struct topn *topn_new(bool borrow_ids, size_t chunk_max)
{
    assert(chunk_max > 0 && chunk_max <= RANK_CHUNK_MAX);
    struct topn *topn = xcalloc(1, sizeof(*topn));
    id_set_init(&topn->known, borrow_ids);
    topn->chunk_max = chunk_max;
    topn->chunk = xcalloc(chunk_max, sizeof(*topn->chunk));
    return topn;
}

void topn_free(struct topn *topn)
{
    if (topn == NULL)
        return;
    id_set_release(&topn->known);
    free(topn->entries);
    free(topn->order);
    free(topn->results);
    free(topn->chunk);
    free(topn);
}

void topn_clear(struct topn *topn)
{
    id_set_clear(&topn->known);
    topn->count = 0;
}

void topn_exclude(struct topn *topn, struct str id)
{
    id_set_add(&topn->known, id, NULL);
}

bool topn_knows(const struct topn *topn, struct str id)
{
    return id_set_has(&topn->known, id);
}

struct topn_stats topn_stats(const struct topn *topn)
{
    return topn->stats;
}

static int key_compare(const struct rank_key *a, const struct rank_key *b)
{
    if (a->begin_ms != b->begin_ms)
        return a->begin_ms < b->begin_ms ? -1 : 1;
    return str_compare(a->id, b->id);
}

static bool is_better(int64_t numerator, const struct rank_key *key, const struct rank_result *than)
{
    if (numerator != than->numerator)
        return numerator > than->numerator;
    return key_compare(key, &than->key) < 0;
}

static const struct rank_result *at(const struct topn *topn, size_t rank)
{
    return &topn->entries[topn->order[rank]];
}

/* Whether an item with this numerator and key would get in. */
static bool gets_in(const struct topn *topn, int64_t numerator, const struct rank_key *key)
{
    return topn->count < topn->n || is_better(numerator, key, at(topn, topn->count - 1));
}

static void reserve(struct topn *topn)
{
    if (topn->count < topn->capacity)
        return;
    topn->capacity = topn->capacity == 0 ? 128 : topn->capacity * 2;
    topn->entries = xreallocarray(topn->entries, topn->capacity, sizeof(*topn->entries));
    topn->order = xreallocarray(topn->order, topn->capacity, sizeof(*topn->order));
    topn->results = xreallocarray(topn->results, topn->capacity, sizeof(*topn->results));
}

/* How many entries are before this one. */
static size_t rank_of(const struct topn *topn, const struct rank_result *entry)
{
    size_t low = 0, high = topn->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (is_better(entry->numerator, &entry->key, at(topn, middle)))
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/*
 * A sorted list in place of a heap: most items come in their order and go to its end, and where one
 * goes in between, moving the places of the others (4 bytes each) is cheap for any n.
 */
static void let_in(struct topn *topn, const struct rank_result *entry)
{
    uint32_t place;

    if (topn->count == topn->n) { /* in the place of the last */
        place = topn->order[--topn->count];
    } else {
        reserve(topn);
        place = (uint32_t)topn->count;
    }
    size_t rank = topn->count;
    if (rank > 0 && is_better(entry->numerator, &entry->key, at(topn, rank - 1)))
        rank = rank_of(topn, entry);
    memmove(topn->order + rank + 1, topn->order + rank,
            (topn->count - rank) * sizeof(*topn->order));
    topn->order[rank] = place;
    topn->entries[place] = *entry;
    topn->count++;
}

static void offer(struct topn *topn, const struct rank_source *source, const struct rank_item *item)
{
    bool is_member = source->type == RANK_SOURCE_MEMBER;
    struct rank_result entry = {
        .numerator = is_member ? item->base + source->extra : source->base,
        .key = item->key,
        .ref = item->ref,
        .base = is_member ? item->base : source->base,
        .kind = source->kind,
    };

    /* The comparison first: it is cheaper than the look-up, and most items fail it. */
    if (gets_in(topn, entry.numerator, &entry.key) &&
        id_set_add(&topn->known, item->key.id, &entry.key.id))
        let_in(topn, &entry);
}

/*
 * How many items to ask for. Of a group, as many as can still get in, and those that may stand in
 * its list and be skipped: excluded ones, and ones that a member of the kind brought before.
 */
static size_t chunk_limit(const struct topn *topn, const struct rank_source *source)
{
    size_t above = 0, listed = 0;

    if (source->type == RANK_SOURCE_MEMBER || topn->count > topn->chunk_max)
        return topn->chunk_max;
    for (size_t i = 0; i < topn->count; i++) {
        const struct rank_result *entry = &topn->entries[i];
        above += entry->numerator > source->bound;
        listed += entry->kind == source->kind && entry->base == source->base;
    }
    size_t room = topn->n > above ? topn->n - above : 1;
    size_t skipped = listed + source->excluded_hint;
    if (skipped >= topn->chunk_max || room >= topn->chunk_max - skipped)
        return topn->chunk_max;
    return room + skipped;
}

static void keep_after(struct topn *topn, struct rank_key last, struct rank_key *ret_after)
{
    *ret_after = last;
    if (topn->known.borrow)
        return;
    assert(last.id.len <= sizeof(topn->after_id));
    if (last.id.len > 0)
        memcpy(topn->after_id, last.id.data, last.id.len);
    ret_after->id.data = topn->after_id;
}

/* Offers a chunk's items. >0: the source has nothing more that could get in. */
static int offer_chunk(struct topn *topn, const struct rank_source *source, size_t count,
                       const struct rank_key *after)
{
    for (size_t i = 0; i < count; i++) {
        const struct rank_item *item = &topn->chunk[i];
        if (after != NULL && key_compare(after, &item->key) >= 0)
            return TIP_EFATAL; /* following it would loop, or list the wrong items in silence */
        if (!gets_in(topn, source->bound, &item->key))
            return 1;
        offer(topn, source, item);
        after = &item->key;
    }
    /* What follows comes later than the last: where that one would not get in, none will. */
    return after != NULL && !gets_in(topn, source->bound, after);
}

static int read_source(struct topn *topn, const struct rank_source *source, rank_pull pull,
                       void *ctx)
{
    struct rank_key after_key;
    const struct rank_key *after = NULL;

    topn->stats.sources++;
    for (;;) {
        size_t limit = chunk_limit(topn, source);
        size_t count = 0;
        int pulled = pull(ctx, source, after, limit, topn->chunk, &count);
        if (pulled < 0)
            return pulled;
        assert(count <= limit);
        topn->stats.pulls++;
        topn->stats.items += count;
        int offered = offer_chunk(topn, source, count, after);
        if (offered < 0)
            return offered;
        if (offered > 0 || pulled > 0 || count < limit)
            return 0;
        keep_after(topn, topn->chunk[count - 1].key, &after_key);
        after = &after_key;
    }
}

static int source_compare(const void *a_ptr, const void *b_ptr)
{
    const struct rank_source *a = a_ptr, *b = b_ptr;

    return (a->bound < b->bound) - (a->bound > b->bound);
}

static void set_bounds(struct topn *topn, struct rank_source *sources, size_t count)
{
    uint32_t kinds = 0;

    for (size_t i = 0; i < count; i++) {
        assert(sources[i].kind < RANK_KINDS_MAX && sources[i].base >= 0 && sources[i].extra >= 0);
        for (; kinds <= sources[i].kind; kinds++)
            topn->kind_best[kinds] = -1;
    }
    for (size_t i = 0; i < count; i++)
        if (sources[i].type == RANK_SOURCE_GROUP &&
            sources[i].base > topn->kind_best[sources[i].kind])
            topn->kind_best[sources[i].kind] = sources[i].base;
    for (size_t i = 0; i < count; i++) {
        struct rank_source *source = &sources[i];
        int64_t best = topn->kind_best[source->kind];
        if (source->type == RANK_SOURCE_GROUP)
            source->bound = source->base;
        else
            source->bound = best < 0 || source->extra == 0 ? -1 : best + source->extra;
    }
}

/* A caller that keeps its sources sorted pays one pass and no sorting. */
static void sort_sources(struct rank_source *sources, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (source_compare(&sources[i - 1], &sources[i]) > 0) {
            qsort(sources, count, sizeof(*sources), source_compare);
            return;
        }
}

int topn_begin(struct topn *topn, size_t n)
{
    topn->stats = (struct topn_stats){0};
    if (n > RANK_N_MAX)
        return TIP_EINVAL;
    assert(topn->count == 0 || topn->n == n); /* else topn_clear was forgotten */
    topn->n = n;
    return 0;
}

bool topn_wants(const struct topn *topn, int64_t numerator)
{
    /* An equal one too: begin and id may decide for it. */
    return topn->n > 0 &&
           (topn->count < topn->n || numerator >= at(topn, topn->count - 1)->numerator);
}

bool topn_admits(const struct topn *topn, int64_t numerator, const struct rank_key *key)
{
    return gets_in(topn, numerator, key);
}

void topn_put(struct topn *topn, const struct rank_result *entry)
{
    let_in(topn, entry);
}

void topn_end(struct topn *topn, const struct rank_result **ret_results, size_t *ret_count)
{
    for (size_t i = 0; i < topn->count; i++)
        topn->results[i] = *at(topn, i);
    *ret_results = topn->results;
    *ret_count = topn->count;
}

int topn_run(struct topn *topn, struct rank_source *sources, size_t source_count, size_t n,
             rank_pull pull, void *ctx, const struct rank_result **ret_results, size_t *ret_count)
{
    int err = topn_begin(topn, n);
    if (err != 0)
        return err;
    set_bounds(topn, sources, source_count);
    sort_sources(sources, source_count);
    for (size_t i = 0; i < source_count && sources[i].bound >= 0; i++) {
        if (!topn_wants(topn, sources[i].bound))
            break;
        int failed = read_source(topn, &sources[i], pull, ctx);
        if (failed != 0)
            return failed;
    }
    topn_end(topn, ret_results, ret_count);
    return 0;
}
