/*
 * The exact best n. Sources are read by the best numerator that they may hold: a participant by the
 * best group of its sport plus what it adds, until it is taken apart into its runs; a run, of a
 * participant in a group or of a whole group, by the one numerator that all its events have at
 * least. So the first sight of an event is its best, and what cannot reach the n-th is never read.
 */
#include "base/err.h"
#include "base/mem.h"
#include "view/reader_internal.h"
#include "view/writer.h"

#include <stdlib.h>

enum { SOURCES_UNSORTED = 8 };

static int64_t base_of(const struct view_reader *reader, const struct catalogue_group *group)
{
    const struct profile *profile = &reader->profile;
    return score_sum(&reader->weights, profile_attribute(profile, group->sport),
                     profile_attribute(profile, group->league),
                     profile_attribute(profile, group->country));
}

static void reserve_sources(struct view_reader *reader, size_t more)
{
    size_t wanted = reader->source_count + more;
    if (wanted <= reader->source_capacity)
        return;
    reader->source_capacity = wanted < 128 ? 256 : wanted * 2;
    reader->sources =
        xreallocarray(reader->sources, reader->source_capacity, sizeof(*reader->sources));
}

static void append_source(struct view_reader *reader, int64_t bound, uint32_t member,
                          uint32_t group)
{
    reserve_sources(reader, 1);
    reader->sources[reader->source_count++] = (struct view_source){bound, member, group};
}

/* The participants of a sport, at the best that they may have there. */
static void append_members(struct view_reader *reader, uint32_t sport, int64_t best)
{
    const struct profile *profile = &reader->profile;
    int64_t factor = reader->weights.member;
    reserve_sources(reader, profile->member_count);
    struct view_source *next = reader->sources + reader->source_count;
    for (size_t i = 0; i < profile->member_count; i++) {
        const struct profile_member *member = &profile->members[i];
        *next = (struct view_source){best + factor * member->weight, member->member, 0};
        next += member->sport == sport;
    }
    reader->source_count = (size_t)(next - reader->sources);
}

static void sift_down(struct view_source *heap, size_t count, size_t at)
{
    struct view_source entry = heap[at];
    for (size_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && heap[child + 1].bound > heap[child].bound)
            child++;
        if (heap[child].bound <= entry.bound)
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = entry;
}

/* Most requests read two or three of dozens of sources: finding the best of an unsorted list is
 * cheaper for these than keeping a heap, which it becomes for requests that read on. */
static size_t best_source(struct view_reader *reader)
{
    const struct view_source *sources = reader->sources;
    size_t best = 0;
    if (reader->sources_taken == SOURCES_UNSORTED)
        for (size_t at = reader->source_count / 2; at-- > 0;)
            sift_down(reader->sources, reader->source_count, at);
    if (reader->sources_taken < SOURCES_UNSORTED)
        for (size_t i = 1; i < reader->source_count; i++)
            if (sources[i].bound > sources[best].bound)
                best = i;
    return best;
}

static void push_source(struct view_reader *reader, int64_t bound, uint32_t member, uint32_t group)
{
    append_source(reader, bound, member, group);
    struct view_source *heap = reader->sources, entry = heap[reader->source_count - 1];
    size_t at = reader->source_count - 1;
    if (reader->sources_taken <= SOURCES_UNSORTED)
        return;
    for (; at > 0 && heap[(at - 1) / 2].bound < entry.bound; at = (at - 1) / 2)
        heap[at] = heap[(at - 1) / 2];
    heap[at] = entry;
}

static struct view_source take_source(struct view_reader *reader, size_t at)
{
    struct view_source taken = reader->sources[at];
    reader->sources[at] = reader->sources[--reader->source_count];
    if (reader->sources_taken >= SOURCES_UNSORTED && reader->source_count > 0)
        sift_down(reader->sources, reader->source_count, 0);
    reader->sources_taken++;
    return taken;
}

static bool admits(const struct view_reader *reader, const struct view_query *query, uint32_t group)
{
    return reader_admits(reader, group, &query->sports, &query->leagues, &query->countries);
}

/* The groups of the profile's sports, and its participants with the best of these groups. */
static void list_sources(struct view_reader *reader, const struct view_query *query)
{
    const struct profile *profile = &reader->profile;
    const struct view_catalogue *catalogue = &reader->catalogue;
    reader->source_count = reader->sources_taken = 0;
    for (size_t i = 0; i < profile->sport_count; i++) {
        uint32_t sport = profile->sports[i];
        int64_t best = -1;
        for (uint32_t number = catalogue->first_of_sport[sport]; number != 0;
             number = catalogue->groups[number].next_of_sport) {
            if (!admits(reader, query, number))
                continue;
            int64_t base = base_of(reader, &catalogue->groups[number]);
            if (base > best)
                best = base;
            append_source(reader, base, 0, number);
        }
        if (best >= 0 && reader->weights.member > 0)
            append_members(reader, sport, best);
    }
}

/* A participant becomes its runs. */
static void take_apart(struct view_reader *reader, const struct view_query *query, uint32_t member)
{
    const struct view_catalogue *catalogue = &reader->catalogue;
    int64_t extra = reader->weights.member * profile_member(&reader->profile, member);
    for (uint32_t pair = catalogue->first_of_member[member]; pair != 0;
         pair = catalogue->pairs[pair].next) {
        uint32_t group = catalogue->pairs[pair].group;
        if (admits(reader, query, group))
            push_source(reader, base_of(reader, &catalogue->groups[group]) + extra, member, group);
    }
}

static int offer(struct view_reader *reader, const struct view_source *source,
                 const struct run_entry *entry)
{
    int known = known_has(reader, entry->event);
    if (known != 0)
        return known < 0 ? known : 0;
    struct rank_result result = {
        .numerator = source->bound, .key = entry->key, .ref = reader->hit_count};
    struct hit *hit = reader_add_hit(reader);
    *hit = (struct hit){
        .event = entry->event, .document = entry->document, .numerator = source->bound};
    number_set_add(&reader->known, entry->event);
    topn_put(reader->topn, &result);
    return 0;
}

static int read_run(struct view_reader *reader, const struct view_query *query,
                    const struct view_source *source)
{
    struct event_range range = {.from_ms = query->now_ms + 1, .before_ms = query->before_ms};
    struct run_entry entry;
    MDB_cursor *cursor;
    int err = run_first(reader, source->member, source->group, &range, &cursor, &entry);
    while (err == 0) {
        if (!topn_admits(reader->topn, source->bound, &entry.key))
            return 0; /* all that follow come later */
        err = offer(reader, source, &entry);
        if (err == 0)
            err = run_next(cursor, source->member, source->group, range.before_ms, &entry);
    }
    return err > 0 ? 0 : err;
}

/* The hits in their order, and no others: an event may have been let in and displaced again. */
static void keep_best(struct view_reader *reader)
{
    const struct rank_result *results;
    size_t count;
    topn_end(reader->topn, &results, &count);
    size_t from = reader->hit_count;
    for (size_t i = 0; i < count; i++) {
        struct hit *hit = reader_add_hit(reader);
        *hit = reader->hits[results[i].ref];
    }
    if (count > 0)
        memmove(reader->hits, reader->hits + from, count * sizeof(*reader->hits));
    reader->hit_count = count;
}

static int rank(struct view_reader *reader, const struct view_query *query)
{
    topn_clear(reader->topn);
    int err = topn_begin(reader->topn, query->n);
    if (err != 0)
        return err;
    list_sources(reader, query);
    while (err == 0 && reader->source_count > 0) {
        size_t best = best_source(reader);
        if (!topn_wants(reader->topn, reader->sources[best].bound))
            break;
        struct view_source source = take_source(reader, best);
        if (source.group == 0)
            take_apart(reader, query, source.member);
        else
            err = read_run(reader, query, &source);
    }
    if (err == 0)
        keep_best(reader);
    return err;
}

/* The beginning of all questions for ranked events. */
static int begin(struct view_reader *reader, const struct view_query *query)
{
    known_start(reader);
    if (query->now_ms + 1 < reader->meta.lists_from_ms)
        return TIP_EUNAVAIL;
    int err = reader_company(reader, query->company);
    return err == 0 ? known_add_excludes(reader, query) : err;
}

int view_recommend(struct view_reader *reader, const struct view_query *query, struct str user_id,
                   struct buf *out, bool *ret_known)
{
    bool known = false;
    int err = begin(reader, query);
    if (err == 0 &&
        view_shard_of(query->company, user_id, reader->meta.shards) != reader->meta.shard)
        err = TIP_EUNAVAIL;
    if (err == 0 && user_id.len > ID_MAX_BYTES)
        err = TIP_EINVAL;
    if (err == 0)
        err = reader_user(reader, user_id, &known);
    if (err == 0)
        err = rank(reader, query);
    if (err == 0 && query->fill)
        err = reader_fill(reader, query, query->n);
    if (err == 0)
        err = reader_items(reader, query, out);
    if (err == 0 && ret_known != NULL)
        *ret_known = known;
    return err;
}

int view_similar(struct view_reader *reader, const struct view_query *query, struct str event_id,
                 struct buf *out)
{
    struct event_view event;
    uint32_t number;
    uint32_t members[UINT8_MAX];
    int err = begin(reader, query);
    if (err == 0)
        err = reader_named_event(reader, event_id, &number, &event);
    if (err != 0)
        return err;
    size_t count = event.head.member_count;
    for (size_t i = 0; i < count; i++)
        members[i] = event_view_member(&event, i).member;
    number_set_add(&reader->known, number);
    profile_start(&reader->profile, &reader->meta, 1, count);
    uint32_t sport = reader->catalogue.groups[event.head.group].sport;
    profile_add(&reader->profile, event.head.group, sport, (const char *)members, count,
                RANK_WEIGHT_ONE);
    profile_end(&reader->profile, &reader->catalogue);
    err = rank(reader, query);
    return err == 0 ? reader_items(reader, query, out) : err;
}

int view_popular(struct view_reader *reader, const struct view_query *query, struct buf *out)
{
    int err = begin(reader, query);
    if (err == 0)
        err = reader_fill(reader, query, query->n);
    return err == 0 ? reader_items(reader, query, out) : err;
}
