/* Ranges of events as topn's sources; see read_sources.h. */
#include "http/read_sources.h"

#include "base/err.h"

enum { FETCH_ROWS = 256, FETCH_FIRST = 2 };

void sources_add(struct sources *sources, const struct source *source, struct rank_source rank)
{
    struct arena *arena = &sources->reader->arena;
    if (sources->count == sources->capacity) {
        size_t capacity = sources->capacity == 0 ? 64 : sources->capacity * 2;
        struct source *wider = arena_array(arena, capacity, sizeof(*wider));
        struct rank_source *ranks = arena_array(arena, capacity, sizeof(*ranks));
        if (sources->count > 0) {
            memcpy(wider, sources->sources, sources->count * sizeof(*wider));
            memcpy(ranks, sources->ranks, sources->rank_count * sizeof(*ranks));
        }
        sources->sources = wider;
        sources->ranks = ranks;
        sources->capacity = capacity;
    }
    rank.ref = sources->count;
    sources->sources[sources->count++] = *source;
    sources->ranks[sources->rank_count++] = rank;
}

size_t sources_drop_unlisted(struct sources *sources, struct str *ret_sports)
{
    size_t kept = 0, dropped = 0;
    for (size_t i = 0; i < sources->rank_count; i++) {
        const struct rank_source *rank = &sources->ranks[i];
        if (sources->sources[rank->ref].unlisted)
            ret_sports[dropped++] = sources->sources[rank->ref].group.sport;
        else
            sources->ranks[kept++] = *rank;
    }
    sources->rank_count = kept;
    return dropped;
}

static struct event_range range_after(const struct sources *sources, const struct rank_key *after)
{
    struct event_range range = sources->range;
    if (after != NULL) {
        range.from_ms = after->begin_ms;
        range.from_id = after->id;
    }
    return range;
}

/* Takes over the rows of participants that were fetched together: one run of rows for each. */
static void hand_out(struct source **wanted, size_t wanted_count, const struct event_row *rows,
                     size_t count)
{
    bool complete = count < FETCH_ROWS;
    for (size_t i = 0; i < wanted_count; i++) {
        struct source *source = wanted[i];
        size_t at = 0, end;
        /* Where the rows ended early, the last participant may have more, and later ones too. */
        if (!complete && str_compare(source->participant, rows[count - 1].participant) >= 0)
            continue;
        while (at < count && !str_equal(rows[at].participant, source->participant))
            at++;
        for (end = at; end < count && str_equal(rows[end].participant, source->participant);)
            end++;
        source->fetched = true;
        source->rows = rows + at;
        source->row_count = end - at;
    }
}

/* Fetches the participant of `first` and those of its sport that stand behind it in the order of
 * reading. */
static int fetch(struct sources *sources, const struct rank_source *first)
{
    struct str names[READ_PARTICIPANTS_MAX];
    struct source *wanted[READ_PARTICIPANTS_MAX];
    size_t wanted_count = 0, count;
    const struct rank_source *end = sources->ranks + sources->rank_count;
    struct str sport = sources->sources[first->ref].group.sport;
    struct event_row *rows = arena_array(&sources->reader->arena, FETCH_ROWS, sizeof(*rows));

    for (const struct rank_source *rank = first; rank < end && wanted_count < sources->fetch_along;
         rank++) {
        struct source *source = &sources->sources[rank->ref];
        if (source->participant.data == NULL || source->fetched || rank->bound < 0 ||
            !str_equal(source->group.sport, sport))
            continue;
        names[wanted_count] = source->participant;
        wanted[wanted_count++] = source;
    }
    int err =
        read_participants_range(sources->reader->db, sources->company, sport, names, wanted_count,
                                &sources->range, FETCH_ROWS, &sources->reader->arena, rows, &count);
    if (err != 0)
        return err;
    hand_out(wanted, wanted_count, rows, count);
    sources->fetch_along *= 2;
    if (sources->fetch_along > READ_PARTICIPANTS_MAX)
        sources->fetch_along = READ_PARTICIPANTS_MAX;
    return 0;
}

/* The items of up to `limit` of a participant's rows that the filters admit; *used: rows looked at.
 */
static size_t admit(const struct sources *sources, const struct rank_source *rank,
                    const struct event_row *rows, size_t row_count, size_t limit, size_t *used,
                    struct rank_item *ret_items)
{
    const struct reader *reader = sources->reader;
    size_t count = 0, i;
    for (i = 0; i < row_count && count < limit; i++) {
        const struct event_row *row = &rows[i];
        if (!filter_admits(sources->leagues, row->league) ||
            !filter_admits(sources->countries, row->country))
            continue;
        ret_items[count++] = (struct rank_item){
            .key = {.begin_ms = row->begin_ms, .id = row->event_id},
            .base = rank->type == RANK_SOURCE_MEMBER
                        ? score_base(reader->affinity, &reader->weights, rank->kind, row->league,
                                     row->country)
                        : 0,
        };
    }
    *used = i;
    return count;
}

/* From what was fetched before. */
static int pull_fetched(const struct sources *sources, const struct rank_source *rank,
                        const struct rank_key *after, size_t limit, struct rank_item *ret_items,
                        size_t *ret_count)
{
    const struct source *source = &sources->sources[rank->ref];
    size_t from = 0, used;
    while (after != NULL && from < source->row_count &&
           (source->rows[from].begin_ms < after->begin_ms ||
            (source->rows[from].begin_ms == after->begin_ms &&
             str_compare(source->rows[from].event_id, after->id) <= 0)))
        from++;
    *ret_count = admit(sources, rank, source->rows + from, source->row_count - from, limit, &used,
                       ret_items);
    return from + used == source->row_count;
}

/* Straight from the database: a participant with so many events that fetching took only a part. */
static int pull_participant(struct sources *sources, const struct rank_source *rank,
                            const struct rank_key *after, size_t limit, struct rank_item *ret_items,
                            size_t *ret_count)
{
    struct reader *reader = sources->reader;
    const struct source *source = &sources->sources[rank->ref];
    struct event_range range = range_after(sources, after);
    for (size_t count = 0;;) {
        size_t wanted = limit - count, row_count, used;
        int err = reader_in_time(reader);
        if (err == 0)
            err = read_participants_range(reader->db, sources->company, source->group.sport,
                                          &source->participant, 1, &range, wanted, &reader->arena,
                                          reader->chunk, &row_count);
        if (err != 0)
            return err;
        count += admit(sources, rank, reader->chunk, row_count, wanted, &used, ret_items + count);
        if (count == limit || row_count < wanted) {
            *ret_count = count;
            return row_count < wanted;
        }
        range.from_ms = reader->chunk[row_count - 1].begin_ms;
        range.from_id = reader->chunk[row_count - 1].event_id;
    }
}

static int pull_group(struct sources *sources, const struct rank_source *rank,
                      const struct rank_key *after, size_t limit, struct rank_item *ret_items,
                      size_t *ret_count)
{
    struct reader *reader = sources->reader;
    const struct event_group *group = &sources->sources[rank->ref].group;
    struct event_range range = range_after(sources, after);
    size_t count;
    int err = reader_in_time(reader);
    if (err == 0)
        err = read_group_range(reader->db, sources->company, group, &range, limit, &reader->arena,
                               reader->chunk, &count);
    if (err != 0)
        return err;
    for (size_t i = 0; i < count; i++)
        ret_items[i] = (struct rank_item){
            .key = {.begin_ms = reader->chunk[i].begin_ms, .id = reader->chunk[i].event_id}};
    *ret_count = count;
    return 0;
}

static int pull(void *ctx, const struct rank_source *rank, const struct rank_key *after,
                size_t limit, struct rank_item *ret_items, size_t *ret_count)
{
    struct sources *sources = ctx;
    const struct source *source = &sources->sources[rank->ref];
    if (source->unlisted) {
        sources->listing_wanted = true;
        return TIP_ENOTFOUND;
    }
    if (source->participant.data == NULL)
        return pull_group(sources, rank, after, limit, ret_items, ret_count);
    if (after == NULL && !source->fetched) {
        int err = fetch(sources, rank);
        if (err != 0)
            return err;
    }
    if (source->fetched)
        return pull_fetched(sources, rank, after, limit, ret_items, ret_count);
    return pull_participant(sources, rank, after, limit, ret_items, ret_count);
}

int sources_run(struct sources *sources, size_t n, const struct rank_result **ret_results,
                size_t *ret_count)
{
    sources->listing_wanted = false;
    sources->fetch_along = FETCH_FIRST + n / 8;
    if (sources->fetch_along > READ_PARTICIPANTS_MAX)
        sources->fetch_along = READ_PARTICIPANTS_MAX;
    return topn_run(sources->reader->topn, sources->ranks, sources->rank_count, n, pull, sources,
                    ret_results, ret_count);
}
