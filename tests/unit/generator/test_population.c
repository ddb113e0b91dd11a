/* The population: the same bytes from the same seed, valid records, bets before their events,
 * tastes. */
#include "unit.h"

#include "base/err.h"
#include "base/sha256.h"
#include "base/timefmt.h"
#include "domain/codec.h"
#include "generator/leagues.h"
#include "generator/population.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)

static const int64_t as_of_ms = INT64_C(1795219200000); /* 2026-11-21 */

static struct population *make(const struct population_options *options)
{
    struct population *population = population_new(options);
    assert_int_equal(population_ready(population), 0);
    return population;
}

static struct population_options options_of(size_t users, size_t events, size_t coupons)
{
    return (struct population_options){.seed = 1,
                                       .users = users,
                                       .events = events,
                                       .coupons = coupons,
                                       .as_of_ms = as_of_ms,
                                       .days = 90};
}

static void digest(const struct population *population, enum record_kind kind,
                   char ret_hex[static SHA256_HEX_SIZE])
{
    AUTO_BUF all = {0};
    uint8_t hash[SHA256_SIZE];
    struct population_record made;
    for (size_t i = 0; i < population_count(population, kind); i++) {
        population_make(population, kind, i, &made);
        record_json(&made.record, &all);
        buf_add_char(&all, '\n');
    }
    sha256_of(buf_str(&all), hash);
    sha256_hex(hash, ret_hex);
}

/* Also from compiler to compiler. A change here changes everybody's demo data and benchmarks: only
 * on purpose. */
static void test_golden(void **state)
{
    (void)state;
    static const char *const golden[RECORD_KINDS] = {
        [RECORD_USER] = "6b5ad5646dc1983d6838718e8fe9185d083d68b06e0525fa6da779694a47a306",
        [RECORD_EVENT] = "505abe3f584b935de09ea7ea6ce12ea3b39916bfe99142ac7db23d1340977a35",
        [RECORD_COUPON] = "d6fd3a760618ec7840e807870c3a43ee2d8bb69e804a7f947d4e37cc73eb4c9e",
    };
    struct population_options options = options_of(1000, 1000, 1000);
    struct population *population = make(&options);
    char hex[SHA256_HEX_SIZE];
    for (int kind = 0; kind < RECORD_KINDS; kind++) {
        digest(population, (enum record_kind)kind, hex);
        assert_string_equal(hex, golden[kind]);
    }
    population_free(population);
}

static void test_seeds_differ(void **state)
{
    (void)state;
    struct population_options options = options_of(100, 200, 100);
    struct population *one = make(&options);
    options.seed = 2;
    struct population *two = make(&options);
    char first[SHA256_HEX_SIZE], second[SHA256_HEX_SIZE];
    digest(one, RECORD_COUPON, first);
    digest(two, RECORD_COUPON, second);
    assert_string_not_equal(first, second);
    population_free(one);
    population_free(two);
}

static void test_all_valid(void **state)
{
    (void)state;
    struct population_options options = options_of(2000, 5000, 5000);
    struct population *population = make(&options);
    AUTO_BUF text = {0};
    struct population_record made;
    for (int kind = 0; kind < RECORD_KINDS; kind++) {
        for (size_t i = 0; i < population_count(population, (enum record_kind)kind); i++) {
            struct violations violations;
            AUTO_RECORD parsed = {0};
            buf_clear(&text);
            violations_clear(&violations);
            population_make(population, (enum record_kind)kind, i, &made);
            record_json(&made.record, &text);
            int err = record_parse((enum record_kind)kind, GENERATION_V1, buf_str(&text), as_of_ms,
                                   &parsed, &violations);
            if (err != 0)
                fail_msg("%s: %s %s", buf_cstr(&text), violations.items[0].pointer,
                         violations.items[0].detail);
        }
    }
    population_free(population);
}

/* Number of an event by its id "e1-tag-N". */
static size_t event_index(struct str id)
{
    size_t number = 0;
    for (size_t i = 0; i < id.len; i++)
        number = id.data[i] == '-' ? 0 : number * 10 + (size_t)(id.data[i] - '0');
    return number - 1;
}

static void test_bets_come_before_events(void **state)
{
    (void)state;
    struct population_options options = options_of(500, 3000, 5000);
    struct population *population = make(&options);
    struct population_record coupon, event;
    int64_t last_ms = 0;
    for (size_t i = 0; i < options.coupons; i++) {
        population_make(population, RECORD_COUPON, i, &coupon);
        const struct coupon *made = &coupon.record.coupon;
        assert_true(made->placed_at_ms >= last_ms); /* numbered by time */
        assert_true(made->placed_at_ms >= as_of_ms - 90 * DAY_MS && made->placed_at_ms < as_of_ms);
        assert_in_range(made->selection_count, 1, POPULATION_SELECTIONS_MAX);
        last_ms = made->placed_at_ms;
        for (size_t k = 0; k < made->selection_count; k++) {
            population_make(population, RECORD_EVENT, event_index(made->selections[k].event_id),
                            &event);
            assert_true(str_equal(event.record.event.event_id, made->selections[k].event_id));
            assert_true(event.record.event.begin_ms > made->placed_at_ms);
            assert_true(event.record.event.begin_ms <= made->placed_at_ms + POPULATION_WINDOW_MS);
        }
    }
    population_free(population);
}

/* Most selections are of the favourite league; half of those or so of the favourite team. */
static void test_tastes_show(void **state)
{
    (void)state;
    struct population_options options = options_of(300, 4000, 6000);
    struct population *population = make(&options);
    struct population_record coupon, event;
    size_t selections = 0, of_league = 0, of_team = 0;
    for (size_t i = 0; i < options.coupons; i++) {
        population_make(population, RECORD_COUPON, i, &coupon);
        struct population_taste taste =
            population_user_taste(population, population_coupon_user(population, i));
        for (size_t k = 0; k < coupon.record.coupon.selection_count; k++) {
            population_make(population, RECORD_EVENT,
                            event_index(coupon.record.coupon.selections[k].event_id), &event);
            const struct event *chosen = &event.record.event;
            selections++;
            of_league +=
                str_equal(chosen->league, taste.league) && str_equal(chosen->sport, taste.sport);
            for (size_t p = 0; p < chosen->participant_count; p++)
                of_team += str_equal(chosen->participants[p], taste.participant);
        }
    }
    assert_in_range(of_league * 100 / selections, 70, 95);
    assert_in_range(of_team * 100 / selections, 30, 70);
    population_free(population);
}

static void add_foreign(struct population *population, const char *id, int64_t begin_ms)
{
    struct event event = {.event_id = str_of(id),
                          .sport = str_of("Soccer"),
                          .league = str_of("Premier League"),
                          .country = str_of("England"),
                          .participants = {str_of("Arsenal"), str_of("Everton")},
                          .participant_count = 2,
                          .begin_ms = begin_ms,
                          .end_ms = begin_ms};
    population_add_event(population, &event);
}

static void test_events_from_elsewhere(void **state)
{
    (void)state;
    struct population_options options = options_of(10, 0, 200);
    struct population *population = population_new(&options);
    add_foreign(population, "fixture", as_of_ms - 60 * DAY_MS);
    add_foreign(population, "e1-old-7", as_of_ms + DAY_MS); /* its own of an earlier run */
    assert_int_equal(population_ready(population), 0);
    struct population_record made;
    for (size_t i = 0; i < options.coupons; i++) {
        population_make(population, RECORD_COUPON, i, &made);
        assert_int_equal(made.record.coupon.selection_count, 1);
        assert_true(str_equal(made.record.coupon.selections[0].event_id, str_of("fixture")));
        assert_true(made.record.coupon.placed_at_ms < as_of_ms - 60 * DAY_MS);
        assert_true(made.record.coupon.placed_at_ms >= as_of_ms - 81 * DAY_MS);
    }
    population_free(population);
}

/* Nothing is invented in a league that exists. */
static void test_real_leagues_stay_real(void **state)
{
    (void)state;
    struct population_options options = options_of(10, 2000, 10);
    struct population *population = population_new(&options);
    add_foreign(population, "fixture", as_of_ms - DAY_MS);
    assert_int_equal(population_ready(population), 0);
    struct population_record made;
    for (size_t i = 0; i < population_count(population, RECORD_EVENT); i++) {
        population_make(population, RECORD_EVENT, i, &made);
        assert_false(str_equal(made.record.event.league, str_of("Premier League")));
    }
    population_free(population);
}

static void test_nothing_to_bet_on(void **state)
{
    (void)state;
    struct population_options options = options_of(10, 0, 5);
    struct population *population = population_new(&options);
    add_foreign(population, "long-ago", as_of_ms - 200 * DAY_MS);
    assert_int_equal(population_ready(population), TIP_ENOTFOUND);
    population_free(population);
}

static void test_leagues(void **state)
{
    (void)state;
    unsigned sports = 1;
    for (unsigned i = 0; i < LEAGUES; i++) {
        const struct league_plan *plan = &league_plans[i];
        AUTO_BUF names = {0};
        sports += i > 0 && strcmp(plan->sport, league_plans[i - 1].sport) != 0;
        assert_true(plan->participants <= LEAGUE_PARTICIPANTS_MAX);
        for (unsigned k = 0; k < plan->participants; k++) { /* distinct names */
            AUTO_BUF name = {0};
            buf_add_char(&name, '\n');
            league_participant(plan, k, &name);
            buf_add_char(&name, '\n');
            assert_null(strstr(buf_cstr(&names), buf_cstr(&name)));
            buf_add_str(&names, buf_str(&name));
        }
    }
    assert_int_equal(sports, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_seeds_differ),
        cmocka_unit_test(test_all_valid),
        cmocka_unit_test(test_bets_come_before_events),
        cmocka_unit_test(test_tastes_show),
        cmocka_unit_test(test_events_from_elsewhere),
        cmocka_unit_test(test_real_leagues_stay_real),
        cmocka_unit_test(test_nothing_to_bet_on),
        cmocka_unit_test(test_leagues),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
