/* The best n of sources, small cases by hand and what it asks for: see rank/topn.h. */
#include "base/err.h"
#include "rank/topn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

/* A source's ref is the number of its list. */
struct list {
    struct rank_item items[64];
    size_t count;
};

struct world {
    struct list lists[8];
    size_t asked[8]; /* per list: the limit of the first pull, 0: not asked */
    size_t pulls[8];
    int fail_with; /* the return value of every pull, where it is not 0 */
};

static int pull(void *ctx, const struct rank_source *source, const struct rank_key *after,
                size_t limit, struct rank_item *ret_items, size_t *ret_count)
{
    struct world *world = ctx;
    const struct list *list = &world->lists[source->ref];
    size_t at = 0;

    if (world->fail_with < 0)
        return world->fail_with;
    if (after != NULL) {
        while (at < list->count && !str_equal(list->items[at].key.id, after->id))
            at++;
        assert_true(at < list->count);
        at++;
    } else {
        world->asked[source->ref] = limit;
    }
    world->pulls[source->ref]++;
    for (*ret_count = 0; *ret_count < limit && at < list->count; at++)
        ret_items[(*ret_count)++] = list->items[at];
    return world->fail_with;
}

static void put(struct world *world, size_t list, int64_t begin_ms, const char *id, int64_t base)
{
    struct list *to = &world->lists[list];
    to->items[to->count] = (struct rank_item){
        .key = {.begin_ms = begin_ms, .id = str_of(id)}, .base = base, .ref = 100 + to->count};
    to->count++;
}

static struct rank_source group(uint64_t list, uint32_t kind, int64_t base)
{
    return (struct rank_source){.type = RANK_SOURCE_GROUP, .kind = kind, .base = base, .ref = list};
}

static struct rank_source member(uint64_t list, uint32_t kind, int64_t extra)
{
    return (struct rank_source){
        .type = RANK_SOURCE_MEMBER, .kind = kind, .extra = extra, .ref = list};
}

/* The ids of the result, each followed by a space. */
static const char *run(struct topn *topn, struct world *world, struct rank_source *sources,
                       size_t source_count, size_t n)
{
    static char text[1024];
    const struct rank_result *results = NULL;
    size_t count = 77, used = 0;

    assert_int_equal(topn_run(topn, sources, source_count, n, pull, world, &results, &count), 0);
    text[0] = '\0';
    for (size_t i = 0; i < count; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%.*s ",
                                 (int)results[i].key.id.len, results[i].key.id.data);
    return text;
}

static void test_orders_by_numerator_begin_id(void **state)
{
    struct world world = {0};
    struct topn *topn = topn_new(false, 1000);
    struct rank_source sources[] = {group(0, 0, 50), group(1, 0, 70), group(2, 1, 50)};
    (void)state;

    put(&world, 0, 1, "z", 0);
    put(&world, 0, 2, "b", 0);
    put(&world, 0, 2, "d", 0);
    put(&world, 1, 9, "late", 0);
    put(&world, 2, 2, "a", 0);
    put(&world, 2, 2, "bb", 0);
    put(&world, 2, 3, "a2", 0);
    assert_string_equal(run(topn, &world, sources, 3, 10), "late z a b bb d a2 ");
    for (size_t n = 0; n <= 8; n++) {
        const char *const expected[] = {"",
                                        "late ",
                                        "late z ",
                                        "late z a ",
                                        "late z a b ",
                                        "late z a b bb ",
                                        "late z a b bb d ",
                                        "late z a b bb d a2 ",
                                        "late z a b bb d a2 "};
        topn_clear(topn);
        assert_string_equal(run(topn, &world, sources, 3, n), expected[n]);
    }
    topn_free(topn);
}

static void test_an_item_counts_through_its_best_member(void **state)
{
    struct world world = {0};
    struct topn *topn = topn_new(false, 1000);
    struct rank_source sources[] = {group(0, 0, 50), member(1, 0, 5), member(2, 0, 8),
                                    group(3, 0, 10)};
    const struct rank_result *results;
    size_t count;
    (void)state;

    put(&world, 0, 1, "plain", 0);
    put(&world, 0, 2, "both", 0);
    put(&world, 0, 3, "five", 0);
    put(&world, 1, 2, "both", 50);
    put(&world, 1, 3, "five", 50);
    put(&world, 2, 2, "both", 50);
    put(&world, 2, 4, "low", 10);
    put(&world, 3, 4, "low", 0);
    assert_int_equal(topn_run(topn, sources, 4, 10, pull, &world, &results, &count), 0);
    assert_int_equal(count, 4);
    const int64_t expected[] = {58, 55, 50, 18}; /* both, five, plain, low */
    const int64_t bases[] = {50, 50, 50, 10};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(results[i].numerator, expected[i]);
        assert_int_equal(results[i].base, bases[i]);
    }
    assert_int_equal(results[3].ref, 101); /* from list 2, its second */
    assert_true(topn_knows(topn, str_of("low")));
    assert_false(topn_knows(topn, str_of("other")));
    topn_free(topn);
}

static void test_excluded_ids_are_skipped_and_known(void **state)
{
    struct world world = {0};
    struct topn *topn = topn_new(true, 1000);
    struct rank_source sources[] = {group(0, 0, 50), member(1, 0, 5)};
    (void)state;

    put(&world, 0, 1, "a", 0);
    put(&world, 0, 2, "b", 0);
    put(&world, 0, 3, "c", 0);
    put(&world, 0, 4, "d", 0);
    put(&world, 1, 3, "c", 50);
    topn_exclude(topn, str_of("c"));
    topn_exclude(topn, str_of("a"));
    topn_exclude(topn, str_of("a"));
    sources[0].excluded_hint = 2;
    assert_string_equal(run(topn, &world, sources, 2, 2), "b d ");
    assert_int_equal(world.pulls[0], 1);
    assert_int_equal(world.asked[0], 4);
    assert_true(topn_knows(topn, str_of("a")));
    topn_free(topn);
}

static void test_asks_no_source_that_cannot_reach(void **state)
{
    struct world world = {0};
    struct topn *topn = topn_new(false, 1000);
    struct rank_source sources[] = {group(2, 0, 40), group(1, 1, 50), group(0, 0, 50),
                                    member(3, 1, 0), member(4, 2, 999)};
    (void)state;

    put(&world, 0, 5, "x", 0);
    put(&world, 0, 6, "y", 0);
    put(&world, 1, 4, "earlier", 0); /* an equal bound must be read: this one begins first */
    put(&world, 2, 1, "no", 0);
    put(&world, 3, 4, "earlier", 50); /* adds nothing: the groups will do */
    put(&world, 4, 1, "of a kind without groups", 0);
    assert_string_equal(run(topn, &world, sources, 5, 2), "earlier x ");
    assert_int_equal(world.pulls[0], 1);
    assert_int_equal(world.pulls[1], 1);
    assert_int_equal(world.pulls[2], 0);
    assert_int_equal(world.pulls[4], 0);
    assert_int_equal(world.pulls[3], 0);
    assert_int_equal(topn_stats(topn).pulls, 2);
    assert_int_equal(topn_stats(topn).sources, 2);
    assert_int_equal(sources[0].bound, 50);
    assert_int_equal(sources[4].bound, -1);
    topn_free(topn);
}

static void test_one_pull_where_the_first_group_has_enough(void **state)
{
    struct world world = {0};
    struct topn *topn = topn_new(false, 1000);
    struct rank_source sources[] = {group(0, 0, 50), group(1, 0, 30)};
    static char ids[40][16];
    (void)state;

    for (int i = 0; i < 40; i++) {
        snprintf(ids[i], sizeof(ids[i]), "e%02d", i);
        put(&world, 0, i, ids[i], 0);
        put(&world, 1, i, ids[i], 0);
    }
    assert_string_equal(run(topn, &world, sources, 2, 3), "e00 e01 e02 ");
    assert_int_equal(world.asked[0], 3);
    assert_int_equal(topn_stats(topn).pulls, 1);
    assert_int_equal(topn_stats(topn).items, 3);
    topn_free(topn);
}

static void test_asks_for_what_still_fits(void **state)
{
    struct world world = {0};
    struct topn *topn = topn_new(false, 1000);
    struct rank_source sources[] = {member(1, 0, 5), group(0, 0, 50), group(2, 0, 40)};
    (void)state;

    put(&world, 0, 1, "a", 0);
    put(&world, 0, 2, "b", 0);
    put(&world, 1, 1, "a", 50);
    put(&world, 2, 1, "c", 0);
    assert_string_equal(run(topn, &world, sources, 3, 5), "a b c ");
    assert_int_equal(world.asked[1], 1000); /* members are read whole */
    assert_int_equal(world.asked[0], 5);    /* 4 places, and a comes again */
    assert_int_equal(world.asked[2], 3);
    topn_free(topn);
}

/* "All of the kind" as one source behind the groups that score more. */
static void test_a_wide_source_fills_up(void **state)
{
    struct world world = {0};
    struct topn *topn = topn_new(false, 1000);
    struct rank_source sources[] = {group(0, 0, 50), group(1, 0, 30)};
    (void)state;

    put(&world, 0, 3, "c", 0);
    put(&world, 0, 4, "d", 0);
    put(&world, 1, 1, "a", 0);
    put(&world, 1, 2, "b", 0);
    put(&world, 1, 3, "c", 0);
    put(&world, 1, 4, "d", 0);
    put(&world, 1, 5, "e", 0);
    assert_string_equal(run(topn, &world, sources, 2, 5), "c d a b e ");
    topn_clear(topn);
    assert_string_equal(run(topn, &world, sources, 2, 1), "c ");
    topn_free(topn);
}

static void test_failures(void **state)
{
    struct world world = {0};
    struct topn *topn = topn_new(false, 1000);
    struct rank_source sources[] = {group(0, 0, 50)};
    const struct rank_result *results = NULL;
    size_t count = 77;
    (void)state;

    put(&world, 0, 2, "b", 0);
    put(&world, 0, 1, "a", 0);
    assert_int_equal(topn_run(topn, sources, 1, 3, pull, &world, &results, &count), TIP_EFATAL);
    topn_clear(topn);
    world.fail_with = TIP_ETIMEOUT;
    assert_int_equal(topn_run(topn, sources, 1, 3, pull, &world, &results, &count), TIP_ETIMEOUT);
    topn_clear(topn);
    assert_int_equal(topn_run(topn, sources, 1, RANK_N_MAX + 1, pull, &world, &results, &count),
                     TIP_EINVAL);
    assert_int_equal(count, 77);
    assert_null(results);
    topn_clear(topn);
    world = (struct world){.fail_with = 1}; /* the end, said early */
    put(&world, 0, 1, "a", 0);
    put(&world, 0, 2, "b", 0);
    put(&world, 0, 3, "c", 0);
    assert_string_equal(run(topn, &world, sources, 1, 2), "a b ");
    topn_free(topn);
}

static void test_nothing_to_read(void **state)
{
    struct world world = {0};
    struct topn *topn = topn_new(false, 1);
    struct rank_source sources[] = {group(0, 0, 0), member(1, 0, 0)};
    (void)state;

    assert_string_equal(run(topn, &world, NULL, 0, 10), "");
    assert_string_equal(run(topn, &world, sources, 2, 10), "");
    put(&world, 0, 1, "of weight 0", 0); /* a kind whose choices are ages old: still a candidate */
    assert_string_equal(run(topn, &world, sources, 2, 10), "of weight 0 ");
    topn_free(topn);
    topn_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orders_by_numerator_begin_id),
        cmocka_unit_test(test_an_item_counts_through_its_best_member),
        cmocka_unit_test(test_excluded_ids_are_skipped_and_known),
        cmocka_unit_test(test_asks_no_source_that_cannot_reach),
        cmocka_unit_test(test_one_pull_where_the_first_group_has_enough),
        cmocka_unit_test(test_asks_for_what_still_fits),
        cmocka_unit_test(test_a_wide_source_fills_up),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_nothing_to_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
