/*
 * topn against brute force: thousands of small random worlds (seeded) with names that collide
 * across kinds, equal begins, ids that are prefixes of others, items without members, exclusions,
 * filters, every n and chunk size. The brute force scores each item by walking the choices; it
 * shares nothing with rank/ but the weight of one choice. The first argument is another seed.
 */
#include "base/err.h"
#include "rank/affinity.h"
#include "rank/score.h"
#include "rank/topn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { ITEMS_MAX = 400, CHOICES_MAX = 60, MEMBERS_MAX = 4, SOURCES_MAX = 1500, CASES = 4000 };

/* Names are numbers here: the same 1-based number is the same string "n<number>". */
struct item {
    int kind, series, region;
    int members[MEMBERS_MAX];
    size_t member_count;
    int64_t begin_ms;
    char id[24];
    bool withdrawn;
    bool excluded;
    struct str member_names[MEMBERS_MAX];
};

struct filter {
    int series; /* 0: any */
    int region; /* 0: any */
    int kind;   /* 0: any */
    int64_t now_ms, before_ms;
};

struct world {
    struct item items[ITEMS_MAX]; /* sorted by (begin, id) */
    size_t item_count;
    struct rank_choice choices[CHOICES_MAX];
    size_t chosen[CHOICES_MAX]; /* the choices' items */
    size_t choice_count;
    int64_t half_life_ms;
    struct rank_weights weights;
    struct filter filter;
    struct affinity *affinity;
    struct rank_source sources[SOURCES_MAX];
    struct source_spec {
        int kind, series, region, member; /* 0: any */
    } specs[SOURCES_MAX];
    size_t source_count;
    char id_buffer[1000][24]; /* overwritten by each pull, unless ids are borrowed */
    bool borrow;
};

struct expected {
    int64_t numerator;
    size_t item;
};

static uint64_t random_state;

static uint32_t random_below(uint32_t bound)
{
    random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)((random_state >> 33) % bound);
}

static int pick(int count)
{
    return 1 + (int)random_below((uint32_t)count);
}

static struct str name(int number)
{
    static char names[64][16];
    snprintf(names[number], sizeof(names[number]), "n%d", number);
    return str_of(names[number]);
}

static int item_order(const void *a_ptr, const void *b_ptr)
{
    const struct item *a = a_ptr, *b = b_ptr;
    if (a->begin_ms != b->begin_ms)
        return a->begin_ms < b->begin_ms ? -1 : 1;
    return strcmp(a->id, b->id);
}

static void make_items(struct world *world)
{
    int kinds = pick(4), series = pick(5), regions = pick(4), members = pick(30);
    int64_t begins = pick(100);

    world->item_count = random_below(8) == 0 ? random_below(6) : random_below(ITEMS_MAX);
    for (size_t i = 0; i < world->item_count; i++) {
        struct item *item = &world->items[i];
        *item = (struct item){.kind = pick(kinds),
                              .series = pick(series),
                              .region = pick(regions),
                              .member_count = random_below(MEMBERS_MAX),
                              .begin_ms = random_below((uint32_t)begins),
                              .withdrawn = random_below(12) == 0,
                              .excluded = random_below(6) == 0};
        for (size_t m = 0; m < item->member_count; m++)
            item->members[m] = pick(members);
        /* Distinct, and often one the beginning of another. */
        snprintf(item->id, sizeof(item->id), "%.*s%zu", (int)random_below(4), "aaa", i);
    }
    qsort(world->items, world->item_count, sizeof(*world->items), item_order);
    for (size_t i = 0; i < world->item_count; i++)
        for (size_t m = 0; m < world->items[i].member_count; m++)
            world->items[i].member_names[m] = name(world->items[i].members[m]);
}

static struct rank_tags item_tags(const struct item *item)
{
    return (struct rank_tags){name(item->kind), name(item->series), name(item->region),
                              item->member_names, item->member_count};
}

static void make_choices(struct world *world)
{
    uint32_t span_ms = random_below(3) == 0 ? 2 : 2000;

    world->half_life_ms = pick(300);
    world->choice_count = world->item_count == 0 ? 0 : random_below(CHOICES_MAX);
    for (size_t i = 0; i < world->choice_count; i++) {
        struct item *item = &world->items[random_below((uint32_t)world->item_count)];
        world->chosen[i] = (size_t)(item - world->items);
        world->choices[i] =
            (struct rank_choice){.time_ms = random_below(span_ms), .tags = item_tags(item)};
        item->excluded |= random_below(2) == 0;
    }
    world->weights = (struct rank_weights){3000, 3500, 1000, 2500};
    if (random_below(3) == 0) { /* any sum, zeros among them: more ties */
        world->weights.kind = 2500 * random_below(3);
        world->weights.series = 2500 * random_below(2);
        world->weights.region = 2500 * random_below(2);
        world->weights.member =
            10000 - world->weights.kind - world->weights.series - world->weights.region;
    }
    if (world->weights.member < 0)
        world->weights = (struct rank_weights){2500, 2500, 2500, 2500};
}

static void make_filter(struct world *world)
{
    world->filter = (struct filter){.now_ms = random_below(20), .before_ms = INT64_MAX};
    if (random_below(4) == 0)
        world->filter.kind = pick(4);
    if (random_below(4) == 0)
        world->filter.series = pick(5);
    if (random_below(4) == 0)
        world->filter.region = pick(4);
    if (random_below(4) == 0)
        world->filter.before_ms = random_below(100);
}

static bool passes(const struct world *world, const struct item *item)
{
    const struct filter *filter = &world->filter;
    return !item->withdrawn && item->begin_ms > filter->now_ms &&
           item->begin_ms < filter->before_ms && (!filter->kind || filter->kind == item->kind) &&
           (!filter->series || filter->series == item->series) &&
           (!filter->region || filter->region == item->region);
}

static bool has_member(const struct item *item, int member)
{
    for (size_t m = 0; m < item->member_count; m++)
        if (item->members[m] == member)
            return true;
    return false;
}

/* Brute force: the numerator of an item, -1 for one that is no candidate. */
static int64_t brute_numerator(const struct world *world, const struct item *item)
{
    int64_t kind = 0, series = 0, region = 0, best = 0, newest_ms = -1;
    bool kind_known = false;

    for (size_t i = 0; i < world->choice_count; i++)
        if (world->choices[i].time_ms > newest_ms)
            newest_ms = world->choices[i].time_ms;
    for (size_t m = 0; m <= item->member_count; m++) {
        int64_t member = 0;
        kind = series = region = 0;
        for (size_t i = 0; i < world->choice_count; i++) {
            const struct item *past = &world->items[world->chosen[i]];
            int64_t w = rank_weight(newest_ms - world->choices[i].time_ms, world->half_life_ms);
            bool same_kind = past->kind == item->kind;
            kind_known |= same_kind;
            kind += same_kind ? w : 0;
            series += same_kind && past->series == item->series ? w : 0;
            region += past->region == item->region ? w : 0;
            if (m < item->member_count && same_kind && has_member(past, item->members[m]))
                member += w;
        }
        if (member > best)
            best = member;
    }
    if (!kind_known)
        return -1;
    return world->weights.kind * kind + world->weights.series * series +
           world->weights.region * region + world->weights.member * best;
}

/* All candidates, best first. items are sorted by (begin, id), so that a stable sort will do. */
static size_t brute_force(const struct world *world, struct expected ret_expected[ITEMS_MAX])
{
    size_t count = 0;

    for (size_t i = 0; i < world->item_count; i++) {
        const struct item *item = &world->items[i];
        int64_t numerator = brute_numerator(world, item);
        if (numerator < 0 || item->excluded || !passes(world, item))
            continue;
        size_t at = count++;
        for (; at > 0 && ret_expected[at - 1].numerator < numerator; at--)
            ret_expected[at] = ret_expected[at - 1];
        ret_expected[at] = (struct expected){numerator, i};
    }
    return count;
}

static bool is_in(const struct source_spec *spec, const struct item *item)
{
    return spec->kind == item->kind && (!spec->series || spec->series == item->series) &&
           (!spec->region || spec->region == item->region) &&
           (!spec->member || has_member(item, spec->member));
}

#define UNLISTED UINT64_MAX /* ref of a source that stands for groups not listed yet */

static int pull(void *ctx, const struct rank_source *source, const struct rank_key *after,
                size_t limit, struct rank_item *ret_items, size_t *ret_count)
{
    struct world *world = ctx;
    if (source->ref == UNLISTED)
        return TIP_ENOTFOUND;
    const struct source_spec *spec = &world->specs[source->ref];
    size_t count = 0;
    struct rank_key from = {0};
    char from_id[24] = "";

    if (after != NULL) {
        from = *after;
        memcpy(from_id, after->id.data, after->id.len);
        from.id = str_from(from_id, after->id.len);
    }
    if (!world->borrow)
        memset(world->id_buffer, '#', sizeof(world->id_buffer));
    for (size_t i = 0; i < world->item_count && count < limit; i++) {
        const struct item *item = &world->items[i];
        struct str id = str_of(item->id);
        if (!is_in(spec, item) || !passes(world, item))
            continue;
        if (after != NULL && (item->begin_ms < from.begin_ms ||
                              (item->begin_ms == from.begin_ms && str_compare(id, from.id) <= 0)))
            continue;
        if (!world->borrow) {
            memcpy(world->id_buffer[count], id.data, id.len);
            id.data = world->id_buffer[count];
        }
        ret_items[count++] =
            (struct rank_item){.key = {.begin_ms = item->begin_ms, .id = id},
                               .base = score_base(world->affinity, &world->weights, source->kind,
                                                  name(item->series), name(item->region)),
                               .ref = i};
    }
    *ret_count = count;
    return 0;
}

static void add_source(struct world *world, struct source_spec spec)
{
    struct rank_source *source = &world->sources[world->source_count];
    uint32_t kind;

    if (!affinity_kind(world->affinity, name(spec.kind), &kind))
        return;
    assert_true(world->source_count < SOURCES_MAX);
    *source = (struct rank_source){.kind = kind, .ref = world->source_count};
    if (spec.member != 0) {
        source->type = RANK_SOURCE_MEMBER;
        source->extra = score_member(world->affinity, &world->weights, kind, name(spec.member));
    } else {
        /* Where any will do, the name 0: no choice has it, it weighs nothing. */
        source->type = RANK_SOURCE_GROUP;
        source->base = score_base(world->affinity, &world->weights, kind, name(spec.series),
                                  name(spec.region));
        source->excluded_hint = random_below(10);
    }
    world->specs[world->source_count++] = spec;
}

/* The members of a kind that weigh something, and now and then some that do not. */
static void add_members(struct world *world, int kind)
{
    uint32_t number;

    if (!affinity_kind(world->affinity, name(kind), &number))
        return;
    for (int member = 1; member <= 30; member++)
        if (affinity_weight(world->affinity, RANK_MEMBER, number, name(member)) > 0 ||
            random_below(20) == 0)
            add_source(world, (struct source_spec){kind, 0, 0, member});
}

static int64_t spec_base(const struct world *world, int kind, int series, int region)
{
    uint32_t number;

    if (!affinity_kind(world->affinity, name(kind), &number))
        return -1;
    return score_base(world->affinity, &world->weights, number, name(series), name(region));
}

/* Whether a wide source (a 0 for any) with the same base holds a group's items as well. */
static bool has_wide(const struct world *world, int kind, int series, int region)
{
    int64_t base = spec_base(world, kind, series, region);

    return base == spec_base(world, kind, 0, 0) || (series != 0 && region != 0 &&
                                                    (base == spec_base(world, kind, series, 0) ||
                                                     base == spec_base(world, kind, 0, region)));
}

/* Either all groups that there are; or wide ones, and of the narrow ones those that score more. */
static void add_groups(struct world *world, int kind, bool wide)
{
    const struct filter *filter = &world->filter;
    bool filtered = random_below(2) == 0; /* by source as well as by item */

    for (int series = wide ? 0 : 1; series <= 5; series++)
        for (int region = wide ? 0 : 1; region <= 4; region++) {
            if (filtered && ((filter->series && series && series != filter->series) ||
                             (filter->region && region && region != filter->region)))
                continue;
            if (wide && (series || region) && has_wide(world, kind, series, region))
                continue;
            add_source(world, (struct source_spec){kind, series, region, 0});
        }
}

static void make_sources(struct world *world)
{
    bool wide = random_below(2) == 0;

    world->source_count = 0;
    for (int kind = 1; kind <= 4; kind++) {
        if (world->filter.kind != 0 && world->filter.kind != kind)
            continue;
        add_members(world, kind);
        add_groups(world, kind, wide);
    }
    for (size_t i = world->source_count; i > 1; i--) { /* in any order */
        size_t other = random_below((uint32_t)i);
        struct rank_source held = world->sources[i - 1];
        world->sources[i - 1] = world->sources[other];
        world->sources[other] = held;
    }
}

/* First with one source for all groups of a kind, and with the groups when that one is asked for.
 */
static int run_listing_late(struct world *world, struct topn *topn, size_t n,
                            const struct rank_result **ret_results, size_t *ret_count)
{
    struct rank_source late[SOURCES_MAX];
    bool listed[RANK_KINDS_MAX] = {false};
    size_t count = 0;

    for (size_t i = 0; i < world->source_count; i++) {
        struct rank_source source = world->sources[i];
        if (source.type == RANK_SOURCE_GROUP) {
            int64_t bound = score_base_bound(world->affinity, &world->weights, source.kind);
            assert_true(bound >= source.base);
            if (listed[source.kind])
                continue;
            listed[source.kind] = true;
            source.base = bound;
            source.ref = UNLISTED;
        }
        late[count++] = source;
    }
    int err = topn_run(topn, late, count, n, pull, world, ret_results, ret_count);
    if (err != TIP_ENOTFOUND)
        return err;
    return topn_run(topn, world->sources, world->source_count, n, pull, world, ret_results,
                    ret_count);
}

static void compare(struct world *world, struct topn *topn, size_t n,
                    const struct expected *expected, size_t expected_count)
{
    const struct rank_result *results = NULL;
    size_t count = 0;

    topn_clear(topn);
    for (size_t i = 0; i < world->item_count; i++)
        if (world->items[i].excluded)
            topn_exclude(topn, str_of(world->items[i].id));
    int err = random_below(2) == 0 ? run_listing_late(world, topn, n, &results, &count)
                                   : topn_run(topn, world->sources, world->source_count, n, pull,
                                              world, &results, &count);
    assert_int_equal(err, 0);
    assert_int_equal(count, n < expected_count ? n : expected_count);
    for (size_t i = 0; i < count; i++) {
        const struct item *item = &world->items[expected[i].item];
        assert_int_equal(results[i].numerator, expected[i].numerator);
        assert_int_equal(results[i].ref, expected[i].item);
        assert_int_equal(results[i].key.begin_ms, item->begin_ms);
        assert_true(str_equal(results[i].key.id, str_of(item->id)));
    }
}

static void compare_scores(const struct world *world, const struct expected *expected, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct rank_tags tags = item_tags(&world->items[expected[i].item]);
        int64_t numerator = -1;
        assert_true(score_item(world->affinity, &world->weights, &tags, &numerator));
        assert_int_equal(numerator, expected[i].numerator);
    }
}

static void test_equals_brute_force(void **state)
{
    static struct world world;
    static struct expected expected[ITEMS_MAX];
    struct topn *copying = topn_new(false, RANK_CHUNK_MAX), *borrowing = topn_new(true, 64);
    (void)state;

    world.affinity = affinity_new();
    for (int i = 0; i < CASES; i++) {
        make_items(&world);
        make_choices(&world);
        make_filter(&world);
        assert_int_equal(
            affinity_build(world.affinity, world.choices, world.choice_count, world.half_life_ms),
            0);
        make_sources(&world);
        size_t count = brute_force(&world, expected);
        size_t n = 1 + random_below(random_below(2) == 0 ? 12 : ITEMS_MAX + 10);
        compare_scores(&world, expected, count);

        world.borrow = false;
        compare(&world, copying, n, expected, count);
        struct topn *small = topn_new(false, 1 + random_below((uint32_t)n));
        compare(&world, small, n, expected, count);
        topn_free(small);
        world.borrow = true;
        compare(&world, borrowing, n, expected, count);
    }
    topn_free(copying);
    topn_free(borrowing);
    affinity_free(world.affinity);
}

/* One large world, n = 10: most items and sources are never looked at. */
static void test_reads_little(void **state)
{
    static struct world world;
    static struct expected expected[ITEMS_MAX];
    struct topn *topn = topn_new(false, RANK_CHUNK_MAX);
    size_t items = 0, pulls = 0, candidates = 0, sources = 0;
    (void)state;

    world.affinity = affinity_new();
    for (int i = 0; i < CASES; i++) {
        make_items(&world);
        make_choices(&world);
        world.filter = (struct filter){.now_ms = -1, .before_ms = INT64_MAX};
        assert_int_equal(
            affinity_build(world.affinity, world.choices, world.choice_count, world.half_life_ms),
            0);
        make_sources(&world);
        size_t count = brute_force(&world, expected);
        if (count < 200)
            continue;
        compare(&world, topn, 3, expected, count);
        items += topn_stats(topn).items;
        pulls += topn_stats(topn).pulls;
        candidates += count;
        sources += world.source_count;
    }
    print_message("read %zu of %zu items, %zu pulls from %zu sources\n", items, candidates, pulls,
                  sources);
    assert_true(candidates > 10000);
    assert_true(items * 2 < candidates);
    assert_true(pulls * 2 < sources);
    topn_free(topn);
    affinity_free(world.affinity);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equals_brute_force),
        cmocka_unit_test(test_reads_little),
    };
    random_state = argc > 1 ? strtoull(argv[1], NULL, 10) : 20261121;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
