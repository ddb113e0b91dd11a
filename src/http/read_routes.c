/*
 * The handlers of what is read: each route's plan, that is its parameters and how the view and SQL
 * answer it. What the answers hold is the matter of view/reader.h, recommend.h, event_list.h and
 * read_body.h; both paths give the same bytes.
 */
#include "base/clock.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "domain/change.h"
#include "http/call.h"
#include "http/directory.h"
#include "http/event_list.h"
#include "http/read_body.h"
#include "http/read_work.h"
#include "http/reply.h"
#include "http/routes.h"
#include "store/read_record.h"
#include "view/reader.h"

#include <stdlib.h>

enum { N_DEFAULT = 10, N_DEFAULT_OLDER = -1 };

enum {
    PARAMS_FILTERS = PARAM_SPORT | PARAM_LEAGUE | PARAM_COUNTRY,
    PARAMS_RANKED = PARAMS_FILTERS | PARAM_N | PARAM_BEFORE | PARAM_EXCLUDE | PARAM_EXPLAIN |
                    PARAM_AS_OF | PARAM_INCLUDE_STARTED | PARAM_VIA,
    PARAMS_EVENTS = PARAMS_FILTERS | PARAM_PARTICIPANT | PARAM_FROM | PARAM_TO | PARAM_LIMIT |
                    PARAM_CURSOR | PARAM_VIA,
    PARAMS_OLDER = PARAM_N_OLDER | PARAM_USER_ID | PARAM_INCLUDE_STARTED | PARAM_VIA,
};

/* Records. */

static int query_user(struct reader *reader, void *arg)
{
    struct read_work *work = arg;
    struct record record = {.kind = RECORD_USER};
    int err = read_user(reader->db, work->company, work->id, &reader->arena, &record.user);
    if (err == 0)
        record_json(&record, &work->body);
    return err;
}

static int query_event(struct reader *reader, void *arg)
{
    struct read_work *work = arg;
    struct record record = {.kind = RECORD_EVENT};
    int err = read_event(reader->db, work->company, work->id, &reader->arena, &record.event);
    if (err == 0)
        record_json(&record, &work->body);
    return err;
}

static int view_one_event(struct view_reader *view, struct read_work *work)
{
    return view_event(view, work->company, work->id, &work->body);
}

static int query_coupon(struct reader *reader, void *arg)
{
    struct read_work *work = arg;
    struct record record = {.kind = RECORD_COUPON};
    int err = read_coupon(reader->db, work->company, work->id, work->params.user_id, &reader->arena,
                          &record.coupon);
    if (err == 0)
        record_json(&record, &work->body);
    return err;
}

/* From where to where a page of events goes. */
static struct event_range list_range(const struct read_work *work)
{
    const struct read_params *params = &work->params;
    struct event_range range = {
        .from_ms = param_or(params->from_ms, work->now_ms + 1),
        .before_ms = param_or(params->to_ms, TIME_MAX_MS + 1),
    };
    if (params->has_cursor && params->cursor.time_ms >= range.from_ms) {
        range.from_ms = params->cursor.time_ms;
        range.from_id = cursor_id(&params->cursor);
    }
    return range;
}

/* What a page of events is asked with, on either path. */
static struct view_list_query list_query(const struct read_work *work)
{
    const struct read_params *params = &work->params;
    return (struct view_list_query){
        .company = work->company,
        .range = list_range(work),
        .sports = read_params_filter(&params->sports),
        .leagues = read_params_filter(&params->leagues),
        .countries = read_params_filter(&params->countries),
        .participants = read_params_filter(&params->participants),
        .limit = (size_t)param_or(params->limit, LIMIT_DEFAULT),
    };
}

/* The page's end, behind its items. */
static void end_list(struct read_work *work, bool more, int64_t last_begin_ms, struct str last_id)
{
    struct buf *body = &work->body;
    buf_add_text(body, ",\"next_cursor\":");
    if (more) {
        buf_add_char(body, '"');
        cursor_write(CURSOR_EVENTS, last_begin_ms, last_id, body);
        buf_add_text(body, "\"}");
    } else {
        buf_add_text(body, "null}");
    }
}

static int query_events(struct reader *reader, void *arg)
{
    struct read_work *work = arg;
    struct event_list_page page;
    const struct view_list_query query = list_query(work);
    int err = event_list(reader, &query, &page);
    if (err != 0)
        return err;
    buf_add_text(&work->body, "{\"items\":");
    err = body_events(reader, work->company, page.ids, page.count, &work->body);
    if (err == 0)
        end_list(work, page.more, page.last_begin_ms,
                 page.more ? page.ids[page.count - 1] : (struct str){0});
    return err;
}

static int view_events(struct view_reader *view, struct read_work *work)
{
    struct view_list_page page;
    const struct view_list_query query = list_query(work);
    buf_add_text(&work->body, "{\"items\":");
    int err = view_list(view, &query, &work->body, &page);
    if (err == 0)
        end_list(work, page.more, page.last_begin_ms, page.last_id);
    return err;
}

/* Ranked events. */

static void ranked_request(const struct read_work *work, struct recommend_request *ret_request)
{
    const struct read_params *params = &work->params;
    *ret_request = (struct recommend_request){
        .company = work->company,
        .n = (size_t)param_or(params->n, N_DEFAULT),
        .now_ms = param_or(params->as_of_ms, work->now_ms),
        .before_ms = param_or(params->before_ms, TIME_MAX_MS + 1),
        .include_started = work->include_started,
        .sports = read_params_filter(&params->sports),
        .leagues = read_params_filter(&params->leagues),
        .countries = read_params_filter(&params->countries),
        .excludes = params->excludes.values,
        .exclude_count = params->excludes.count,
    };
}

/* The same for the view. */
static void ranked_query(const struct read_work *work, struct view_query *ret_query)
{
    struct recommend_request request;
    ranked_request(work, &request);
    *ret_query = (struct view_query){
        .company = request.company,
        .n = request.n,
        .now_ms = request.now_ms,
        .before_ms = request.before_ms,
        .sports = request.sports,
        .leagues = request.leagues,
        .countries = request.countries,
        .excludes = request.excludes,
        .exclude_count = request.exclude_count,
        .generation = work->plan->generation,
        .explain = work->params.explain == 1,
    };
}

/* The frame of a ranked answer up to its items; id_name is NULL or the member that says for what.
 */
static void begin_ranked(struct read_work *work, const char *id_name, int64_t now_ms)
{
    char as_of[TIME_TEXT_SIZE];
    struct buf *body = &work->body;
    buf_add_char(body, '{');
    if (id_name != NULL) {
        buf_add_char(body, '"');
        buf_add_text(body, id_name);
        buf_add_text(body, "\":");
        buf_add_json(body, work->id);
        buf_add_char(body, ',');
    }
    time_format(now_ms, as_of);
    buf_add_text(body, "\"as_of\":\"");
    buf_add_text(body, as_of);
    buf_add_text(body, "\",\"items\":");
}

static int ranked_body(struct reader *reader, struct read_work *work, const char *id_name,
                       const struct recommend_request *request, const struct recommendation *found)
{
    begin_ranked(work, id_name, request->now_ms);
    int err = body_items(reader, work->company, found, work->params.explain == 1, &work->body);
    buf_add_char(&work->body, '}');
    return err;
}

static int query_recommendations(struct reader *reader, void *arg)
{
    struct read_work *work = arg;
    struct recommend_request request;
    struct recommendation found;
    ranked_request(work, &request);
    int err = recommend_user(reader, &request, work->id, true, &found, NULL);
    return err != 0 ? err : ranked_body(reader, work, "user_id", &request, &found);
}

static int view_recommendations(struct view_reader *view, struct read_work *work)
{
    struct view_query query;
    ranked_query(work, &query);
    query.fill = true;
    begin_ranked(work, "user_id", query.now_ms);
    int err = view_recommend(view, &query, work->id, &work->body, NULL);
    buf_add_char(&work->body, '}');
    return err;
}

static int query_similar(struct reader *reader, void *arg)
{
    struct read_work *work = arg;
    struct recommend_request request;
    struct recommendation found;
    ranked_request(work, &request);
    int err = recommend_similar(reader, &request, work->id, &found);
    return err != 0 ? err : ranked_body(reader, work, "event_id", &request, &found);
}

static int view_similar_events(struct view_reader *view, struct read_work *work)
{
    struct view_query query;
    ranked_query(work, &query);
    begin_ranked(work, "event_id", query.now_ms);
    int err = view_similar(view, &query, work->id, &work->body);
    buf_add_char(&work->body, '}');
    return err;
}

static int query_popular(struct reader *reader, void *arg)
{
    struct read_work *work = arg;
    struct recommend_request request;
    struct recommendation found;
    ranked_request(work, &request);
    int err = recommend_popular(reader, &request, &found);
    return err != 0 ? err : ranked_body(reader, work, NULL, &request, &found);
}

static int view_popular_events(struct view_reader *view, struct read_work *work)
{
    struct view_query query;
    ranked_query(work, &query);
    begin_ranked(work, NULL, query.now_ms);
    int err = view_popular(view, &query, &work->body);
    buf_add_char(&work->body, '}');
    return err;
}

/* The older /recommend. */

static int older_random(struct reader *reader, struct read_work *work,
                        const struct recommend_request *request)
{
    struct event_range range = recommend_range(request);
    struct recommended item = {0};
    struct recommendation found = {.items = &item};
    int err = read_random_event(reader->db, work->company, &range, work->random, &reader->arena,
                                &item.event_id);
    if (err == 0)
        found.count = 1;
    else if (err != TIP_ENOTFOUND)
        return err;
    return body_older(reader, work->company, &found, &work->body);
}

/* How many a request for n > 0, or for all there are (0), gets at most. */
static size_t older_count(int64_t n)
{
    return n > 0 && n < RANK_N_MAX ? (size_t)n : RANK_N_MAX;
}

static int query_older(struct reader *reader, void *arg)
{
    struct read_work *work = arg;
    struct recommend_request request;
    struct recommendation found = {0};
    int64_t n = param_or(work->params.n, N_DEFAULT_OLDER);
    bool known = true;
    int err = 0;
    ranked_request(work, &request);
    request.n = older_count(n);
    if (n >= 0)
        err = recommend_user(reader, &request, work->params.user_id, false, &found, &known);
    if (err == 0 && (n < 0 || !known))
        err = read_user_is_known(reader->db, work->company, work->params.user_id, &known);
    if (err != 0)
        return err;
    if (!known) {
        buf_add_text(&work->body, "null");
        return 0;
    }
    if (n < 0)
        return older_random(reader, work, &request);
    return body_older(reader, work->company, &found, &work->body);
}

static int view_older(struct view_reader *view, struct read_work *work)
{
    struct view_query query;
    int64_t n = param_or(work->params.n, N_DEFAULT_OLDER);
    bool known = true;
    int err;
    ranked_query(work, &query);
    query.n = older_count(n);
    if (n >= 0)
        err = view_recommend(view, &query, work->params.user_id, &work->body, &known);
    else
        err = view_user_is_known(view, work->company, work->params.user_id, &known);
    if (err == 0 && !known) {
        buf_clear(&work->body);
        buf_add_text(&work->body, "null");
    } else if (err == 0 && n < 0) {
        err = view_random(view, &query, work->random, &work->body);
    }
    return err;
}

/* The routes. */

void user_get(struct call *call)
{
    static const struct read_plan plan = {.from_sql = query_user};
    read_work_start_with_id(call, &plan, PROBLEM_NOT_FOUND);
}

void event_get(struct call *call)
{
    static const struct read_plan plan = {
        .allowed = PARAM_VIA, .from_view = view_one_event, .from_sql = query_event};
    read_work_start_with_id(call, &plan, PROBLEM_NOT_FOUND);
}

void coupon_get(struct call *call)
{
    static const struct read_plan plan = {.allowed = PARAM_USER_ID, .from_sql = query_coupon};
    read_work_start_with_id(call, &plan, PROBLEM_NOT_FOUND);
}

void recommendations_get(struct call *call)
{
    static const struct read_plan plan = {.allowed = PARAMS_RANKED,
                                          .from_view = view_recommendations,
                                          .from_sql = query_recommendations};
    read_work_start_with_id(call, &plan, PROBLEM_INVALID_RECORD);
}

void similar_get(struct call *call)
{
    static const struct read_plan plan = {
        .allowed = PARAMS_RANKED, .from_view = view_similar_events, .from_sql = query_similar};
    read_work_start_with_id(call, &plan, PROBLEM_NOT_FOUND);
}

/* One for a route that is about nothing in particular. */
static void start(struct call *call, const struct read_plan *plan)
{
    struct read_work *work = read_work_new(call, plan);
    if (work != NULL)
        read_work_start(call, work);
}

void popular_get(struct call *call)
{
    static const struct read_plan plan = {
        .allowed = PARAMS_RANKED, .from_view = view_popular_events, .from_sql = query_popular};
    start(call, &plan);
}

void events_get(struct call *call)
{
    static const struct read_plan plan = {
        .allowed = PARAMS_EVENTS, .from_view = view_events, .from_sql = query_events};
    start(call, &plan);
}

void recommend_get(struct call *call)
{
    static const struct read_plan plan = {.allowed = PARAMS_OLDER,
                                          .generation = GENERATION_OLDER,
                                          .from_view = view_older,
                                          .from_sql = query_older};
    struct read_work *work = read_work_new(call, &plan);
    if (work == NULL)
        return;
    if (!id_is_valid(work->params.user_id)) {
        reply_problem(call, PROBLEM_BAD_PARAMETER,
                      work->params.user_id.data == NULL
                          ? "user_id is missing"
                          : "user_id: an id is 1 to 64 bytes of text without control characters");
        read_work_free(work);
        return;
    }
    static uint64_t count;
    work->random = hash_mix((uint64_t)clock_monotonic_us() ^ ++count << 40);
    read_work_start(call, work);
}
