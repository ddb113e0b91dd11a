/* The index of events: lists by league and participant in the order of begin, whatever came first.
 */
#include "unit.h"

#include "generator/catalogue.h"

#include <stdio.h>

static void add(struct catalogue *catalogue, const char *id, const char *sport, const char *league,
                const char *home, const char *away, int64_t begin_ms)
{
    struct event event = {.event_id = str_of(id),
                          .sport = str_of(sport),
                          .league = str_of(league),
                          .participants = {str_of(home), str_of(away)},
                          .participant_count = 2,
                          .begin_ms = begin_ms};
    catalogue_add(catalogue, &event);
}

static void assert_ids(const struct catalogue *catalogue, struct event_list list, const char *ids)
{
    char found[64] = "";
    for (size_t i = 0; i < list.count; i++) {
        struct str id = catalogue_event_id(catalogue, list.events[i]);
        strncat(found, id.data, id.len);
    }
    assert_string_equal(found, ids);
}

static void test_lists(void **state)
{
    (void)state;
    struct catalogue *catalogue = catalogue_new();
    add(catalogue, "d", "Darts", "Premier League", "A", "X", 400);
    add(catalogue, "b", "Soccer", "Premier League", "A", "B", 200);
    add(catalogue, "c", "Soccer", "Premier League", "C", "A", 300);
    add(catalogue, "a", "Soccer", "La Liga", "A", "D", 100);
    add(catalogue, "e", "Soccer", "Premier League", "C", "B", 500);
    assert_true(catalogue_has_league(catalogue, str_of("Soccer"), str_of("La Liga")));
    assert_false(catalogue_has_league(catalogue, str_of("Darts"), str_of("La Liga")));
    catalogue_seal(catalogue, 1);

    assert_int_equal(catalogue_sports(catalogue), 2);
    struct popularity leagues = catalogue_sport_leagues(catalogue, 0);
    assert_int_equal(leagues.count, 2); /* Soccer is known, so it comes before Darts */
    uint32_t league = leagues.items[0];
    assert_true(str_equal(catalogue_league_name(catalogue, league), str_of("Premier League")));
    assert_true(str_equal(catalogue_league_sport(catalogue, league), str_of("Soccer")));
    assert_ids(catalogue, catalogue_of_league(catalogue, league), "bce");
    assert_ids(catalogue, catalogue_all(catalogue), "abcde");

    struct popularity sides = catalogue_league_participants(catalogue, league);
    assert_int_equal(sides.count, 3); /* A, B, C: the A of another league is another one */
    for (size_t i = 0; i < sides.count; i++) {
        struct str name = catalogue_participant_name(catalogue, sides.items[i]);
        const char *ids = *name.data == 'A' ? "bc" : *name.data == 'B' ? "be" : "ce";
        assert_ids(catalogue, catalogue_of_participant(catalogue, sides.items[i]), ids);
    }
    struct event_list all = catalogue_all(catalogue);
    assert_ids(catalogue, catalogue_window(catalogue, all, 100, 300), "bc");
    assert_ids(catalogue, catalogue_window(catalogue, all, 500, 900), "");
    assert_ids(catalogue, catalogue_window(catalogue, all, -1, 1000), "abcde");
    catalogue_free(catalogue);
}

static void test_many_leagues_and_order(void **state)
{
    (void)state;
    struct catalogue *one = catalogue_new(), *two = catalogue_new();
    char id[16], league[16], home[16];
    for (int step = 0; step < 2000; step++) {
        for (int side = 0; side < 2; side++) {
            int i = side == 0 ? step : 1999 - step;
            snprintf(id, sizeof(id), "e%d", i);
            snprintf(league, sizeof(league), "league %d", i % 300);
            snprintf(home, sizeof(home), "home %d", i % 700);
            add(side == 0 ? one : two, id, "Soccer", league, home, "away", i);
        }
    }
    catalogue_seal(one, 5);
    catalogue_seal(two, 5);
    assert_true(catalogue_digest(one) == catalogue_digest(two));
    assert_int_equal(catalogue_count(one), 2000);
    struct popularity a = catalogue_sport_leagues(one, 0), b = catalogue_sport_leagues(two, 0);
    assert_int_equal(a.count, 300);
    for (size_t i = 0; i < a.count; i++)
        assert_true(str_equal(catalogue_league_name(one, a.items[i]),
                              catalogue_league_name(two, b.items[i])));
    catalogue_free(one);
    catalogue_free(two);
}

static void test_empty(void **state)
{
    (void)state;
    struct catalogue *catalogue = catalogue_new();
    catalogue_seal(catalogue, 1);
    assert_int_equal(catalogue_count(catalogue), 0);
    assert_int_equal(catalogue_widest(catalogue), 0);
    catalogue_free(catalogue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_many_leagues_and_order),
        cmocka_unit_test(test_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
