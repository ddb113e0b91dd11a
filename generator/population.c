/* See population.h. Every record comes from a random stream of its own: (seed, kind, index). */
#include "generator/population.h"

#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "generator/catalogue.h"
#include "generator/leagues.h"
#include "generator/taste.h"
#include "generator/zipf.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define HOUR_MS (INT64_C(3600) * 1000)
#define DAY_MS  (24 * HOUR_MS)
/* Events are made up to here after as_of, so that there is something to recommend. */
#define AHEAD_MS (28 * DAY_MS)

enum stream { STREAM_USER, STREAM_EVENT, STREAM_COUPON, STREAM_BETTOR, STREAM_TASTE };

enum { TAG_SIZE = 7 };

/* A stretch of time in which there is something to bet on; before: length of those before it. */
struct stretch {
    int64_t start_ms, length_ms, before_ms;
};

struct league_names {
    const struct league_plan *plan;
    struct str participants[LEAGUE_PARTICIPANTS_MAX];
};

struct population {
    struct population_options options;
    struct catalogue *catalogue;
    struct zipf zipf;
    struct league_names leagues[LEAGUES]; /* of those that events are invented in */
    size_t league_count;
    struct buf names; /* their participants' */
    struct stretch *stretches;
    size_t stretch_count;
    int64_t bettable_ms;
    size_t event_count;
    char own_prefix[32];
    char event_tag[TAG_SIZE], coupon_tag[TAG_SIZE];
};

struct population *population_new(const struct population_options *options)
{
    struct population *population = xcalloc(1, sizeof(*population));
    population->options = *options;
    population->catalogue = catalogue_new();
    snprintf(population->own_prefix, sizeof(population->own_prefix), "e%" PRIu64 "-",
             options->seed);
    return population;
}

void population_free(struct population *population)
{
    if (population == NULL)
        return;
    catalogue_free(population->catalogue);
    zipf_release(&population->zipf);
    buf_release(&population->names);
    free(population->stretches);
    free(population);
}

void population_add_event(struct population *population, const struct event *event)
{
    size_t len = strlen(population->own_prefix);
    if (event->event_id.len >= len &&
        memcmp(event->event_id.data, population->own_prefix, len) == 0)
        return;
    catalogue_add(population->catalogue, event);
}

/* --- getting ready */

/* Six characters for everything that the ids' contents depend on: other contents, other ids. */
static void make_tag(const uint64_t *values, size_t count, char ret_tag[static TAG_SIZE])
{
    static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz"; /* Crockford's 32 */
    uint64_t hash = 0;
    for (size_t i = 0; i < count; i++)
        hash = hash_mix(hash + values[i] + UINT64_C(0x9e3779b97f4a7c15));
    for (int i = 0; i < TAG_SIZE - 1; i++, hash >>= 5)
        ret_tag[i] = digits[hash & 31];
    ret_tag[TAG_SIZE - 1] = '\0';
}

/* The leagues that no added event belongs to, with their participants' names. */
static void choose_leagues(struct population *population)
{
    size_t starts[LEAGUES][LEAGUE_PARTICIPANTS_MAX + 1];
    for (size_t i = 0; i < LEAGUES; i++) {
        const struct league_plan *plan = &league_plans[i];
        if (catalogue_has_league(population->catalogue, str_of(plan->sport), str_of(plan->league)))
            continue;
        size_t *start = starts[population->league_count];
        population->leagues[population->league_count++].plan = plan;
        for (unsigned k = 0; k < plan->participants; k++) {
            start[k] = population->names.len;
            league_participant(plan, k, &population->names);
        }
        start[plan->participants] = population->names.len;
    }
    for (size_t i = 0; i < population->league_count; i++) /* the buffer stays where it is now */
        for (unsigned k = 0; k < population->leagues[i].plan->participants; k++)
            population->leagues[i].participants[k] =
                str_from(population->names.data + starts[i][k], starts[i][k + 1] - starts[i][k]);
}

static void make_event(const struct population *population, size_t index,
                       struct population_record *made);

/* Joins the windows before all events, cut to the days of the coupons. */
static void find_stretches(struct population *population)
{
    const struct population_options *options = &population->options;
    int64_t low = options->as_of_ms - options->days * DAY_MS, high = options->as_of_ms;
    size_t count = catalogue_count(population->catalogue);
    population->stretches = xcalloc(count + 1, sizeof(*population->stretches));
    int64_t covered = low; /* everything before is in a stretch or not bettable */
    for (uint32_t i = 0; i < count; i++) {
        int64_t begin = catalogue_event_begin(population->catalogue, i);
        int64_t start =
            begin - POPULATION_WINDOW_MS > covered ? begin - POPULATION_WINDOW_MS : covered;
        int64_t end = begin < high ? begin : high;
        if (start >= end)
            continue;
        struct stretch *last = population->stretches + population->stretch_count;
        if (population->stretch_count > 0 && last[-1].start_ms + last[-1].length_ms == start)
            last[-1].length_ms += end - start;
        else
            population->stretches[population->stretch_count++] =
                (struct stretch){start, end - start, population->bettable_ms};
        population->bettable_ms += end - start;
        covered = end;
    }
}

int population_ready(struct population *population)
{
    const struct population_options *options = &population->options;
    choose_leagues(population);
    population->event_count = population->league_count > 0 ? options->events : 0;
    uint64_t parts[] = {options->seed,
                        (uint64_t)options->as_of_ms,
                        (uint64_t)options->days,
                        options->events,
                        catalogue_digest(population->catalogue),
                        options->users,
                        options->coupons};
    make_tag(parts, 5, population->event_tag);
    make_tag(parts, 7, population->coupon_tag);
    struct population_record made;
    for (size_t i = 0; i < population->event_count; i++) {
        make_event(population, i, &made);
        catalogue_add(population->catalogue, &made.record.event);
    }
    catalogue_seal(population->catalogue, options->seed);
    zipf_init(&population->zipf, catalogue_widest(population->catalogue));
    find_stretches(population);
    bool stuck = options->coupons > 0 && (population->bettable_ms == 0 || options->users == 0);
    return stuck ? TIP_ENOTFOUND : 0;
}

/* --- records */

static struct random_source stream_of(const struct population *population, enum stream stream,
                                      size_t index)
{
    struct random_source random;
    random_init(&random, population->options.seed, stream, index);
    return random;
}

/* prefix, seed, [tag], number from 1: "c1-k3f9ax-17". */
static struct str put_id(char *out, char prefix, uint64_t seed, const char *tag, size_t index)
{
    int len =
        tag == NULL
            ? snprintf(out, ID_MAX_BYTES + 1, "%c%" PRIu64 "-%zu", prefix, seed, index + 1)
            : snprintf(out, ID_MAX_BYTES + 1, "%c%" PRIu64 "-%s-%zu", prefix, seed, tag, index + 1);
    return str_from(out, (size_t)len);
}

static void make_user(const struct population *population, size_t index,
                      struct population_record *made)
{
    static const struct {
        const char *country, *currency;
    } homes[] = {{"England", "GBP"}, {"Spain", "EUR"},   {"Germany", "EUR"}, {"Italy", "EUR"},
                 {"France", "EUR"},  {"USA", "USD"},     {"Greece", "EUR"},  {"Brazil", "BRL"},
                 {"Japan", "JPY"},   {"Poland", "PLN"},  {"Sweden", "SEK"},  {"Canada", "CAD"},
                 {"Mexico", "MXN"},  {"Denmark", "DKK"}, {"Turkey", "TRY"},  {"Portugal", "EUR"}};
    static const char *const genders[] = {"male", "female", "male", "female", "male", "other"};
    struct random_source random = stream_of(population, STREAM_USER, index);
    struct civil civil;
    time_to_civil(population->options.as_of_ms, &civil);
    /* One draw a statement: the order of draws is part of the result, and C leaves it open inside
     * an expression. */
    size_t home = random_low(&random, sizeof(homes) / sizeof(homes[0]));
    int age = 19 + (int)random_below(&random, 55);
    const char *gender = genders[random_below(&random, sizeof(genders) / sizeof(genders[0]))];
    int64_t member_ms = 1000 * (int64_t)random_below(&random, 3 * 365 * 86400);
    int64_t first_coupon_ms = population->options.as_of_ms - population->options.days * DAY_MS;
    made->record.user = (struct user){
        .user_id = put_id(made->id, 'u', population->options.seed, NULL, index),
        .birth_year = civil.year - age,
        .country = str_of(homes[home].country),
        .currency = str_of(homes[home].currency),
        .gender = str_of(gender),
        .registration_date_ms = first_coupon_ms - member_ms,
        .version = VERSION_NONE,
    };
    if (made->record.user.birth_year < TIME_YEAR_MIN)
        made->record.user.birth_year = TIME_YEAR_MIN;
    if (made->record.user.registration_date_ms < TIME_MIN_MS)
        made->record.user.registration_date_ms = TIME_MIN_MS;
}

/* Different participants of the league, the first one at home. */
static void choose_sides(const struct league_names *league, struct random_source *random,
                         struct event *event, unsigned *ret_home)
{
    unsigned chosen[PARTICIPANTS_MAX];
    unsigned count = 0;
    while (count < league->plan->sides) {
        unsigned side = (unsigned)random_below(random, league->plan->participants);
        unsigned seen = 0;
        while (seen < count && chosen[seen] != side)
            seen++;
        if (seen < count)
            continue;
        event->participants[count] = league->participants[side];
        chosen[count++] = side;
    }
    event->participant_count = count;
    *ret_home = chosen[0];
}

static void make_event(const struct population *population, size_t index,
                       struct population_record *made)
{
    const struct population_options *options = &population->options;
    struct random_source random = stream_of(population, STREAM_EVENT, index);
    const struct league_names *league =
        &population->leagues[random_below(&random, population->league_count)];
    const struct league_plan *plan = league->plan;
    struct event *event = &made->record.event;
    unsigned home;
    choose_sides(league, &random, event, &home);
    /* From a day after the first coupon to AHEAD_MS after the last, evenly, at the league's hours.
     */
    uint64_t days = (uint64_t)(options->days + AHEAD_MS / DAY_MS);
    int64_t day = (int64_t)((uint64_t)index * days / options->events);
    int64_t first = options->as_of_ms - options->days * DAY_MS;
    first -= ((first % DAY_MS) + DAY_MS) % DAY_MS;
    event->event_id = put_id(made->id, 'e', options->seed, population->event_tag, index);
    event->sport = str_of(plan->sport);
    event->league = str_of(plan->league);
    event->country = str_of(league_country(plan, home, random_next(&random)));
    int64_t hour_ms = plan->hours[random_below(&random, 4)] * HOUR_MS;
    int64_t quarter_ms = (int64_t)random_below(&random, 4) * HOUR_MS / 4;
    event->begin_ms = first + (day + 1) * DAY_MS + hour_ms + quarter_ms;
    event->end_ms = event->begin_ms + plan->minutes * INT64_C(60000);
    event->version = VERSION_NONE;
}

/* Coupons share the bettable time evenly, each somewhere in its slot. */
static int64_t coupon_time(const struct population *population, struct random_source *random,
                           size_t index)
{
    unsigned __int128 whole = (unsigned __int128)population->bettable_ms;
    int64_t from = (int64_t)(whole * index / population->options.coupons);
    int64_t to = (int64_t)(whole * (index + 1) / population->options.coupons);
    int64_t at = from + (to > from ? (int64_t)random_below(random, (uint64_t)(to - from)) : 0);
    size_t low = 0,
           high = population->stretch_count - 1; /* the last one that begins at or before */
    while (low < high) {
        size_t middle = (low + high + 1) / 2;
        if (population->stretches[middle].before_ms <= at)
            low = middle;
        else
            high = middle - 1;
    }
    return population->stretches[low].start_ms + (at - population->stretches[low].before_ms);
}

/* Puts a selection into its place by event_id, unless its event is there. */
static void add_selection(struct coupon *coupon, struct str event_id, int64_t odds_e4)
{
    size_t at = coupon->selection_count;
    while (at > 0) {
        int order = str_compare(coupon->selections[at - 1].event_id, event_id);
        if (order == 0)
            return;
        if (order < 0)
            break;
        at--;
    }
    memmove(&coupon->selections[at + 1], &coupon->selections[at],
            (coupon->selection_count - at) * sizeof(coupon->selections[0]));
    coupon->selections[at] = (struct selection){event_id, odds_e4};
    coupon->selection_count++;
}

static struct taste taste_of_user(const struct population *population, size_t user)
{
    struct random_source random = stream_of(population, STREAM_TASTE, user);
    return taste_draw(population->catalogue, &population->zipf, &random);
}

static void make_coupon(const struct population *population, size_t index,
                        struct population_record *made)
{
    static const uint8_t counts[] = {1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 5};
    static const uint8_t stakes[] = {1, 2, 2, 5, 5, 5, 10, 10, 10, 20, 20, 25, 50, 100};
    struct random_source random = stream_of(population, STREAM_COUPON, index);
    struct coupon *coupon = &made->record.coupon;
    size_t user = population_coupon_user(population, index);
    struct taste taste = taste_of_user(population, user);
    coupon->coupon_id =
        put_id(made->id, 'c', population->options.seed, population->coupon_tag, index);
    coupon->user_id = put_id(made->user_id, 'u', population->options.seed, NULL, user);
    coupon->placed_at_ms = coupon_time(population, &random, index);
    coupon->stake_e4 = stakes[random_below(&random, sizeof(stakes))] * INT64_C(10000);
    if (random_chance(&random, 20)) /* an odd amount, to the cent */
        coupon->stake_e4 += (int64_t)random_below(&random, 100) * 100;
    coupon->selection_count = 0;
    size_t wanted = counts[random_below(&random, sizeof(counts))];
    for (size_t i = 0; i < wanted; i++) {
        uint32_t event = 0;
        if (taste_choose(&taste, population->catalogue, &population->zipf, &random,
                         coupon->placed_at_ms, POPULATION_WINDOW_MS, &event) != 0)
            break;
        int64_t odds_e4 = (int64_t)(110 + random_low(&random, 690)) * 100; /* 1.10 to 7.99 */
        add_selection(coupon, catalogue_event_id(population->catalogue, event), odds_e4);
    }
}

size_t population_count(const struct population *population, enum record_kind kind)
{
    switch (kind) {
    case RECORD_USER:
        return population->options.users;
    case RECORD_EVENT:
        return population->event_count;
    default:
        return population->options.coupons;
    }
}

void population_make(const struct population *population, enum record_kind kind, size_t index,
                     struct population_record *ret_record)
{
    ret_record->record.kind = kind;
    ret_record->record.json = NULL;
    switch (kind) {
    case RECORD_USER:
        make_user(population, index, ret_record);
        break;
    case RECORD_EVENT:
        make_event(population, index, ret_record);
        break;
    default:
        make_coupon(population, index, ret_record);
    }
}

/* Most bettors alike, some of them (those of low numbers) several times as busy. */
size_t population_coupon_user(const struct population *population, size_t coupon)
{
    struct random_source random = stream_of(population, STREAM_BETTOR, coupon);
    uint64_t users = population->options.users;
    return random_chance(&random, 60) ? random_below(&random, users) : random_low(&random, users);
}

struct population_taste population_user_taste(const struct population *population, size_t user)
{
    struct taste taste = taste_of_user(population, user);
    struct population_taste names = {
        .sport = catalogue_league_sport(population->catalogue, taste.league),
        .league = catalogue_league_name(population->catalogue, taste.league),
    };
    if (taste.participant != UINT32_MAX)
        names.participant = catalogue_participant_name(population->catalogue, taste.participant);
    return names;
}
