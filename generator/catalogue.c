/*
 * See catalogue.h. Leagues and participants get numbers as they come (a hash table each); sealing
 * sorts the events and lays each index out as one array of numbers with the starts of its lists.
 */
#include "generator/catalogue.h"

#include "base/hash.h"
#include "base/mem.h"
#include "generator/leagues.h"

#include <stdlib.h>

enum { NONE = -1 };

struct entry {
    struct str event_id;
    int64_t begin_ms;
    uint32_t league;
    uint32_t side_start, side_count; /* in sides */
};

struct league {
    struct str sport, name;
    uint32_t sport_number; /* once sealed */
    uint64_t events;
};

struct participant {
    struct str name;
    uint32_t league;
};

/* Open addressing over numbers; the things themselves hold the keys. */
struct number_index {
    int64_t *slots; /* NONE: free */
    size_t size, used;
};

/* Lists one behind the other: list i is items[starts[i]] to items[starts[i + 1]]. */
struct lists {
    uint32_t *items, *starts;
    size_t count;
};

struct chunk {
    struct chunk *next;
    size_t used, size;
    char data[];
};

struct catalogue {
    struct chunk *chunks;
    struct entry *entries;
    size_t entry_count, entry_capacity;
    struct league *leagues;
    size_t league_count, league_capacity;
    struct participant *participants;
    size_t participant_count, participant_capacity;
    uint32_t *sides;
    size_t side_count, side_capacity;
    struct number_index league_index, participant_index;
    struct lists sports, league_sides, league_events, participant_events;
    uint32_t *all;
    uint64_t digest;
};

/* Room for one more; capacity doubles. */
#define GROW(array, count, capacity)                                                               \
    do {                                                                                           \
        if ((count) == (capacity)) {                                                               \
            (capacity) = (capacity) ? (capacity)*2 : 64;                                           \
            (array) = xreallocarray((array), (capacity), sizeof(*(array)));                        \
        }                                                                                          \
    } while (0)

static struct str keep(struct catalogue *catalogue, struct str text)
{
    struct chunk *chunk = catalogue->chunks;
    if (chunk == NULL || chunk->size - chunk->used < text.len) {
        size_t size = text.len > 65536 ? text.len : 65536;
        chunk = xmalloc(sizeof(*chunk) + size);
        *chunk = (struct chunk){.next = catalogue->chunks, .size = size};
        catalogue->chunks = chunk;
    }
    char *copy = chunk->data + chunk->used;
    if (text.len > 0)
        memcpy(copy, text.data, text.len);
    chunk->used += text.len;
    return str_from(copy, text.len);
}

struct catalogue *catalogue_new(void)
{
    return xcalloc(1, sizeof(struct catalogue));
}

static void lists_release(struct lists *lists)
{
    free(lists->items);
    free(lists->starts);
}

void catalogue_free(struct catalogue *catalogue)
{
    if (catalogue == NULL)
        return;
    while (catalogue->chunks != NULL) {
        struct chunk *next = catalogue->chunks->next;
        free(catalogue->chunks);
        catalogue->chunks = next;
    }
    lists_release(&catalogue->sports);
    lists_release(&catalogue->league_sides);
    lists_release(&catalogue->league_events);
    lists_release(&catalogue->participant_events);
    free(catalogue->league_index.slots);
    free(catalogue->participant_index.slots);
    free(catalogue->entries);
    free(catalogue->leagues);
    free(catalogue->participants);
    free(catalogue->sides);
    free(catalogue->all);
    free(catalogue);
}

/* --- numbers for leagues and participants */

static uint64_t league_hash(struct str sport, struct str name)
{
    return hash_pair(sport, name);
}

static uint64_t participant_hash(uint32_t league, struct str name)
{
    return hash_mix(hash_bytes(name) + league);
}

static uint64_t hash_of_number(const struct catalogue *catalogue, const struct number_index *index,
                               size_t number)
{
    if (index == &catalogue->league_index)
        return league_hash(catalogue->leagues[number].sport, catalogue->leagues[number].name);
    const struct participant *participant = &catalogue->participants[number];
    return participant_hash(participant->league, participant->name);
}

static void index_insert(struct number_index *index, uint64_t hash, int64_t number)
{
    size_t at = hash & (index->size - 1);
    while (index->slots[at] != NONE)
        at = (at + 1) & (index->size - 1);
    index->slots[at] = number;
    index->used++;
}

/* Keeps the table at most half full; all its numbers are put in anew when it grows. */
static void index_make_room(const struct catalogue *catalogue, struct number_index *index)
{
    if (index->used * 2 < index->size)
        return;
    struct number_index bigger = {.size = index->size ? index->size * 2 : 64};
    bigger.slots = xcalloc(bigger.size, sizeof(*bigger.slots));
    for (size_t i = 0; i < bigger.size; i++)
        bigger.slots[i] = NONE;
    for (size_t number = 0; number < index->used; number++)
        index_insert(&bigger, hash_of_number(catalogue, index, number), (int64_t)number);
    free(index->slots);
    *index = bigger;
}

static int64_t find_league(const struct catalogue *catalogue, struct str sport, struct str name)
{
    const struct number_index *index = &catalogue->league_index;
    if (index->size == 0)
        return NONE;
    for (size_t at = league_hash(sport, name);; at++) {
        int64_t number = index->slots[at & (index->size - 1)];
        if (number == NONE || (str_equal(catalogue->leagues[number].sport, sport) &&
                               str_equal(catalogue->leagues[number].name, name)))
            return number;
    }
}

static uint32_t league_number(struct catalogue *catalogue, struct str sport, struct str name)
{
    int64_t found = find_league(catalogue, sport, name);
    if (found != NONE)
        return (uint32_t)found;
    index_make_room(catalogue, &catalogue->league_index);
    index_insert(&catalogue->league_index, league_hash(sport, name),
                 (int64_t)catalogue->league_count);
    GROW(catalogue->leagues, catalogue->league_count, catalogue->league_capacity);
    catalogue->leagues[catalogue->league_count] =
        (struct league){.sport = keep(catalogue, sport), .name = keep(catalogue, name)};
    return (uint32_t)catalogue->league_count++;
}

static uint32_t participant_number(struct catalogue *catalogue, uint32_t league, struct str name)
{
    struct number_index *index = &catalogue->participant_index;
    index_make_room(catalogue, index);
    uint64_t hash = participant_hash(league, name);
    for (size_t at = hash;; at++) {
        int64_t number = index->slots[at & (index->size - 1)];
        if (number == NONE)
            break;
        const struct participant *participant = &catalogue->participants[number];
        if (participant->league == league && str_equal(participant->name, name))
            return (uint32_t)number;
    }
    index_insert(index, hash, (int64_t)catalogue->participant_count);
    GROW(catalogue->participants, catalogue->participant_count, catalogue->participant_capacity);
    catalogue->participants[catalogue->participant_count] =
        (struct participant){.name = keep(catalogue, name), .league = league};
    return (uint32_t)catalogue->participant_count++;
}

void catalogue_add(struct catalogue *catalogue, const struct event *event)
{
    struct entry entry = {
        .event_id = keep(catalogue, event->event_id),
        .begin_ms = event->begin_ms,
        .league = league_number(catalogue, event->sport, event->league),
        .side_start = (uint32_t)catalogue->side_count,
        .side_count = (uint32_t)event->participant_count,
    };
    for (size_t i = 0; i < event->participant_count; i++) {
        uint32_t number = participant_number(catalogue, entry.league, event->participants[i]);
        GROW(catalogue->sides, catalogue->side_count, catalogue->side_capacity);
        catalogue->sides[catalogue->side_count++] = number;
    }
    catalogue->leagues[entry.league].events++;
    catalogue->digest ^=
        hash_mix(hash_bytes(event->event_id) + (uint64_t)event->begin_ms) + entry.side_count;
    GROW(catalogue->entries, catalogue->entry_count, catalogue->entry_capacity);
    catalogue->entries[catalogue->entry_count++] = entry;
}

bool catalogue_has_league(const struct catalogue *catalogue, struct str sport, struct str league)
{
    return find_league(catalogue, sport, league) != NONE;
}

/* --- sealing */

static int compare_entries(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;
    if (a->begin_ms != b->begin_ms)
        return a->begin_ms < b->begin_ms ? -1 : 1;
    return str_compare(a->event_id, b->event_id);
}

/* A number with what it is ordered by. */
struct ranked {
    uint32_t number;
    uint32_t group;       /* list it belongs to */
    uint64_t order;       /* within the group, ascending */
    struct str name, tie; /* then by bytes */
};

static int compare_ranked(const void *left, const void *right)
{
    const struct ranked *a = left, *b = right;
    if (a->group != b->group)
        return a->group < b->group ? -1 : 1;
    if (a->order != b->order)
        return a->order < b->order ? -1 : 1;
    int order = str_compare(a->name, b->name);
    return order != 0 ? order : str_compare(a->tie, b->tie);
}

static void lists_init(struct lists *lists, size_t count, size_t items)
{
    lists->count = count;
    lists->starts = xcalloc(count + 1, sizeof(*lists->starts));
    lists->items = xcalloc(items > 0 ? items : 1, sizeof(*lists->items));
}

static void lists_from_ranked(struct lists *lists, size_t count, struct ranked *ranked,
                              size_t items)
{
    qsort(ranked, items, sizeof(*ranked), compare_ranked);
    lists_init(lists, count, items);
    for (size_t i = 0; i < items; i++) {
        lists->items[i] = ranked[i].number;
        lists->starts[ranked[i].group + 1]++;
    }
    for (size_t i = 0; i < count; i++)
        lists->starts[i + 1] += lists->starts[i];
}

/* Numbers the sports by popularity, then lists their leagues by popularity. */
static void rank_leagues(struct catalogue *catalogue)
{
    size_t count = catalogue->league_count, sports = 0;
    AUTO_FREE struct ranked *ranked = xcalloc(count + 1, sizeof(*ranked));
    for (size_t i = 0; i < count; i++)
        ranked[i] = (struct ranked){.number = (uint32_t)i,
                                    .order = sport_rank(catalogue->leagues[i].sport),
                                    .name = catalogue->leagues[i].sport};
    qsort(ranked, count, sizeof(*ranked), compare_ranked);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || !str_equal(ranked[i].name, ranked[i - 1].name))
            sports++;
        catalogue->leagues[ranked[i].number].sport_number = (uint32_t)(sports - 1);
    }
    for (size_t i = 0; i < count; i++)
        ranked[i] = (struct ranked){.number = (uint32_t)i,
                                    .group = catalogue->leagues[i].sport_number,
                                    .order = UINT64_MAX - catalogue->leagues[i].events,
                                    .name = catalogue->leagues[i].name};
    lists_from_ranked(&catalogue->sports, sports, ranked, count);
}

/* By the names, not the numbers: the order must not depend on which event came first. */
static void rank_participants(struct catalogue *catalogue, uint64_t seed)
{
    size_t count = catalogue->participant_count;
    AUTO_FREE struct ranked *ranked = xcalloc(count + 1, sizeof(*ranked));
    for (size_t i = 0; i < count; i++) {
        const struct participant *participant = &catalogue->participants[i];
        ranked[i] = (struct ranked){.number = (uint32_t)i,
                                    .group = participant->league,
                                    .order = hash_mix(hash_bytes(participant->name) ^ seed),
                                    .name = participant->name};
    }
    lists_from_ranked(&catalogue->league_sides, catalogue->league_count, ranked, count);
}

/* Entries are sorted by begin, so filling in their order leaves every list sorted. */
static void list_events(struct catalogue *catalogue)
{
    struct lists *leagues = &catalogue->league_events, *sides = &catalogue->participant_events;
    lists_init(leagues, catalogue->league_count, catalogue->entry_count);
    lists_init(sides, catalogue->participant_count, catalogue->side_count);
    for (size_t i = 0; i < catalogue->entry_count; i++)
        leagues->starts[catalogue->entries[i].league + 1]++;
    for (size_t i = 0; i < catalogue->side_count; i++)
        sides->starts[catalogue->sides[i] + 1]++;
    for (size_t i = 0; i < leagues->count; i++)
        leagues->starts[i + 1] += leagues->starts[i];
    for (size_t i = 0; i < sides->count; i++)
        sides->starts[i + 1] += sides->starts[i];

    AUTO_FREE uint32_t *league_next = xcalloc(leagues->count + 1, sizeof(uint32_t));
    AUTO_FREE uint32_t *side_next = xcalloc(sides->count + 1, sizeof(uint32_t));
    for (uint32_t i = 0; i < catalogue->entry_count; i++) {
        const struct entry *entry = &catalogue->entries[i];
        leagues->items[leagues->starts[entry->league] + league_next[entry->league]++] = i;
        for (uint32_t k = 0; k < entry->side_count; k++) {
            uint32_t side = catalogue->sides[entry->side_start + k];
            sides->items[sides->starts[side] + side_next[side]++] = i;
        }
        catalogue->all[i] = i;
    }
}

void catalogue_seal(struct catalogue *catalogue, uint64_t seed)
{
    catalogue->all = xcalloc(catalogue->entry_count + 1, sizeof(*catalogue->all));
    if (catalogue->entry_count > 0)
        qsort(catalogue->entries, catalogue->entry_count, sizeof(*catalogue->entries),
              compare_entries);
    rank_leagues(catalogue);
    rank_participants(catalogue, seed);
    list_events(catalogue);
}

/* --- reading */

size_t catalogue_count(const struct catalogue *catalogue)
{
    return catalogue->entry_count;
}

static size_t longest(const struct lists *lists)
{
    size_t most = 0;
    for (size_t i = 0; i < lists->count; i++) {
        size_t count = lists->starts[i + 1] - lists->starts[i];
        most = count > most ? count : most;
    }
    return most;
}

size_t catalogue_widest(const struct catalogue *catalogue)
{
    size_t widest = catalogue->sports.count;
    size_t leagues = longest(&catalogue->sports);
    size_t sides = longest(&catalogue->league_sides);
    widest = leagues > widest ? leagues : widest;
    return sides > widest ? sides : widest;
}

uint64_t catalogue_digest(const struct catalogue *catalogue)
{
    return catalogue->digest;
}

struct str catalogue_event_id(const struct catalogue *catalogue, uint32_t event)
{
    return catalogue->entries[event].event_id;
}

int64_t catalogue_event_begin(const struct catalogue *catalogue, uint32_t event)
{
    return catalogue->entries[event].begin_ms;
}

size_t catalogue_sports(const struct catalogue *catalogue)
{
    return catalogue->sports.count;
}

static struct popularity popularity_of(const struct lists *lists, uint32_t number)
{
    uint32_t start = lists->starts[number];
    return (struct popularity){lists->items + start, lists->starts[number + 1] - start};
}

static struct event_list events_of(const struct lists *lists, uint32_t number)
{
    uint32_t start = lists->starts[number];
    return (struct event_list){lists->items + start, lists->starts[number + 1] - start};
}

struct popularity catalogue_sport_leagues(const struct catalogue *catalogue, uint32_t sport)
{
    return popularity_of(&catalogue->sports, sport);
}

struct popularity catalogue_league_participants(const struct catalogue *catalogue, uint32_t league)
{
    return popularity_of(&catalogue->league_sides, league);
}

struct str catalogue_league_sport(const struct catalogue *catalogue, uint32_t league)
{
    return catalogue->leagues[league].sport;
}

struct str catalogue_league_name(const struct catalogue *catalogue, uint32_t league)
{
    return catalogue->leagues[league].name;
}

struct str catalogue_participant_name(const struct catalogue *catalogue, uint32_t participant)
{
    return catalogue->participants[participant].name;
}

struct event_list catalogue_all(const struct catalogue *catalogue)
{
    return (struct event_list){catalogue->all, catalogue->entry_count};
}

struct event_list catalogue_of_league(const struct catalogue *catalogue, uint32_t league)
{
    return events_of(&catalogue->league_events, league);
}

struct event_list catalogue_of_participant(const struct catalogue *catalogue, uint32_t participant)
{
    return events_of(&catalogue->participant_events, participant);
}

/* The place of the first event that begins after a moment. */
static size_t first_after(const struct catalogue *catalogue, struct event_list list, int64_t ms)
{
    size_t low = 0, high = list.count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (catalogue->entries[list.events[middle]].begin_ms > ms)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

struct event_list catalogue_window(const struct catalogue *catalogue, struct event_list list,
                                   int64_t after_ms, int64_t until_ms)
{
    size_t start = first_after(catalogue, list, after_ms);
    size_t end = first_after(catalogue, list, until_ms);
    return (struct event_list){list.events + start, end > start ? end - start : 0};
}
