/* Recommendations; see recommend.h. */
#include "http/recommend.h"

#include "base/err.h"
#include "base/timefmt.h"
#include "http/read_sources.h"
#include "store/read_record.h"

enum { HINT_MAX = 20 };

struct event_range recommend_range(const struct recommend_request *request)
{
    return (struct event_range){
        .from_ms = request->include_started ? TIME_MIN_MS : request->now_ms + 1,
        .before_ms = request->before_ms,
    };
}

/* A past choice with the tags of its event, copied from a page of the history. */
static int add_choice(struct reader *reader, const struct selection_row *row)
{
    struct event event;
    struct arena *arena = &reader->arena;
    int err = read_participants(row->participants, arena, &event);
    if (err != 0)
        return err;
    size_t count = event.participant_count;
    struct str *members = arena_array(arena, count, sizeof(*members));
    memcpy(members, event.participants, count * sizeof(*members));
    reader->choices[reader->choice_count++] = (struct rank_choice){
        .time_ms = row->placed_at_ms,
        .tags = {.kind = arena_copy(arena, row->sport),
                 .series = arena_copy(arena, row->league),
                 .region = arena_copy(arena, row->country),
                 .members = members,
                 .member_count = count},
    };
    return 0;
}

/* What the selections of a user come to, besides the reader's choices. */
struct history {
    size_t selections;
    size_t excluded; /* events that could have come as candidates */
};

static int use_page(struct reader *reader, const struct selection_row *rows, size_t count,
                    const struct event_range *range, struct history *history)
{
    history->selections += count;
    for (size_t i = 0; i < count; i++) {
        if (rows[i].known && reader->choice_count < RANK_CHOICES_MAX) {
            int err = add_choice(reader, &rows[i]);
            if (err != 0)
                return err;
        }
        if (!rows[i].known || rows[i].begin_ms >= range->from_ms) {
            topn_exclude(reader->topn, arena_copy(&reader->arena, rows[i].event_id));
            history->excluded++;
        }
    }
    return 0;
}

/* Reads all of a user's selections, page by page: the newest whose event is known become choices.
 */
static int read_history(struct reader *reader, const struct recommend_request *request,
                        struct str user_id, struct history *ret_history)
{
    struct event_range range = recommend_range(request);
    struct history history = {0};
    struct selection_row *rows, last;
    size_t count;
    do {
        int err = reader_in_time(reader);
        if (err == 0)
            err = read_selections(reader->db, request->company, user_id,
                                  history.selections > 0 ? &last : NULL, &reader->page, &rows,
                                  &count);
        if (err == 0)
            err = use_page(reader, rows, count, &range, &history);
        if (err != 0)
            return err;
        if (count == SELECTION_ROWS_MAX) {
            last = rows[count - 1];
            last.event_id = arena_copy(&reader->arena, last.event_id);
            last.coupon_id = arena_copy(&reader->arena, last.coupon_id);
            arena_clear(&reader->page);
        }
    } while (count == SELECTION_ROWS_MAX);
    *ret_history = history;
    return 0;
}

/* The sports of the choices, by their numbers. */
static size_t list_sports(const struct reader *reader,
                          struct str ret_sports[static RANK_CHOICES_MAX])
{
    size_t tag_count, count = 0;
    const struct affinity_tag *tags = affinity_tags(reader->affinity, &tag_count);
    for (size_t i = 0; i < tag_count; i++)
        if (tags[i].class == RANK_KIND) {
            ret_sports[tags[i].kind] = tags[i].value;
            count++;
        }
    return count;
}

/*
 * One source for all groups of each sport that is asked for: the groups are read only when the
 * participants alone may not be enough, which is rare among users with a history.
 */
static void add_unlisted_groups(struct sources *sources, const struct recommend_request *request,
                                const struct str *sports, size_t count)
{
    const struct reader *reader = sources->reader;
    for (uint32_t kind = 0; kind < count; kind++) {
        if (!filter_admits(&request->sports, sports[kind]))
            continue;
        struct rank_source rank = {
            .type = RANK_SOURCE_GROUP,
            .kind = kind,
            .base = score_base_bound(reader->affinity, &reader->weights, kind),
        };
        struct source source = {.group = {.sport = sports[kind]}, .unlisted = true};
        sources_add(sources, &source, rank);
    }
}

static void add_groups(struct sources *sources, const struct recommend_request *request,
                       const struct event_group *groups, size_t count, size_t excluded)
{
    const struct reader *reader = sources->reader;
    for (size_t i = 0; i < count; i++) {
        const struct event_group *group = &groups[i];
        uint32_t kind;
        if (!affinity_kind(reader->affinity, group->sport, &kind) ||
            !filter_admits(&request->leagues, group->league) ||
            !filter_admits(&request->countries, group->country))
            continue;
        struct rank_source rank = {
            .type = RANK_SOURCE_GROUP,
            .kind = kind,
            .base =
                score_base(reader->affinity, &reader->weights, kind, group->league, group->country),
            .excluded_hint = excluded < HINT_MAX ? excluded : HINT_MAX,
        };
        sources_add(sources, &(struct source){.group = *group}, rank);
    }
}

/* Those of sports that are not asked for are added as well: topn never reads them. */
static void add_participants(struct sources *sources, const struct str *sports)
{
    const struct reader *reader = sources->reader;
    size_t tag_count;
    const struct affinity_tag *tags = affinity_tags(reader->affinity, &tag_count);
    for (size_t i = 0; i < tag_count; i++) {
        const struct affinity_tag *tag = &tags[i];
        if (tag->class != RANK_MEMBER || tag->weight == 0)
            continue;
        struct rank_source rank = {
            .type = RANK_SOURCE_MEMBER,
            .kind = tag->kind,
            .extra = score_member(reader->affinity, &reader->weights, tag->kind, tag->value),
        };
        struct source source = {.group = {.sport = sports[tag->kind]}, .participant = tag->value};
        sources_add(sources, &source, rank);
    }
}

/* The groups in place of the sources that stand for them. */
static int list_groups(struct sources *sources, const struct recommend_request *request,
                       size_t excluded)
{
    struct str sports[RANK_CHOICES_MAX];
    struct reader *reader = sources->reader;
    struct event_group *groups;
    size_t count, sport_count = sources_drop_unlisted(sources, sports);
    int err = reader_in_time(reader);
    if (err == 0)
        err = read_groups(reader->db, request->company, sports, sport_count, &reader->arena,
                          &groups, &count);
    if (err == 0)
        add_groups(sources, request, groups, count, excluded);
    return err;
}

/* The best n for the choices that the reader holds. excluded: a guess how many are. */
static int rank(struct reader *reader, const struct recommend_request *request, size_t excluded,
                struct recommendation *ret_recommendation)
{
    struct str sports[RANK_CHOICES_MAX];
    size_t count;
    const struct rank_result *results;
    struct sources sources = {
        .reader = reader,
        .company = request->company,
        .range = recommend_range(request),
        .leagues = &request->leagues,
        .countries = &request->countries,
    };
    int err = affinity_build(reader->affinity, reader->choices, reader->choice_count,
                             reader->half_life_ms);
    if (err != 0)
        return err;
    add_unlisted_groups(&sources, request, sports, list_sports(reader, sports));
    add_participants(&sources, sports);
    err = sources_run(&sources, request->n, &results, &count);
    if (err != 0 && sources.listing_wanted) {
        err = list_groups(&sources, request, excluded);
        if (err == 0)
            err = sources_run(&sources, request->n, &results, &count);
    }
    if (err != 0)
        return err;
    struct recommended *items = arena_array(&reader->arena, count, sizeof(*items));
    for (size_t i = 0; i < count; i++)
        items[i] =
            (struct recommended){.event_id = results[i].key.id, .numerator = results[i].numerator};
    *ret_recommendation = (struct recommendation){.items = items, .count = count};
    return 0;
}

/* Appends popular events until there are n, or no more. `known` events at most must be passed over.
 */
static int fill_up(struct reader *reader, const struct recommend_request *request, size_t known,
                   struct recommendation *recommendation)
{
    struct popular_query query = {
        .company = request->company,
        .range = recommend_range(request),
        .sports = request->sports,
        .leagues = request->leagues,
        .countries = request->countries,
    };
    size_t limit = request->n + known, count; /* what is listed is among the n */
    if (recommendation->count >= request->n)
        return 0;
    struct recommended *items = arena_array(&reader->arena, request->n, sizeof(*items));
    if (recommendation->count > 0)
        memcpy(items, recommendation->items, recommendation->count * sizeof(*items));
    recommendation->items = items;
    struct str *ids = arena_array(&reader->arena, limit, sizeof(*ids));
    int err = read_popular(reader->db, &query, limit, &reader->arena, ids, &count);
    if (err != 0)
        return err;
    for (size_t i = 0; i < count && recommendation->count < request->n; i++)
        if (!topn_knows(reader->topn, ids[i]))
            items[recommendation->count++] =
                (struct recommended){.event_id = ids[i], .popular = true};
    return 0;
}

static void exclude_wanted(struct reader *reader, const struct recommend_request *request)
{
    for (size_t i = 0; i < request->exclude_count; i++)
        topn_exclude(reader->topn, request->excludes[i]);
}

int recommend_user(struct reader *reader, const struct recommend_request *request,
                   struct str user_id, bool fill, struct recommendation *ret_recommendation,
                   bool *ret_selections)
{
    struct history history;
    exclude_wanted(reader, request);
    int err = read_history(reader, request, user_id, &history);
    if (err != 0)
        return err;
    struct recommendation found;
    size_t excluded = history.excluded + request->exclude_count;
    err = rank(reader, request, excluded, &found);
    if (err == 0 && fill)
        err = fill_up(reader, request, excluded, &found);
    if (err != 0)
        return err;
    *ret_recommendation = found;
    if (ret_selections != NULL)
        *ret_selections = history.selections > 0;
    return 0;
}

int recommend_similar(struct reader *reader, const struct recommend_request *request,
                      struct str event_id, struct recommendation *ret_recommendation)
{
    struct event event;
    int err = read_event(reader->db, request->company, event_id, &reader->arena, &event);
    if (err != 0)
        return err;
    exclude_wanted(reader, request);
    topn_exclude(reader->topn, event.event_id);
    reader->choices[reader->choice_count++] = (struct rank_choice){
        .tags = {.kind = event.sport,
                 .series = event.league,
                 .region = event.country,
                 .members = event.participants,
                 .member_count = event.participant_count},
    };
    return rank(reader, request, 1 + request->exclude_count, ret_recommendation);
}

int recommend_popular(struct reader *reader, const struct recommend_request *request,
                      struct recommendation *ret_recommendation)
{
    struct recommendation found = {0};
    exclude_wanted(reader, request);
    int err = fill_up(reader, request, request->exclude_count, &found);
    if (err != 0)
        return err;
    *ret_recommendation = found;
    return 0;
}
