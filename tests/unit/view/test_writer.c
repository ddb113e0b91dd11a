/*
 * What the random test does not meet: views that cannot be continued, maps that are too small
 * (while another process reads), shards, offsets, moments that a view does not hold, and the texts
 * for people.
 */
#include "base/err.h"
#include "view/check.h"
#include "view/reader.h"
#include "view/show.h"
#include "view/writer.h"

#include "../unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static const int64_t now_ms = INT64_C(1763700000000);
static const struct rank_weights weights = {3000, 3500, 1000, 2500};

static char dir[64];

static int set_up(void **state)
{
    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/tipster-view-test-XXXXXX");
    return mkdtemp(dir) == NULL;
}

static int tear_down(void **state)
{
    char path[128];
    (void)state;
    snprintf(path, sizeof(path), "%s/data.mdb", dir);
    unlink(path);
    snprintf(path, sizeof(path), "%s/lock.mdb", dir);
    unlink(path);
    return rmdir(dir);
}

static struct view_writer_options options(bool create)
{
    return (struct view_writer_options){
        .dir = dir, .boot_id = "boot-1", .half_life_ms = 1000, .create = create};
}

static struct view_writer *open_as(const struct view_writer_options *wanted)
{
    AUTO_BUF problem = {0};
    struct view_writer *writer = NULL;
    assert_int_equal(view_writer_open(wanted, &writer, &problem), 0);
    return writer;
}

static void put_event_in(struct view_writer *writer, const char *league, unsigned number,
                         uint64_t position)
{
    char id[32];
    struct change change = {.company = str_of("acme")};
    struct view_position at = {0, position};
    enum decision decision;
    snprintf(id, sizeof(id), "event-%u", number);
    change.record.kind = RECORD_EVENT;
    change.record.event = (struct event){
        .event_id = str_of(id),
        .sport = str_of("Soccer"),
        .league = str_of(league),
        .country = str_of("Spain"),
        .participants = {str_of("Home"), str_of("Guests")},
        .participant_count = 2,
        .begin_ms = now_ms + 1000 + number,
        .end_ms = now_ms + 2000 + number,
        .version = VERSION_NONE,
    };
    assert_int_equal(view_writer_apply(writer, &change, &at, &decision), 0);
}

static void put_event(struct view_writer *writer, unsigned number, uint64_t position)
{
    put_event_in(writer, "Cup", number, position);
}

static void put_coupon(struct view_writer *writer, const char *user, const char *coupon,
                       const char *event, uint64_t position)
{
    struct change change = {.company = str_of("acme")};
    struct view_position at = {0, position};
    enum decision decision;
    change.record.kind = RECORD_COUPON;
    change.record.coupon = (struct coupon){
        .coupon_id = str_of(coupon),
        .user_id = str_of(user),
        .placed_at_ms = now_ms,
        .selections = {{str_of(event), 20000}},
        .selection_count = 1,
    };
    assert_int_equal(view_writer_apply(writer, &change, &at, &decision), 0);
}

/* An empty view that answers. */
static struct view_writer *make(struct view_writer_options wanted)
{
    struct view_writer *writer = open_as(&wanted);
    assert_int_equal(view_writer_begin(writer), 0);
    view_writer_set_state(writer, VIEW_SERVING);
    assert_int_equal(view_writer_commit(writer), 0);
    return writer;
}

static void expect_refused(const struct view_writer_options *wanted, int err, const char *word)
{
    AUTO_BUF problem = {0};
    struct view_writer *writer;
    assert_int_equal(view_writer_open(wanted, &writer, &problem), err);
    assert_non_null(strstr(buf_cstr(&problem), word));
}

static void test_refuses_what_it_cannot_continue(void **state)
{
    struct view_writer_options wanted = options(false);
    (void)state;
    expect_refused(&wanted, TIP_ENOTFOUND, "");
    view_writer_close(make(options(true)));
    view_writer_close(open_as(&wanted));
    wanted.boot_id = "boot-2";
    expect_refused(&wanted, TIP_EINVAL, "started anew");
    wanted = options(false);
    wanted.half_life_ms = 1001;
    expect_refused(&wanted, TIP_EINVAL, "half-life");
    wanted = options(false);
    wanted.shards = 2;
    expect_refused(&wanted, TIP_EINVAL, "shard");
    wanted = options(true);
    expect_refused(&wanted, TIP_EINVAL, "already");

    char path[128];
    snprintf(path, sizeof(path), "%s/data.mdb", dir);
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    for (int i = 0; i < 8192; i++)
        fputc('x', file);
    fclose(file);
    wanted = options(false);
    expect_refused(&wanted, TIP_EINVAL, "damaged");
    struct view_reader *reader;
    assert_int_equal(view_reader_open(dir, &weights, 1000, &reader), TIP_EINVAL);
}

/* Asks a reader for what is popular; returns the length of the answer. */
static size_t ask(struct view_reader *reader)
{
    const struct view_meta *meta;
    AUTO_BUF out = {0};
    struct view_query query = {
        .company = str_of("acme"), .n = 5000, .now_ms = now_ms, .before_ms = INT64_MAX};
    assert_int_equal(view_reader_begin(reader, &meta), 0);
    assert_int_equal(view_popular(reader, &query, &out), 0);
    view_reader_end(reader);
    return out.len;
}

/* Another process: asks, says so, waits until the writer is through, asks again. */
static void read_along(int to_parent, int from_parent)
{
    struct view_reader *reader;
    char c = 'r';
    if (view_reader_open(dir, &weights, 1000, &reader) != 0)
        _exit(1);
    size_t before = ask(reader);
    if (write(to_parent, &c, 1) != 1 || read(from_parent, &c, 1) != 1)
        _exit(2);
    size_t after = ask(reader);
    view_reader_close(reader);
    _exit(after > before + 300000 ? 0 : 3);
}

static void test_grows_under_a_reader(void **state)
{
    enum { EVENTS = 12000 };
    struct view_writer_options wanted = options(true);
    int up[2], down[2], status, retries = 0;
    char c;
    (void)state;
    wanted.map_bytes = 1 << 20;
    struct view_writer *writer = make(wanted);
    assert_int_equal(pipe(up), 0);
    assert_int_equal(pipe(down), 0);
    pid_t child = fork();
    if (child == 0) {
        close(down[1]); /* so that it ends with its parent */
        read_along(up[1], down[0]);
    }
    assert_int_equal(read(up[0], &c, 1), 1);
    size_t first_map = view_writer_size(writer).map_bytes;
    for (int done = 0; done == 0;) { /* one transaction, again and again until it fits */
        int err = view_writer_begin(writer);
        for (unsigned i = 0; err == 0 && i < EVENTS; i++) {
            char id[32];
            struct event event = {.event_id = str_from(id, 0),
                                  .sport = str_of("Soccer"),
                                  .league = str_of("Cup"),
                                  .country = str_of("Spain"),
                                  .begin_ms = now_ms + 1000 + i,
                                  .end_ms = now_ms + 1000 + i,
                                  .version = VERSION_NONE};
            struct change change = {.company = str_of("acme")};
            struct view_position at = {0, i + 1};
            enum decision decision;
            event.event_id.len = (size_t)snprintf(id, sizeof(id), "event-%u", i);
            change.record.kind = RECORD_EVENT;
            change.record.event = event;
            err = view_writer_apply(writer, &change, &at, &decision);
        }
        if (err == 0)
            err = view_writer_commit(writer);
        assert_true(err == 0 || err == TIP_ERETRY);
        retries += err == TIP_ERETRY;
        done = err == 0;
    }
    assert_true(retries > 0);
    assert_true(view_writer_size(writer).map_bytes > first_map);
    assert_int_equal(write(down[1], &c, 1), 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), 0);
    view_writer_close(writer);
}

static int collect(void *ctx, const struct view_partition *partition)
{
    int64_t *sum = ctx;
    *sum = *sum * 100 + partition->partition * 10 + partition->next_offset;
    return 0;
}

static void test_offsets(void **state)
{
    struct view_writer *writer = make(options(true));
    struct view_reader *reader;
    const struct view_meta *meta;
    struct view_offset offset;
    int64_t sum = 0;
    (void)state;
    assert_int_equal(view_writer_begin(writer), 0);
    for (int32_t i = 2; i >= 0; i--) {
        struct view_partition partition = {.topic = str_of("t.v1"),
                                           .partition = i,
                                           .generation = 3,
                                           .next_offset = i + 5,
                                           .cluster_id = str_of("cluster"),
                                           .topic_id = str_of("topic")};
        assert_int_equal(view_writer_set_offset(writer, &partition), 0);
    }
    assert_int_equal(view_writer_commit(writer), 0);
    assert_int_equal(view_writer_begin(writer), 0);
    assert_int_equal(view_writer_each_offset(writer, collect, &sum), 0);
    assert_int_equal(sum, 51627); /* (0, 5), (1, 6), (2, 7) */
    view_writer_abort(writer);
    assert_int_equal(view_reader_open(dir, &weights, 1000, &reader), 0);
    assert_int_equal(view_reader_begin(reader, &meta), 0);
    assert_int_equal(view_reader_offset(reader, str_of("t.v1"), 1, &offset), 0);
    assert_int_equal(offset.generation, 3);
    assert_string_equal(offset.cluster_id, "cluster");
    assert_int_equal(view_reader_offset(reader, str_of("t.v1"), 7, &offset), TIP_ENOTFOUND);
    view_reader_end(reader);
    view_reader_close(reader);
    view_writer_close(writer);
}

enum { SHARDS = 3, SHARD_USERS = 40, SHARD_EVENTS = 60 };

/* Some events, and for each user coupons on them: ids taken twice, late events, an erasure. */
static void fill_for_shards(struct view_writer *writer)
{
    uint64_t position = 1;
    assert_int_equal(view_writer_begin(writer), 0);
    for (unsigned i = 0; i < SHARD_EVENTS / 2; i++)
        put_event(writer, i, position++);
    for (unsigned i = 0; i < SHARD_USERS; i++) {
        char user[16], event[16];
        snprintf(user, sizeof(user), "u%u", i);
        for (unsigned k = 0; k < 5; k++) {
            char coupon[16];
            snprintf(coupon, sizeof(coupon), "c%u", k % 4);
            snprintf(event, sizeof(event), "event-%u", (i * 7 + k * k * 11) % SHARD_EVENTS);
            put_coupon(writer, user, coupon, event, position++);
        }
    }
    for (unsigned i = 0; i < 200; i++) { /* more than a record holds; the first of them again */
        char coupon[16], event[16];
        snprintf(coupon, sizeof(coupon), "many%u", i % 150);
        snprintf(event, sizeof(event), "event-%u", i % SHARD_EVENTS);
        put_coupon(writer, i % 2 == 0 ? "u7" : "u8", coupon, event, position++);
    }
    for (unsigned i = SHARD_EVENTS / 2; i < SHARD_EVENTS; i++)
        put_event(writer, i, position++);
    struct change erasure = {.kind = CHANGE_ERASE, .company = str_of("acme")};
    struct view_position at = {0, position};
    enum decision decision;
    erasure.record.kind = RECORD_COUPON;
    erasure.record.coupon.user_id = str_of("u7");
    assert_int_equal(view_writer_apply(writer, &erasure, &at, &decision), 0);
    assert_int_equal(view_writer_commit(writer), 0);
}

/* What a view answers for a user; TIP_EUNAVAIL: the user is another shard's. */
static int answer(struct view_reader *reader, unsigned user, struct buf *out)
{
    char user_id[16];
    bool known;
    struct view_query query = {.company = str_of("acme"),
                               .n = 10,
                               .now_ms = now_ms + 1010,
                               .before_ms = INT64_MAX,
                               .explain = user % 2 == 0,
                               .fill = user % 3 == 0};
    snprintf(user_id, sizeof(user_id), "u%u", user);
    int err = view_recommend(reader, &query, str_of(user_id), out, &known);
    if (err == 0)
        buf_addf(out, " known %d\n", known);
    return err;
}

/* The answers that do not depend on a user. */
static void answer_of_all(struct view_reader *reader, struct buf *out)
{
    struct view_list_page page;
    struct view_query query = {
        .company = str_of("acme"), .n = 100, .now_ms = now_ms, .before_ms = INT64_MAX};
    struct view_list_query list = {.company = query.company,
                                   .range = {.from_ms = now_ms, .before_ms = INT64_MAX},
                                   .limit = 100};
    assert_int_equal(view_popular(reader, &query, out), 0);
    assert_int_equal(view_similar(reader, &query, str_of("event-3"), out), 0);
    assert_int_equal(view_event(reader, query.company, str_of("event-4"), out), 0);
    assert_int_equal(view_list(reader, &list, out, &page), 0);
}

/* Of the shards exactly one answers for a user, and it says what the view of all users says. */
static void test_shards(void **state)
{
    struct buf whole[SHARD_USERS + 1] = {0};
    unsigned answered[SHARD_USERS] = {0};
    (void)state;
    for (uint32_t view = 0; view <= SHARDS; view++) { /* the first is the one of all users */
        struct view_writer_options wanted = options(true);
        struct view_check_report report = {0};
        struct view_reader *reader;
        const struct view_meta *meta;
        AUTO_BUF out = {0};
        wanted.shard = view == 0 ? 0 : view - 1;
        wanted.shards = view == 0 ? 0 : SHARDS;
        struct view_writer *writer = make(wanted);
        fill_for_shards(writer);
        view_writer_close(writer);
        assert_int_equal(view_reader_open(dir, &weights, 1000, &reader), 0);
        assert_int_equal(view_reader_begin(reader, &meta), 0);
        for (unsigned i = 0; i < SHARD_USERS; i++) {
            buf_clear(&out);
            int err = answer(reader, i, view == 0 ? &whole[i] : &out);
            if (view == 0)
                assert_int_equal(err, 0);
            else if (err == 0)
                assert_string_equal(buf_cstr(&out), buf_cstr(&whole[i]));
            else
                assert_int_equal(err, TIP_EUNAVAIL);
            answered[i] += view > 0 && err == 0;
        }
        buf_clear(&out);
        answer_of_all(reader, view == 0 ? &whole[SHARD_USERS] : &out);
        if (view > 0)
            assert_string_equal(buf_cstr(&out), buf_cstr(&whole[SHARD_USERS]));
        view_reader_end(reader);
        view_reader_close(reader);
        assert_int_equal(view_check(dir, &report), 0);
        assert_string_equal(report.text.len == 0 ? "" : buf_cstr(&report.text), "");
        view_check_release(&report);
        tear_down(NULL);
        set_up(NULL);
    }
    for (unsigned i = 0; i < SHARD_USERS; i++)
        assert_int_equal(answered[i], 1);
    assert_non_null(strstr(buf_cstr(&whole[0]), "\"score\":"));
    for (unsigned i = 0; i <= SHARD_USERS; i++)
        buf_release(&whole[i]);
}

/* One that lingers sees what is written meanwhile, and lets go when it is told to rest. */
static void test_lingers(void **state)
{
    struct view_writer *writer = make(options(true));
    struct view_reader *reader;
    (void)state;
    assert_int_equal(view_reader_open(dir, &weights, 1000, &reader), 0);
    view_reader_rest(reader);
    view_reader_linger(reader);
    size_t empty = ask(reader);
    assert_int_equal(ask(reader), empty);
    assert_int_equal(view_writer_begin(writer), 0);
    put_event(writer, 1, 1);
    assert_int_equal(ask(reader), empty); /* not committed */
    assert_int_equal(view_writer_commit(writer), 0);
    assert_true(ask(reader) > empty);
    view_reader_rest(reader);
    view_reader_rest(reader);
    /* At rest it holds nothing back: pages are used again, however often something is written. */
    for (unsigned i = 0; i < 300; i++) {
        assert_int_equal(view_writer_begin(writer), 0);
        put_event(writer, 2 + i % 10, 2 + i);
        assert_int_equal(view_writer_commit(writer), 0);
    }
    assert_true(view_writer_size(writer).used_bytes < (size_t)1 << 20);
    assert_true(ask(reader) > empty);
    view_reader_close(reader);
    view_writer_close(writer);
}

/* What is popular in a league: the places of its events' ids in the answer. */
static void ask_league(struct view_reader *reader, const char *league, int64_t before_ms, size_t n,
                       struct buf *out)
{
    const struct view_meta *meta;
    const struct str wanted = str_of(league), excluded = str_of("event-9703");
    struct view_query query = {.company = str_of("acme"),
                               .n = n,
                               .now_ms = now_ms,
                               .before_ms = before_ms,
                               .leagues = {&wanted, 1},
                               .excludes = &excluded,
                               .exclude_count = 1};
    assert_int_equal(view_reader_begin(reader, &meta), 0);
    assert_int_equal(view_popular(reader, &query, out), 0);
    view_reader_end(reader);
}

static void expect_order(struct buf *out, const char *const *ids, size_t count)
{
    const char *at = buf_cstr(out);
    for (size_t i = 0; i < count; i++) {
        at = strstr(at, ids[i]);
        assert_non_null(at);
    }
    size_t items = 0;
    for (at = buf_cstr(out); (at = strstr(at, "\"event_id\"")) != NULL; at++)
        items++;
    assert_int_equal(items, count);
}

/* Filters that the beginning of the list does not satisfy: few events that pass, and many. */
static void test_popular_of_few(void **state)
{
    enum { CUP = 1200, LONG = 8500, RARE = 6 };
    static const char *const rare[] = {"event-9704", "event-9701", "event-9700", "event-9702",
                                       "event-9705"};
    static const char *const early[] = {"event-9701", "event-9700"};
    static const char *const first[] = {"event-1205", "event-1200", "event-1201"};
    struct view_writer *writer = make(options(true));
    struct view_reader *reader;
    AUTO_BUF out = {0};
    (void)state;
    assert_int_equal(view_writer_begin(writer), 0);
    for (unsigned i = 0; i < CUP + LONG + RARE; i++)
        put_event_in(writer, i < CUP ? "Cup" : i < CUP + LONG ? "Long" : "Rare", i, i + 1);
    put_coupon(writer, "ann", "c1", "event-9704", 20001);
    put_coupon(writer, "ann", "c2", "event-9704", 20002);
    put_coupon(writer, "bob", "c1", "event-9701", 20003);
    put_coupon(writer, "bob", "c2", "event-1205", 20004);
    for (unsigned i = 0; i < 3 * CUP; i++) { /* these stand before all of them */
        char event[32], coupon[32];
        snprintf(event, sizeof(event), "event-%u", i % CUP);
        snprintf(coupon, sizeof(coupon), "c%u", i);
        put_coupon(writer, "eve", coupon, event, 30000 + i);
    }
    assert_int_equal(view_writer_commit(writer), 0);
    view_writer_close(writer);
    assert_int_equal(view_reader_open(dir, &weights, 1000, &reader), 0);
    ask_league(reader, "Rare", INT64_MAX, 10, &out);
    expect_order(&out, rare, 5);
    buf_clear(&out);
    ask_league(reader, "Rare", INT64_MAX, 2, &out);
    expect_order(&out, rare, 2);
    buf_clear(&out);
    ask_league(reader, "Rare", now_ms + 1000 + CUP + LONG + 2, 10, &out);
    expect_order(&out, early, 2);
    buf_clear(&out);
    ask_league(reader, "None", INT64_MAX, 10, &out);
    assert_string_equal(buf_cstr(&out), "[]");
    buf_clear(&out);
    ask_league(reader, "Long", INT64_MAX, 3, &out);
    expect_order(&out, first, 3);
    view_reader_close(reader);
}

static void test_says_what_it_does_not_hold(void **state)
{
    struct view_writer *writer = make(options(true));
    struct view_reader *reader;
    const struct view_meta *meta;
    AUTO_BUF out = {0};
    struct view_query query = {
        .company = str_of("acme"), .n = 10, .now_ms = now_ms, .before_ms = INT64_MAX};
    (void)state;
    assert_int_equal(view_writer_begin(writer), 0);
    put_event(writer, 1, 1);
    put_event(writer, 5000, 2);
    assert_int_equal(view_writer_prune(writer, now_ms + 3000, 100), 0);
    assert_int_equal(view_writer_commit(writer), 0);
    assert_int_equal(view_reader_open(dir, &weights, 1000, &reader), 0);
    assert_int_equal(view_reader_begin(reader, &meta), 0);
    assert_int_equal(view_popular(reader, &query, &out), TIP_EUNAVAIL);
    query.now_ms = now_ms + 2999;
    assert_int_equal(view_popular(reader, &query, &out), 0);
    assert_null(strstr(buf_cstr(&out), "event-1\""));
    assert_non_null(strstr(buf_cstr(&out), "event-5000"));
    buf_clear(&out);
    assert_int_equal(view_event(reader, query.company, str_of("event-1"), &out), TIP_EUNAVAIL);
    assert_int_equal(view_event(reader, query.company, str_of("event-2"), &out), TIP_ENOTFOUND);
    assert_int_equal(out.len, 0);
    view_reader_end(reader);
    assert_int_equal(view_writer_begin(writer), 0);
    view_writer_set_state(writer, VIEW_RETIRED);
    assert_int_equal(view_writer_commit(writer), 0);
    assert_int_equal(view_reader_begin(reader, &meta), TIP_EUNAVAIL);
    view_reader_close(reader);
    view_writer_close(writer);
}

static void test_shows(void **state)
{
    struct view_writer *writer = make(options(true));
    AUTO_BUF out = {0};
    struct str company = str_of("acme");
    (void)state;
    assert_int_equal(view_writer_begin(writer), 0);
    put_event(writer, 1, 1);
    put_coupon(writer, "ann", "c1", "event-1", 2);
    put_coupon(writer, "ann", "c2", "event-9", 3);
    assert_int_equal(view_writer_set_source(writer, str_of("a test")), 0);
    assert_int_equal(view_writer_commit(writer), 0);
    view_writer_close(writer);
    assert_int_equal(view_show_head(dir, false, &out), 0);
    assert_non_null(strstr(buf_cstr(&out), "state      serving"));
    assert_non_null(strstr(buf_cstr(&out), "source     a test"));
    buf_clear(&out);
    assert_int_equal(view_show_user(dir, company, str_of("ann"), false, &out), 0);
    assert_non_null(strstr(buf_cstr(&out), "2 coupons and 2 selections"));
    assert_non_null(strstr(buf_cstr(&out), "weight 1.000000  event-1  Soccer / Cup / Spain"));
    assert_non_null(strstr(buf_cstr(&out), "event-9  (not known)"));
    buf_clear(&out);
    assert_int_equal(view_show_event(dir, company, str_of("event-1"), false, &out), 0);
    assert_non_null(strstr(buf_cstr(&out), "listed, 1 selections"));
    assert_int_equal(view_show_event(dir, company, str_of("event-2"), false, &out), TIP_ENOTFOUND);
    assert_int_equal(view_show_user(dir, company, str_of("bob"), false, &out), TIP_ENOTFOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_refuses_what_it_cannot_continue, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_grows_under_a_reader, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_offsets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_shards, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lingers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_popular_of_few, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_says_what_it_does_not_hold, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_shows, set_up, tear_down),
    };
    return RUN_TESTS(tests);
}
