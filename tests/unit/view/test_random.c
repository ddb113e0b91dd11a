/*
 * Writer and reader against brute force (model.h) over random traffic: late events, edited tags and
 * times, withdrawals and revivals, versions, erasures, repeated and conflicting coupons, ties,
 * users with more than 200 selections, bets of two companies on the same ids, retention, replays,
 * lost transactions, and at times a view built anew by bulk load that catches up from older
 * positions. Every answer is compared to the byte. Arguments: seed, steps. The seed is printed.
 */
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "model.h"
#include "view/check.h"

#include "../unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PARTITIONS = 4, LOG_MAX = 400, CHOICES = 6 };

static const int64_t day_ms = INT64_C(86400000), start_ms = INT64_C(1763700000000);

/* A change as it was sent, to be sent again. */
struct sent {
    enum record_kind kind;
    enum change_kind change;
    int company, user, event;
    struct event record;
    int64_t version;
    struct model_coupon coupon;
    uint64_t position;
    int32_t partition;
};

struct world {
    struct model model;
    struct view_writer *writer;
    struct view_reader *reader;
    char dir[64];
    int dirs;
    int64_t now_ms, lists_from_ms;
    int64_t offsets[RECORD_KINDS][PARTITIONS];
    struct sent log[LOG_MAX]; /* the latest, in a ring */
    size_t sent_count;
    size_t committed; /* sent_count at the last commit */
    size_t compared, decisions[4];
};

static struct world world;
static uint64_t random_state;

static uint32_t below(uint32_t bound)
{
    random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)((random_state >> 33) % bound);
}

static const char *const sports[] = {"Soccer", "Tennis", "Chess \"960\""};
static const char *const leagues[] = {"Premier", "Cup", "ATP", "L\xc3\xb6we", "a\\b"};
static const char *const countries[] = {"England", "Spain", "\"Quoted\""};
static const char *const names[] = {"Arsenal", "Everton",   "A",     "AB",
                                    "\"Q\"",   "Z\xc3\xbc", "Nobody"};

#define PICK(list) str_of((list)[below(sizeof(list) / sizeof((list)[0]))])

static void make_event(int number, struct event *ret_event)
{
    struct event *event = ret_event;
    *event = (struct event){
        .event_id = model_event_id(number),
        .sport = PICK(sports),
        .league = PICK(leagues),
        .country = PICK(countries),
        .begin_ms = world.now_ms + ((int64_t)below(40) - 12) * (day_ms / 4),
        .version = below(4) == 0 ? (int64_t)below(6) : VERSION_NONE,
    };
    event->end_ms = event->begin_ms + below(3) * 3600000;
    size_t wanted = below(8) == 0 ? 7 : below(4);
    for (size_t i = 0; i < wanted; i++) {
        struct str name = PICK(names);
        bool twice = false;
        for (size_t k = 0; k < event->participant_count; k++)
            twice |= str_equal(name, event->participants[k]);
        if (!twice)
            event->participants[event->participant_count++] = name;
    }
}

/* Sending. */

static void fill_record(const struct sent *sent, struct record *ret_record)
{
    *ret_record = (struct record){.kind = sent->kind};
    switch (sent->kind) {
    case RECORD_USER:
        ret_record->user.user_id = model_user_id(sent->user);
        ret_record->user.version = sent->version;
        break;
    case RECORD_EVENT:
        ret_record->event = sent->record;
        break;
    default:
        ret_record->coupon.user_id = model_user_id(sent->user);
        ret_record->coupon.coupon_id = model_coupon_id(sent->coupon.id);
        ret_record->coupon.placed_at_ms = sent->coupon.placed_at_ms;
        ret_record->coupon.selection_count = sent->coupon.event_count;
        for (size_t i = 0; i < sent->coupon.event_count; i++)
            ret_record->coupon.selections[i] =
                (struct selection){model_event_id(sent->coupon.events[i]), 20000};
    }
}

static enum decision send_to_view(const struct sent *sent)
{
    struct change change = {.kind = sent->change, .company = model_company(sent->company)};
    struct view_position position = {sent->partition, sent->position};
    enum decision decision = DECISION_REJECT;
    fill_record(sent, &change.record);
    memcpy(change.content_hash, sent->coupon.content_hash, 32);
    int err = view_writer_apply(world.writer, &change, &position, &decision);
    if (err != 0)
        print_error("apply: %s\n", view_writer_problem(world.writer));
    assert_int_equal(err, 0);
    return decision;
}

static enum decision send_to_model(const struct sent *sent)
{
    struct model *model = &world.model;
    if (sent->kind == RECORD_EVENT && sent->change == CHANGE_PUT)
        return model_put_event(model, sent->company, sent->event, &sent->record, sent->position);
    if (sent->kind == RECORD_EVENT)
        return model_withdraw(model, sent->company, sent->event, sent->record.version,
                              sent->position);
    if (sent->kind == RECORD_COUPON && sent->change == CHANGE_PUT)
        return model_put_coupon(model, &sent->coupon);
    if (sent->kind == RECORD_COUPON)
        model_erase_coupons(model, sent->company, sent->user, sent->position);
    else if (sent->change == CHANGE_PUT)
        return model_put_user(model, sent->company, sent->user, sent->version, sent->position);
    else
        model_erase_user(model, sent->company, sent->user, sent->position);
    return DECISION_APPLY;
}

static void send(struct sent *sent)
{
    struct str id =
        sent->kind == RECORD_EVENT ? model_event_id(sent->event) : model_user_id(sent->user);
    sent->partition = (int32_t)(hash_pair(model_company(sent->company), id) % PARTITIONS);
    sent->position = position_of(1, world.offsets[sent->kind][sent->partition]++);
    sent->coupon.position = sent->position;
    world.log[world.sent_count++ % LOG_MAX] = *sent;
    enum decision expected = send_to_model(sent), found = send_to_view(sent);
    assert_int_equal(found, expected);
    world.decisions[found]++;
}

static void hash_coupon(struct sent *sent)
{
    AUTO_BUF text = {0};
    struct record record;
    fill_record(sent, &record);
    record_canonical(&record, &text);
    sha256_of(buf_str(&text), sent->coupon.content_hash);
}

static int by_number_id(const void *a, const void *b)
{
    return str_compare(model_event_id(*(const int *)a), model_event_id(*(const int *)b));
}

/* Users differ: the first bets most, so that S overflows; events of low numbers are hot. */
static void make_coupon(struct sent *sent)
{
    struct model_coupon *coupon = &sent->coupon;
    sent->kind = RECORD_COUPON;
    sent->user = below(3) == 0 ? 0 : (int)below(MODEL_USERS);
    *coupon = (struct model_coupon){
        .company = sent->company,
        .user = sent->user,
        .id = (int)below(MODEL_COUPONS / 4),
        .placed_at_ms = world.now_ms - (int64_t)below(60) * (day_ms / 2),
    };
    size_t wanted = below(10) == 0 ? 0 : 1 + below(sent->user == 0 ? MODEL_SELECTIONS : 4);
    for (size_t i = 0; i < wanted; i++) {
        int event = (int)below(below(2) == 0 ? 30 : MODEL_EVENTS);
        bool twice = false;
        for (size_t k = 0; k < coupon->event_count; k++)
            twice |= coupon->events[k] == event;
        if (!twice)
            coupon->events[coupon->event_count++] = event;
    }
    qsort(coupon->events, coupon->event_count, sizeof(coupon->events[0]), by_number_id);
    hash_coupon(sent);
}

static void step(void)
{
    struct sent sent = {.company = below(5) == 0, .version = VERSION_NONE};
    uint32_t what = below(100);
    world.now_ms += below(20) == 0 ? day_ms / 8 : 0;
    if (what < 30) {
        sent.kind = RECORD_EVENT;
        sent.event = (int)below(MODEL_EVENTS);
        make_event(sent.event, &sent.record);
        const struct model_event *known = &world.model.events[sent.company][sent.event];
        if (known->known && below(3) > 0) { /* only the time changes */
            int64_t begin_ms = sent.record.begin_ms, version = sent.record.version;
            sent.record = known->event;
            sent.record.begin_ms = sent.record.end_ms = begin_ms;
            sent.record.version = version;
        }
    } else if (what < 36) {
        sent.kind = RECORD_EVENT;
        sent.change = CHANGE_DELETE;
        sent.event = (int)below(MODEL_EVENTS);
        sent.record = (struct event){.event_id = model_event_id(sent.event),
                                     .version = below(3) == 0 ? (int64_t)below(6) : VERSION_NONE};
    } else if (what < 40) {
        sent.kind = RECORD_USER;
        sent.user = (int)below(MODEL_USERS);
        sent.version = below(2) == 0 ? (int64_t)below(4) : VERSION_NONE;
    } else if (what < 42 && below(2) == 0) {
        sent.kind = below(2) == 0 ? RECORD_USER : RECORD_COUPON;
        sent.change = CHANGE_ERASE;
        sent.user = (int)below(MODEL_USERS);
    } else if (what < 46 && world.sent_count > 0) { /* the very same again, at a new position */
        size_t kept = world.sent_count < LOG_MAX ? world.sent_count : LOG_MAX;
        const struct sent *old =
            &world.log[(world.sent_count - 1 - below((uint32_t)kept)) % LOG_MAX];
        sent = *old;
    } else {
        make_coupon(&sent);
    }
    send(&sent);
}

/* Comparing. */

static struct event_filter make_filter(const char *const *list, size_t count, struct str *values)
{
    size_t wanted = below(4) == 0 ? 1 + below(2) : 0;
    for (size_t i = 0; i < wanted; i++)
        values[i] = str_of(list[below((uint32_t)count)]);
    return (struct event_filter){values, wanted};
}

struct question {
    struct view_query query;
    struct view_list_query list;
    struct str values[4][2];
    struct str excludes[CHOICES];
};

#define FILTER(list, at) make_filter(list, sizeof(list) / sizeof((list)[0]), question->values[at])

static void make_question(int company, struct question *question)
{
    struct view_query *query = &question->query;
    int64_t from_ms = world.now_ms + ((int64_t)below(8) - 3) * (day_ms / 4);
    if (from_ms < world.lists_from_ms)
        from_ms = world.lists_from_ms;
    *query = (struct view_query){
        .company = model_company(company),
        .n = below(6) == 0 ? 10000 : 1 + below(25),
        .now_ms = from_ms - 1,
        .before_ms = below(4) == 0 ? from_ms + below(20) * (day_ms / 4) : INT64_MAX,
        .excludes = question->excludes,
        .exclude_count = below(3) == 0 ? 1 + below(CHOICES) : 0,
        .generation = below(4) == 0 ? GENERATION_OLDER : GENERATION_V1,
        .explain = below(3) == 0,
        .fill = below(2) == 0,
    };
    query->sports = FILTER(sports, 0);
    query->leagues = FILTER(leagues, 1);
    query->countries = FILTER(countries, 2);
    for (size_t i = 0; i < CHOICES; i++)
        question->excludes[i] = model_event_id((int)below(MODEL_EVENTS));
    question->list = (struct view_list_query){
        .company = query->company,
        .range = {.from_ms = from_ms, .before_ms = query->before_ms},
        .sports = query->sports,
        .leagues = query->leagues,
        .countries = query->countries,
        .participants = FILTER(names, 3),
        .limit = 1 + below(30),
    };
    if (below(2) == 0) {
        const struct model_event *at = &world.model.events[company][below(MODEL_EVENTS)];
        if (at->known && at->event.begin_ms >= from_ms)
            question->list.range.from_ms = at->event.begin_ms;
        question->list.range.from_id = model_event_id((int)below(MODEL_EVENTS));
    }
}

static void expect(int found_err, const struct buf *found, int expected_err,
                   const struct buf *expected, const char *what)
{
    bool same = found_err == expected_err && str_equal(buf_str(found), buf_str(expected));
    if (!same)
        print_error("%s after %zu changes: %d, expected %d\nfound    %.*s\nexpected %.*s\n", what,
                    world.sent_count, found_err, expected_err, (int)found->len, found->data,
                    (int)expected->len, expected->data);
    assert_true(same);
    world.compared++;
}

static void compare_event(int company, int event)
{
    AUTO_BUF found = {0};
    AUTO_BUF expected = {0};
    int found_err = view_event(world.reader, model_company(company), model_event_id(event), &found);
    int err = model_event_get(&world.model, company, event, &expected);
    if (err == 0 && world.model.events[company][event].event.begin_ms < world.lists_from_ms &&
        found_err == TIP_EUNAVAIL)
        return;
    expect(found_err, &found, err, &expected, "event");
}

static void compare_list(int company, const struct view_list_query *query)
{
    AUTO_BUF found = {0};
    AUTO_BUF expected = {0};
    struct view_list_page page = {0}, wanted = {0};
    int found_err = view_list(world.reader, query, &found, &page);
    int err = model_list(&world.model, company, query, &expected, &wanted);
    expect(found_err, &found, err, &expected, "list");
    assert_int_equal(page.count, wanted.count);
    assert_int_equal(page.more, wanted.more);
    if (page.count > 0) {
        assert_int_equal(page.last_begin_ms, wanted.last_begin_ms);
        assert_true(str_equal(page.last_id, wanted.last_id));
    }
}

static void compare(int questions)
{
    const struct view_meta *meta;
    assert_int_equal(view_reader_begin(world.reader, &meta), 0);
    for (int i = 0; i < questions; i++) {
        struct question question;
        AUTO_BUF found = {0};
        AUTO_BUF expected = {0};
        int company = below(4) == 0, user = (int)below(MODEL_USERS),
            event = (int)below(MODEL_EVENTS);
        bool known = false, wanted = false;
        int err, found_err;
        make_question(company, &question);
        const struct view_query *query = &question.query;
        switch (below(8)) {
        case 0:
            found_err = view_similar(world.reader, query, model_event_id(event), &found);
            err = model_similar(&world.model, company, query, event, &expected);
            expect(found_err, &found, err, &expected, "similar");
            break;
        case 1:
            found_err = view_popular(world.reader, query, &found);
            err = model_popular(&world.model, company, query, &expected);
            expect(found_err, &found, err, &expected, "popular");
            break;
        case 2:
            compare_event(company, event);
            break;
        case 3:
            compare_list(company, &question.list);
            break;
        default:
            found_err = view_recommend(world.reader, query, model_user_id(user), &found, &known);
            err = model_recommend(&world.model, company, query, user, &expected, &wanted);
            expect(found_err, &found, err, &expected, "recommend");
            assert_int_equal(known, wanted);
        }
    }
    view_reader_end(world.reader);
}

/* Opening, losing, building. */

static void open_writer(bool create)
{
    AUTO_BUF problem = {0};
    struct view_writer_options options = {
        .dir = world.dir,
        .boot_id = "boot-1",
        .half_life_ms = world.model.half_life_ms,
        .map_bytes = (size_t)512 << 20,
        .sweep_users = 1 + below(12),
        .create = create,
    };
    int err = view_writer_open(&options, &world.writer, &problem);
    if (err != 0)
        print_error("open: %s\n", buf_cstr(&problem));
    assert_int_equal(err, 0);
}

static void remove_dir(void)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/data.mdb", world.dir);
    unlink(path);
    snprintf(path, sizeof(path), "%s/lock.mdb", world.dir);
    unlink(path);
    rmdir(world.dir);
}

static void make_dir(void)
{
    snprintf(world.dir, sizeof(world.dir), "/tmp/tipster-view-test-XXXXXX");
    assert_non_null(mkdtemp(world.dir));
}

static void commit(void)
{
    int err = view_writer_commit(world.writer);
    if (err != 0)
        print_error("commit: %s\n", view_writer_problem(world.writer));
    assert_int_equal(err, 0);
    world.committed = world.sent_count;
}

static void begin(void)
{
    assert_int_equal(view_writer_begin(world.writer), 0);
}

static void open_reader(void)
{
    assert_int_equal(
        view_reader_open(world.dir, &world.model.weights, world.model.half_life_ms, &world.reader),
        0);
}

static int by_event_id(const void *a, const void *b)
{
    return by_number_id(a, b);
}

static int by_user_id(const void *a, const void *b)
{
    return str_compare(model_user_id(*(const int *)a), model_user_id(*(const int *)b));
}

static void load_events(const struct model *model, int company)
{
    int order[MODEL_EVENTS];
    for (int i = 0; i < MODEL_EVENTS; i++)
        order[i] = i;
    qsort(order, MODEL_EVENTS, sizeof(order[0]), by_event_id);
    for (int i = 0; i < MODEL_EVENTS; i++) {
        const struct model_event *known = &model->events[company][order[i]];
        struct event event = known->event;
        event.event_id = model_event_id(order[i]);
        event.version = known->version;
        struct view_load_event load = {model_company(company), &event, known->known,
                                       known->withdrawn, known->position};
        if (known->decided)
            assert_int_equal(view_writer_load_event(world.writer, &load), 0);
    }
}

static void load_user(const struct model *model, int company, int user)
{
    static struct view_load_coupon coupons[MODEL_COUPONS];
    static struct str ids[MODEL_COUPONS * MODEL_SELECTIONS];
    size_t count = 0, id_count = 0;
    for (int i = 0; i < MODEL_COUPONS; i++) {
        const struct model_coupon *coupon = &model->coupons[i];
        if (!coupon->used || coupon->company != company || coupon->user != user)
            continue;
        coupons[count++] =
            (struct view_load_coupon){model_coupon_id(coupon->id), coupon->content_hash,
                                      coupon->placed_at_ms, ids + id_count, coupon->event_count};
        for (size_t k = 0; k < coupon->event_count; k++)
            ids[id_count++] = model_event_id(coupon->events[k]);
    }
    const struct model_user *known = &model->users[company][user];
    struct view_load_user load = {model_company(company),
                                  model_user_id(user),
                                  known->known,
                                  known->position,
                                  known->version,
                                  coupons,
                                  count};
    assert_int_equal(view_writer_load_user(world.writer, &load), 0);
}

/* A new view from what the "database" holds now; then the topics again from some way back. */
static void rebuild(void)
{
    int users[MODEL_USERS];
    view_reader_close(world.reader);
    view_writer_close(world.writer);
    remove_dir();
    make_dir();
    open_writer(true);
    for (int i = 0; i < MODEL_USERS; i++)
        users[i] = i;
    qsort(users, MODEL_USERS, sizeof(users[0]), by_user_id);
    begin();
    for (int company = 0; company < MODEL_COMPANIES; company++)
        load_events(&world.model, company);
    commit();
    begin();
    for (int company = 0; company < MODEL_COMPANIES; company++)
        for (int i = 0; i < MODEL_USERS; i++)
            load_user(&world.model, company, users[i]);
    assert_int_equal(view_writer_load_end(world.writer), 0);
    commit();
    size_t back = below((uint32_t)(world.sent_count < 200 ? world.sent_count : 200) + 1);
    begin();
    for (size_t i = world.sent_count - back; i < world.sent_count; i++)
        send_to_view(&world.log[i % LOG_MAX]);
    view_writer_prune(world.writer, world.lists_from_ms, 1000);
    view_writer_set_state(world.writer, VIEW_SERVING);
    commit();
    open_reader();
}

/* A transaction is lost, or the process: what was not committed is sent again. */
static void lose(void)
{
    if (below(2) == 0) {
        view_writer_abort(world.writer);
    } else {
        view_reader_close(world.reader); /* LMDB wants one environment per process and file */
        view_writer_close(world.writer);
        open_writer(false);
        open_reader();
    }
    begin();
    size_t back = below(20), from = world.committed > back ? world.committed - back : 0;
    if (world.sent_count > LOG_MAX && from < world.sent_count - LOG_MAX)
        from = world.sent_count - LOG_MAX;
    for (size_t i = from; i < world.sent_count; i++)
        send_to_view(&world.log[i % LOG_MAX]);
}

static void check(void)
{
    struct view_check_report report = {0};
    view_reader_close(world.reader); /* one environment to read per process */
    assert_int_equal(view_check(world.dir, &report), 0);
    if (report.problems > 0)
        print_error("after %zu changes:\n%s", world.sent_count, buf_cstr(&report.text));
    assert_int_equal(report.problems, 0);
    view_check_release(&report);
    open_reader();
}

static void prune(void)
{
    int more = 1;
    if (world.lists_from_ms < world.now_ms - day_ms)
        world.lists_from_ms = world.now_ms - day_ms;
    while (more > 0) {
        more = view_writer_prune(world.writer, world.lists_from_ms, 3);
        assert_true(more >= 0);
    }
}

static size_t steps;

static void test_equals_brute_force(void **state)
{
    (void)state;
    world.model.weights = (struct rank_weights){3000, 3500, 1000, 2500};
    world.model.half_life_ms = 5 * day_ms;
    world.now_ms = start_ms;
    world.lists_from_ms = INT64_MIN / 2;
    make_dir();
    open_writer(true);
    begin();
    view_writer_set_state(world.writer, VIEW_SERVING);
    commit();
    open_reader();
    begin();
    for (size_t i = 0; i < steps; i++) {
        step();
        if (below(150) == 0)
            lose();
        if (below(100) == 0)
            prune();
        if (below(8) != 0)
            continue;
        commit();
        compare(12);
        if (below(40) == 0)
            check();
        if (below(60) == 0)
            rebuild();
        begin();
    }
    commit();
    while (view_writer_is_behind(world.writer)) {
        begin();
        commit();
    }
    compare(200);
    check();
    print_message("%zu changes (%zu applied, %zu absorbed, %zu superseded, %zu rejected), %zu "
                  "answers compared\n",
                  world.sent_count, world.decisions[DECISION_APPLY],
                  world.decisions[DECISION_ABSORB], world.decisions[DECISION_SUPERSEDED],
                  world.decisions[DECISION_REJECT], world.compared);
    view_reader_close(world.reader);
    view_writer_close(world.writer);
    remove_dir();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_equals_brute_force)};
    random_state = argc > 1 ? strtoull(argv[1], NULL, 10) : 20261121;
    steps = argc > 2 ? strtoull(argv[2], NULL, 10) : 6000;
    print_message("seed %llu\n", (unsigned long long)random_state);
    return RUN_TESTS(tests);
}
