/*
 * What a view costs: fills one straight through the writer (no MySQL, no Kafka), then times
 * requests through the reader, coupons through the writer, and measures bytes. One JSON line per
 * figure. Not part of pass or fail.
 *
 *   view_bench DIR [--users 100000] [--events 50000] [--selections 20] [--seconds 2] [--n 10,1,100]
 *              [--only ask|apply|fill] [--now MS] [--shards N]
 *              [--topics PREFIX --partitions P --cluster ID --ids U,E,C]
 *
 * With shards it is the view of the first of them, which is not asked. A view that is in DIR
 * already is asked as it is. With the topics' ids, `tipster index` goes on with the view: nothing
 * of these topics is in it. The population: 6 sports of 3 leagues of 24 teams, each with two
 * favourite leagues and three favourite teams; each event has two teams. Users are asked for
 * uniformly at random.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "view/reader.h"
#include "view/writer.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SPORTS = 6, LEAGUES = 18, TEAMS = 24, CHUNK = 10000, PAST_DAYS = 60, PER_COUPON = 3 };

static const int64_t day_ms = INT64_C(86400000);
static int64_t now_ms = INT64_C(1763700000000); /* --now: the moment that the events lie around */

struct settings {
    const char *dir, *only;
    int64_t users, events, selections, seconds;
    const char *sizes; /* the n of requests */
    const char *topics, *cluster, *ids;
    int64_t partitions, shards;
};

static uint64_t random_state = 88172645463325252ULL;

static uint64_t next(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static uint32_t below(uint64_t bound)
{
    return (uint32_t)((next() >> 16) % bound);
}

static void expect(int err, const char *what)
{
    if (err >= 0)
        return;
    fprintf(stderr, "view_bench: %s failed: %d\n", what, err);
    exit(1);
}

/* Events: number e has league e mod LEAGUES; every fifth is over. */

static uint32_t event_league(uint32_t event)
{
    return event * 7 % LEAGUES;
}

static int64_t event_begin(uint32_t event)
{
    uint64_t mixed = event * 0x9e3779b97f4a7c15ULL >> 20;
    int64_t quarter_ms = 900000;
    return event % 5 == 0 ? now_ms - (int64_t)(mixed % (20 * 96)) * quarter_ms
                          : now_ms + (1 + (int64_t)(mixed % (30 * 96))) * quarter_ms;
}

static void make_event(uint32_t number, char (*text)[64], struct event *ret_event)
{
    static const char *const sports[SPORTS] = {"Soccer", "Basketball", "Baseball",
                                               "Tennis", "MMA",        "Swimming"};
    uint32_t league = event_league(number);
    uint32_t home = number * 2654435761U >> 16;
    snprintf(text[0], 64, "event-%08u", number);
    snprintf(text[1], 64, "League of %s %u", sports[league % SPORTS], league);
    snprintf(text[2], 64, "Country %u", league % 9);
    snprintf(text[3], 64, "Team %u of %u", home % TEAMS, league);
    snprintf(text[4], 64, "Team %u of %u", (home + 1 + home / 64 % (TEAMS - 1)) % TEAMS, league);
    *ret_event = (struct event){
        .event_id = str_of(text[0]),
        .sport = str_of(sports[league % SPORTS]),
        .league = str_of(text[1]),
        .country = str_of(text[2]),
        .participants = {str_of(text[3]), str_of(text[4])},
        .participant_count = 2,
        .begin_ms = event_begin(number),
        .end_ms = event_begin(number) + 7200000,
        .version = VERSION_NONE,
    };
}

static struct view_writer *open_writer(const struct settings *settings, bool create)
{
    AUTO_BUF problem = {0};
    struct view_writer *writer;
    struct view_writer_options options = {.dir = settings->dir,
                                          .half_life_ms = 30 * day_ms,
                                          .map_bytes = (size_t)8 << 30,
                                          .shards = (uint32_t)settings->shards,
                                          .create = create};
    int err = view_writer_open(&options, &writer, &problem);
    if (err != 0)
        fprintf(stderr, "view_bench: %s\n", buf_cstr(&problem));
    expect(err, "open");
    return writer;
}

static void load_events(const struct settings *settings, struct view_writer *writer)
{
    char text[5][64];
    expect(view_writer_begin(writer), "begin");
    for (uint32_t i = 0; i < settings->events; i++) {
        struct event event;
        make_event(i, text, &event);
        struct view_load_event load = {str_of("bench"), &event, true, false, i + 1};
        expect(view_writer_load_event(writer, &load), "load event");
        if (i % CHUNK == CHUNK - 1) {
            expect(view_writer_commit(writer), "commit");
            expect(view_writer_begin(writer), "begin");
        }
    }
    expect(view_writer_commit(writer), "commit");
}

/* An event that the user likes, of those that the catalogue has in these leagues. */
static uint32_t liked_event(const struct settings *settings, uint64_t taste)
{
    uint32_t league = (uint32_t)((taste >> (below(3) == 0 ? 8 : 0)) % LEAGUES);
    uint32_t event = below((uint64_t)settings->events);
    for (int i = 0; i < 60 && event_league(event) != league; i++)
        event = (event + 1) % (uint32_t)settings->events;
    return event;
}

struct made_coupon {
    char id[32], events[PER_COUPON][32];
    struct str ids[PER_COUPON];
    uint8_t hash[32];
};

static size_t make_coupon(const struct settings *settings, uint64_t taste, uint32_t number,
                          size_t wanted, struct made_coupon *made)
{
    uint32_t picked[PER_COUPON];
    size_t count = 0;
    snprintf(made->id, sizeof(made->id), "c%u", number);
    for (size_t i = 0; i < wanted; i++) {
        uint32_t event = liked_event(settings, taste);
        size_t at = count;
        bool twice = false;
        for (size_t k = 0; k < count; k++)
            twice |= picked[k] == event;
        if (twice)
            continue;
        for (; at > 0 && picked[at - 1] > event; at--)
            picked[at] = picked[at - 1];
        picked[at] = event;
        count++;
    }
    for (size_t i = 0; i < count; i++) {
        snprintf(made->events[i], sizeof(made->events[i]), "event-%08u", picked[i]);
        made->ids[i] = str_of(made->events[i]);
    }
    sha256_of(str_of(made->id), made->hash);
    return count;
}

static void load_users(const struct settings *settings, struct view_writer *writer)
{
    enum { COUPONS_MAX = 400 };
    static struct made_coupon made[COUPONS_MAX];
    static struct view_load_coupon coupons[COUPONS_MAX];
    char user_id[32];
    int64_t spent_us = 0;
    expect(view_writer_begin(writer), "begin");
    for (uint32_t i = 0; i < settings->users; i++) {
        uint64_t taste = i * 0x9e3779b97f4a7c15ULL >> 8;
        size_t count = 0, have = 0;
        snprintf(user_id, sizeof(user_id), "user-%08u", i);
        while (have < (size_t)settings->selections && count < COUPONS_MAX) {
            size_t left = (size_t)settings->selections - have;
            size_t got = make_coupon(settings, taste, (uint32_t)count,
                                     left < PER_COUPON ? left : PER_COUPON, &made[count]);
            coupons[count] = (struct view_load_coupon){
                str_of(made[count].id), made[count].hash,
                now_ms - (int64_t)below(PAST_DAYS * 86400) * 1000, made[count].ids, got};
            have += got;
            count++;
        }
        struct view_load_user load = {.company = str_of("bench"),
                                      .user_id = str_of(user_id),
                                      .version = VERSION_NONE,
                                      .coupons = coupons,
                                      .coupon_count = count};
        int64_t before_us = clock_monotonic_us();
        expect(view_writer_load_user(writer, &load), "load user");
        if (i % CHUNK == CHUNK - 1) {
            expect(view_writer_commit(writer), "commit");
            expect(view_writer_begin(writer), "begin");
        }
        spent_us += clock_monotonic_us() - before_us;
    }
    int64_t before_us = clock_monotonic_us();
    expect(view_writer_load_end(writer), "load end");
    view_writer_set_state(writer, VIEW_SERVING);
    expect(view_writer_commit(writer), "commit");
    spent_us += clock_monotonic_us() - before_us;
    printf("{\"what\":\"rebuild\",\"users_per_s\":%.0f,\"selections\":%lld}\n",
           (double)settings->users / ((double)spent_us / 1e6), (long long)settings->selections);
}

static void apply_coupons(const struct settings *settings, struct view_writer *writer, size_t batch)
{
    char user_id[32];
    size_t coupons = 0, commits = 0;
    int64_t start_us = clock_monotonic_us(), end_us = start_us + settings->seconds * 1000000;
    uint64_t position = 1;
    clock_t start_cpu = clock();
    while (clock_monotonic_us() < end_us) {
        expect(view_writer_begin(writer), "begin");
        for (size_t i = 0; i < batch; i++, coupons++) {
            uint32_t user = below((uint64_t)settings->users);
            struct made_coupon made;
            uint64_t taste = user * 0x9e3779b97f4a7c15ULL >> 8;
            size_t count =
                make_coupon(settings, taste, (uint32_t)(1000000 + coupons), PER_COUPON, &made);
            snprintf(user_id, sizeof(user_id), "user-%08u", user);
            struct change change = {.kind = CHANGE_PUT, .company = str_of("bench")};
            change.record.kind = RECORD_COUPON;
            struct coupon *coupon = &change.record.coupon;
            coupon->user_id = str_of(user_id);
            coupon->coupon_id = str_of(made.id);
            coupon->placed_at_ms = now_ms + (int64_t)coupons;
            coupon->selection_count = count;
            for (size_t k = 0; k < count; k++)
                coupon->selections[k].event_id = made.ids[k];
            memcpy(change.content_hash, made.hash, sizeof(made.hash));
            struct view_position at = {0, position++};
            enum decision decision;
            expect(view_writer_apply(writer, &change, &at, &decision), "apply");
        }
        expect(view_writer_commit(writer), "commit");
        commits++;
    }
    double seconds = (double)(clock() - start_cpu) / CLOCKS_PER_SEC;
    printf("{\"what\":\"apply\",\"batch\":%zu,\"coupons_per_cpu_s\":%.0f,\"commits\":%zu}\n", batch,
           (double)coupons / seconds, commits);
}

static int by_value(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static void ask(const struct settings *settings, struct view_reader *reader, size_t n)
{
    enum { SAMPLES_MAX = 1 << 16 };
    static int64_t samples[SAMPLES_MAX];
    AUTO_BUF out = {0};
    char user_id[32];
    size_t requests = 0, bytes = 0;
    struct view_query query = {
        .company = str_of("bench"), .n = n, .now_ms = now_ms, .before_ms = INT64_MAX, .fill = true};
    int64_t start_us = clock_monotonic_us(), end_us = start_us + settings->seconds * 1000000;
    clock_t start_cpu = clock();
    while (requests % 16 != 0 || clock_monotonic_us() < end_us) {
        const struct view_meta *meta;
        struct timespec before, after;
        uint32_t user = below((uint64_t)settings->users);
        memcpy(user_id, "user-00000000", 14);
        for (int at = 12; user > 0; at--, user /= 10)
            user_id[at] = (char)('0' + user % 10);
        buf_clear(&out);
        if (requests % 16 == 0)
            clock_gettime(CLOCK_MONOTONIC, &before);
        expect(view_reader_begin(reader, &meta), "begin");
        expect(view_recommend(reader, &query, str_of(user_id), &out, NULL), "recommend");
        view_reader_end(reader);
        if (requests % 16 == 0) {
            clock_gettime(CLOCK_MONOTONIC, &after);
            samples[requests / 16 % SAMPLES_MAX] =
                (after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec;
        }
        bytes += out.len;
        requests++;
    }
    double seconds = (double)(clock() - start_cpu) / CLOCKS_PER_SEC;
    size_t count = requests / 16 < SAMPLES_MAX ? requests / 16 : SAMPLES_MAX;
    qsort(samples, count, sizeof(samples[0]), by_value);
    printf("{\"what\":\"recommend\",\"n\":%zu,\"cpu_ns\":%.0f,\"p50_ns\":%lld,\"p99_ns\":%lld,"
           "\"requests\":%zu,\"body_bytes\":%zu}\n",
           n, seconds * 1e9 / (double)requests, (long long)samples[count / 2],
           (long long)samples[count * 99 / 100], requests, bytes / requests);
}

static void report_size(const struct settings *settings, struct view_writer *writer)
{
    struct view_usage usage;
    expect(view_writer_begin(writer), "begin");
    expect(view_writer_usage(writer, &usage), "usage");
    view_writer_abort(writer);
    printf(
        "{\"what\":\"size\",\"bytes_per_event\":%.0f,\"bytes_per_user\":%.0f,\"megabytes\":%zu}\n",
        (double)usage.event_bytes / (double)settings->events,
        (double)usage.user_bytes / (double)settings->users,
        view_writer_size(writer).used_bytes >> 20);
}

/* As if the view had been read from a database before anything came to the topics. */
static void set_offsets(const struct settings *settings, struct view_writer *writer)
{
    static const char *const kinds[] = {"users", "events", "coupons"};
    char ids[256], topic[256], *rest = ids;
    snprintf(ids, sizeof(ids), "%s", settings->ids);
    expect(view_writer_begin(writer), "begin");
    for (size_t kind = 0; kind < 3; kind++) {
        const char *id = strsep(&rest, ",");
        snprintf(topic, sizeof(topic), "%s.%s.v1", settings->topics, kinds[kind]);
        for (int32_t partition = 0; partition < settings->partitions; partition++) {
            struct view_partition at = {.topic = str_of(topic),
                                        .partition = partition,
                                        .generation = 1,
                                        .cluster_id = str_of(settings->cluster),
                                        .topic_id = str_of(id != NULL ? id : "")};
            expect(view_writer_set_offset(writer, &at), "set offset");
        }
    }
    expect(view_writer_commit(writer), "commit");
}

static void fill(const struct settings *settings, struct view_writer *writer)
{
    load_events(settings, writer);
    load_users(settings, writer);
    report_size(settings, writer);
    if (settings->topics != NULL)
        set_offsets(settings, writer);
}

static void ask_all(const struct settings *settings)
{
    struct view_reader *reader;
    struct rank_weights weights = {3000, 3500, 1000, 2500};
    expect(view_reader_open(settings->dir, &weights, 30 * day_ms, &reader), "open reader");
    view_reader_linger(reader); /* as serve does */
    for (const char *at = settings->sizes; *at != '\0';) {
        char *end;
        ask(settings, reader, strtoul(at, &end, 10));
        at = *end == ',' ? end + 1 : end;
    }
    view_reader_close(reader);
}

static int usage(void)
{
    fputs(
        "usage: view_bench DIR [--users N] [--events N] [--selections N] [--seconds N] [--n N,…]\n"
        "                  [--only ask|apply|fill] [--now MS] [--shards N]\n"
        "                  [--topics PREFIX --partitions P --cluster ID --ids U,E,C]\n",
        stderr);
    return 2;
}

static int parse(int argc, char **argv, struct settings *settings)
{
    enum { TEXT = 16 }; /* from here on a text is wanted, before it a number */
    static const struct option options[] = {{"users", 1, NULL, 0},
                                            {"events", 1, NULL, 1},
                                            {"selections", 1, NULL, 2},
                                            {"seconds", 1, NULL, 3},
                                            {"now", 1, NULL, 4},
                                            {"partitions", 1, NULL, 5},
                                            {"shards", 1, NULL, 6},
                                            {"n", 1, NULL, TEXT},
                                            {"only", 1, NULL, TEXT + 1},
                                            {"topics", 1, NULL, TEXT + 2},
                                            {"cluster", 1, NULL, TEXT + 3},
                                            {"ids", 1, NULL, TEXT + 4},
                                            {NULL, 0, NULL, 0}};
    int64_t *const numbers[] = {&settings->users,   &settings->events, &settings->selections,
                                &settings->seconds, &now_ms,           &settings->partitions,
                                &settings->shards};
    const char **const texts[] = {&settings->sizes, &settings->only, &settings->topics,
                                  &settings->cluster, &settings->ids};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == '?')
            return usage();
        if (option < TEXT)
            *numbers[option] = strtoll(optarg, NULL, 10);
        else
            *texts[option - TEXT] = optarg;
    }
    settings->dir = argv[optind];
    bool topics_whole =
        settings->topics == NULL ||
        (settings->cluster != NULL && settings->ids != NULL && settings->partitions > 0);
    return optind == argc - 1 && topics_whole ? 0 : usage();
}

static bool wants(const struct settings *settings, const char *what)
{
    return settings->only == NULL || strcmp(settings->only, what) == 0;
}

int main(int argc, char **argv)
{
    struct settings settings = {
        .users = 100000, .events = 50000, .selections = 20, .seconds = 2, .sizes = "10,1,100"};
    if (parse(argc, argv, &settings) != 0)
        return 2;
    char path[4096];
    snprintf(path, sizeof(path), "%s/data.mdb", settings.dir);
    bool there = access(path, F_OK) == 0; /* filled by an earlier run */
    struct view_writer *writer = open_writer(&settings, !there);
    if (!there)
        fill(&settings, writer);
    if (wants(&settings, "ask") && settings.shards == 0)
        ask_all(&settings);
    if (wants(&settings, "apply")) {
        apply_coupons(&settings, writer, 1000);
        apply_coupons(&settings, writer, 100);
    }
    view_writer_close(writer);
    return 0;
}
