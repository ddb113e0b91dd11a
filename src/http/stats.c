/*
 * GET /v1/stats: what a company's dashboard shows. Cheap however often it is asked for: each worker
 * keeps the last answer for each of a few companies. Counts and rates are at most COUNTS_FRESH_MS
 * old (they are read from record_counts, a few rows), lag LAG (backlog.h), and where the bets are,
 * which looks at every open event, BUSIEST_FRESH_MS; when that takes too long, what was known
 * stays.
 */
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "domain/change.h"
#include "domain/item.h"
#include "http/backlog.h"
#include "http/directory.h"
#include "http/node_view.h"
#include "http/read_body.h"
#include "http/read_work.h"
#include "http/reply.h"
#include "http/routes.h"
#include "http/traffic.h"
#include "store/read_popular.h"
#include "store/read_stats.h"
#include "store/record_counts.h"

#include <stdlib.h>

enum {
    COUNTS_FRESH_MS = 1500,
    BUSIEST_FRESH_MS = 10000,
    BUSIEST_RETRY_MS = 60000, /* after it took too long */
    STALE_MS = 10000,         /* an older answer is not given while a new one is made */
    KEPT_MAX = 64,            /* companies */
    SHOWN_MAX = EVENT_BETS_MAX,
};

struct reading {
    bool known;
    int64_t at_ms; /* monotonic */
    struct record_totals totals;
};

/* What is known of one company. */
struct stats {
    char company[COMPANY_MAX_BYTES];
    size_t company_len;
    struct reading last;
    struct buf body;
    struct buf busiest; /* members of the body */
    int64_t busiest_until_ms;
    int64_t used_ms; /* 0: nobody's */
    bool refreshing;
};

static struct stats kept[KEPT_MAX];

/* A new answer on its way; the thread sees only this. */
struct refresh {
    struct read_work *read;
    struct stats stats; /* as known before; then as it is now */
    struct buf lag;     /* and traffic, and view: what needs no database */
};

static struct str company_of(const struct stats *stats)
{
    return str_from(stats->company, stats->company_len);
}

/* The company's place; a new company takes the one that was not used for longest. */
static struct stats *find(struct str company)
{
    struct stats *oldest = &kept[0];
    for (size_t i = 0; i < KEPT_MAX; i++) {
        if (kept[i].used_ms > 0 && str_equal(company_of(&kept[i]), company))
            return &kept[i];
        if (kept[i].used_ms < oldest->used_ms)
            oldest = &kept[i];
    }
    buf_release(&oldest->body);
    buf_release(&oldest->busiest);
    *oldest = (struct stats){.company_len = company.len};
    memcpy(oldest->company, company.data, company.len);
    return oldest;
}

static void add_names(struct buf *out, const char *name, const struct league_bets *league,
                      bool with_league)
{
    buf_addf(out, "%s{\"sport\":", name);
    buf_add_json(out, league->sport);
    if (with_league) {
        buf_add_text(out, ",\"league\":");
        buf_add_json(out, league->league);
    }
    buf_addf(out, ",\"open_events\":%lld,\"bets\":%lld}", (long long)league->events,
             (long long)league->bets);
}

static int most_bets_first(const void *a, const void *b)
{
    const struct league_bets *x = a, *y = b;
    if (x->bets != y->bets)
        return x->bets > y->bets ? -1 : 1;
    return str_compare(x->sport, y->sport);
}

/* Sums the leagues into sports, in place of `sports`; returns how many. */
static size_t sum_sports(const struct league_bets *leagues, size_t count,
                         struct league_bets *sports)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        size_t at = 0;
        while (at < found && !str_equal(sports[at].sport, leagues[i].sport))
            at++;
        if (at == found)
            sports[found++] = (struct league_bets){.sport = leagues[i].sport};
        sports[at].events += leagues[i].events;
        sports[at].bets += leagues[i].bets;
    }
    qsort(sports, found, sizeof(*sports), most_bets_first);
    return found;
}

static void add_leagues(struct reader *reader, const struct league_bets *leagues, size_t count,
                        struct buf *out)
{
    int64_t open = 0;
    struct league_bets *sports = arena_array(&reader->arena, count, sizeof(*sports));
    size_t sport_count = sum_sports(leagues, count, sports);
    for (size_t i = 0; i < count; i++)
        open += leagues[i].events;
    buf_addf(out, ",\"open_events\":%lld,\"sports\":[", (long long)open);
    for (size_t i = 0; i < sport_count && i < SHOWN_MAX; i++)
        add_names(out, i > 0 ? "," : "", &sports[i], false);
    buf_add_text(out, "],\"leagues\":[");
    for (size_t i = 0; i < count && i < SHOWN_MAX; i++)
        add_names(out, i > 0 ? "," : "", &leagues[i], true);
    buf_add_char(out, ']');
}

static int add_top_events(struct reader *reader, struct str company, int64_t now_ms,
                          struct buf *out)
{
    struct str ids[SHOWN_MAX];
    int64_t bets[SHOWN_MAX];
    size_t count = 0;
    const struct popular_query query = {
        .company = company,
        .range = {.from_ms = now_ms + 1, .before_ms = TIME_MAX_MS + 1},
    };
    int err = read_popular(reader->db, &query, SHOWN_MAX, &reader->arena, ids, &count);
    if (err == 0)
        err = read_event_bets(reader->db, company, ids, count, bets);
    if (err != 0)
        return err;
    buf_add_text(out, ",\"events\":[");
    for (size_t i = 0; err == 0 && i < count; i++) {
        buf_addf(out, "%s{\"bets\":%lld,\"event\":", i > 0 ? "," : "", (long long)bets[i]);
        AUTO_BUF event = {0};
        err = body_events(reader, company, &ids[i], 1, &event); /* "[{…}]", or "[]" if it went */
        if (event.len > 2)
            buf_add(out, event.data + 1, event.len - 2);
        else
            buf_add_text(out, "null");
        buf_add_char(out, '}');
    }
    buf_add_char(out, ']');
    return err;
}

/* "busiest":{…}. One that takes too long is not tried again for a while. */
static int refresh_busiest(struct reader *reader, struct refresh *refresh)
{
    struct league_bets *leagues = NULL;
    struct str company = refresh->read->company;
    char as_of[TIME_TEXT_SIZE];
    size_t count = 0;
    AUTO_BUF busiest = {0};
    time_format(refresh->read->now_ms, as_of);
    buf_addf(&busiest, ",\"busiest\":{\"as_of\":\"%s\"", as_of);
    int err = read_leagues(reader->db, company, refresh->read->now_ms + 1, &reader->arena, &leagues,
                           &count);
    if (err == 0) {
        add_leagues(reader, leagues, count, &busiest);
        err = add_top_events(reader, company, refresh->read->now_ms, &busiest);
    }
    buf_add_char(&busiest, '}');
    if (err != 0 && err != TIP_ETIMEOUT)
        return err;
    if (err == 0) {
        buf_clear(&refresh->stats.busiest);
        buf_add_str(&refresh->stats.busiest, buf_str(&busiest));
    }
    refresh->stats.busiest_until_ms =
        clock_monotonic_ms() + (err == 0 ? BUSIEST_FRESH_MS : BUSIEST_RETRY_MS);
    return 0;
}

static int64_t rejected_of(const int64_t numbers[COUNTED_KINDS])
{
    return numbers[COUNTED_REJECTED_USERS] + numbers[COUNTED_REJECTED_EVENTS] +
           numbers[COUNTED_REJECTED_COUPONS];
}

static void add_counts(const struct record_totals *totals, struct buf *out)
{
    buf_addf(out, ",\"counts\":{\"users\":%lld,\"events\":%lld,\"coupons\":%lld,\"rejected\":%lld}",
             (long long)totals->n[COUNTED_USERS], (long long)totals->n[COUNTED_EVENTS],
             (long long)totals->n[COUNTED_COUPONS], (long long)rejected_of(totals->n));
}

static void add_rate(const char *name, int64_t more, double seconds, struct buf *out)
{
    buf_addf(out, ",\"%s\":", name);
    item_number((double)(int64_t)((double)more / seconds * 10 + 0.5) / 10, out);
}

/* What was stored each second since the reading before. */
static void add_rates(const struct reading *before, const struct reading *now, struct buf *out)
{
    if (!before->known || now->at_ms <= before->at_ms) {
        buf_add_text(out, ",\"stored_per_second\":null");
        return;
    }
    const int64_t *a = before->totals.stored, *b = now->totals.stored;
    double seconds = (double)(now->at_ms - before->at_ms) / 1000;
    buf_add_text(out, ",\"stored_per_second\":{\"over_seconds\":");
    item_number(seconds, out);
    add_rate("users", b[COUNTED_USERS] - a[COUNTED_USERS], seconds, out);
    add_rate("events", b[COUNTED_EVENTS] - a[COUNTED_EVENTS], seconds, out);
    add_rate("coupons", b[COUNTED_COUPONS] - a[COUNTED_COUPONS], seconds, out);
    add_rate("rejected", rejected_of(b) - rejected_of(a), seconds, out);
    buf_add_char(out, '}');
}

static int query_stats(struct reader *reader, void *arg)
{
    struct refresh *refresh = arg;
    struct stats *stats = &refresh->stats;
    struct reading now = {.known = true, .at_ms = clock_monotonic_ms()};
    char as_of[TIME_TEXT_SIZE];
    int err = record_counts_read(reader->db, refresh->read->company, &now.totals);
    if (err == 0 && clock_monotonic_ms() >= stats->busiest_until_ms)
        err = refresh_busiest(reader, refresh);
    if (err != 0)
        return err;
    struct buf *body = &refresh->read->body;
    buf_clear(body);
    time_format(refresh->read->now_ms, as_of);
    buf_addf(body, "{\"as_of\":\"%s\"", as_of);
    add_counts(&now.totals, body);
    add_rates(&stats->last, &now, body);
    buf_add_str(body, buf_str(&refresh->lag));
    if (stats->busiest.len > 0)
        buf_add_str(body, buf_str(&stats->busiest));
    else
        buf_add_text(body, ",\"busiest\":null");
    buf_add_char(body, '}');
    stats->last = now;
    return 0;
}

static int run(void *arg, struct backend *backend)
{
    return reader_run(backend, query_stats, arg);
}

static void finish(struct call *call, void *arg, int err)
{
    const struct refresh *refresh = arg;
    struct stats *stats = find(refresh->read->company);
    stats->refreshing = false;
    if (err != 0) {
        reply_error(call, err);
        return;
    }
    stats->last = refresh->stats.last;
    stats->used_ms = stats->last.at_ms;
    stats->busiest_until_ms = refresh->stats.busiest_until_ms;
    buf_clear(&stats->busiest);
    buf_add_str(&stats->busiest, buf_str(&refresh->stats.busiest));
    buf_clear(&stats->body);
    buf_add_str(&stats->body, buf_str(&refresh->read->body));
    reply_json(call, 200, buf_str(&stats->body));
}

static void release(void *arg)
{
    struct refresh *refresh = arg;
    find(refresh->read->company)->refreshing = false; /* also when the client has left */
    buf_release(&refresh->stats.busiest);
    buf_release(&refresh->lag);
    read_work_free(refresh->read);
    free(refresh);
}

/* The company's partitions of each topic; null while Kafka has not said. */
static void add_lag(const struct call *call, struct buf *out)
{
    static struct partition_set partitions;
    struct directory_company row;
    if (call_company_row(call, &row) != 0 || backlog_records(RECORD_USER, 0) < 0) {
        buf_add_text(out, ",\"lag\":null");
        return;
    }
    int64_t total = 0;
    AUTO_BUF list = {0};
    partition_set_choose(call_company(call), (int32_t)call_config()->kafka_partitions,
                         row.partitions, &partitions);
    for (int kind = 0; kind < RECORD_KINDS; kind++) {
        for (int32_t i = 0; i < partitions.count; i++) {
            int64_t records = backlog_records((enum record_kind)kind, partitions.members[i]);
            total += records > 0 ? records : 0;
            buf_addf(&list, "%s{\"topic\":\"%s\",\"partition\":%d,\"records\":%lld}",
                     list.len > 0 ? "," : "", record_kind_plural((enum record_kind)kind),
                     partitions.members[i], (long long)records);
        }
    }
    buf_addf(out, ",\"lag\":{\"records\":%lld,\"partitions\":[", (long long)total);
    buf_add_str(out, buf_str(&list));
    buf_add_text(out, "]}");
}

/* This node's view, as this worker sees it; null where there is to be none. */
static void add_view(struct buf *out)
{
    enum node_view_use seen = node_view_seen();
    int64_t behind_ms = node_view_behind_ms();
    if (seen == NODE_VIEW_OFF) {
        buf_add_text(out, ",\"view\":null");
        return;
    }
    buf_add_text(out, ",\"view\":{\"ready\":");
    buf_add_text(out, seen == NODE_VIEW_SERVES ? "true" : "false");
    buf_add_text(out, ",\"behind_ms\":");
    if (behind_ms >= 0)
        buf_add_int(out, behind_ms);
    else
        buf_add_text(out, "null");
    buf_add_char(out, '}');
}

void stats_get(struct call *call)
{
    static const struct call_job job = {run, finish, release};
    static const struct read_plan plan = {.allowed = 0};
    struct read_work *read = read_work_new(call, &plan);
    if (read == NULL)
        return;
    struct stats *stats = find(read->company);
    int64_t age_ms = clock_monotonic_ms() - stats->last.at_ms;
    if (stats->body.len > 0 &&
        (age_ms < COUNTS_FRESH_MS || (stats->refreshing && age_ms < STALE_MS))) {
        reply_json(call, 200, buf_str(&stats->body));
        read_work_free(read);
        return;
    }
    struct refresh *refresh = xcalloc(1, sizeof(*refresh));
    refresh->read = read;
    refresh->stats.last = stats->last;
    refresh->stats.busiest_until_ms = stats->busiest_until_ms;
    buf_add_str(&refresh->stats.busiest, buf_str(&stats->busiest));
    add_lag(call, &refresh->lag);
    traffic_json(read->company, &refresh->lag);
    add_view(&refresh->lag);
    stats->refreshing = true;
    stats->used_ms = clock_monotonic_ms();
    call_run(call, &job, refresh);
}
