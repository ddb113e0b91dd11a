/*
 * The handlers of all that is read: parameters in, a job for a thread of the database pool, one
 * reply. What the answers hold is the matter of recommend.h, event_list.h and read_body.h.
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

#include <stdlib.h>

enum { N_DEFAULT = 10, N_DEFAULT_OLDER = -1 };

enum {
    PARAMS_FILTERS = PARAM_SPORT | PARAM_LEAGUE | PARAM_COUNTRY,
    PARAMS_RANKED = PARAMS_FILTERS | PARAM_N | PARAM_BEFORE | PARAM_EXCLUDE | PARAM_EXPLAIN |
                    PARAM_AS_OF | PARAM_INCLUDE_STARTED,
    PARAMS_EVENTS =
        PARAMS_FILTERS | PARAM_PARTICIPANT | PARAM_FROM | PARAM_TO | PARAM_LIMIT | PARAM_CURSOR,
    PARAMS_OLDER = PARAM_N_OLDER | PARAM_USER_ID | PARAM_INCLUDE_STARTED,
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

static int query_events(struct reader *reader, void *arg)
{
    struct read_work *work = arg;
    const struct read_params *params = &work->params;
    struct event_list_page page;
    struct event_list_request request = {
        .company = work->company,
        .range = {.from_ms = param_or(params->from_ms, work->now_ms + 1),
                  .before_ms = param_or(params->to_ms, TIME_MAX_MS + 1)},
        .sports = read_params_filter(&params->sports),
        .leagues = read_params_filter(&params->leagues),
        .countries = read_params_filter(&params->countries),
        .participants = read_params_filter(&params->participants),
        .limit = (size_t)param_or(params->limit, LIMIT_DEFAULT),
    };
    if (params->has_cursor && params->cursor.time_ms >= request.range.from_ms) {
        request.range.from_ms = params->cursor.time_ms;
        request.range.from_id = cursor_id(&params->cursor);
    }
    int err = event_list(reader, &request, &page);
    if (err != 0)
        return err;
    buf_add_text(&work->body, "{\"items\":");
    err = body_events(reader, work->company, page.ids, page.count, &work->body);
    buf_add_text(&work->body, ",\"next_cursor\":");
    if (page.more) {
        buf_add_char(&work->body, '"');
        cursor_write(CURSOR_EVENTS, page.last_begin_ms, page.ids[page.count - 1], &work->body);
        buf_add_text(&work->body, "\"}");
    } else {
        buf_add_text(&work->body, "null}");
    }
    return err;
}

/* Ranked events. */

static void ranked_request(const struct read_work *work, struct recommend_request *ret_request)
{
    const struct read_params *params = &work->params;
    bool include_started = params->include_started == PARAM_ABSENT ? work->include_started
                                                                   : params->include_started == 1;
    *ret_request = (struct recommend_request){
        .company = work->company,
        .n = (size_t)param_or(params->n, N_DEFAULT),
        .now_ms = param_or(params->as_of_ms, work->now_ms),
        .before_ms = param_or(params->before_ms, TIME_MAX_MS + 1),
        .include_started = include_started,
        .sports = read_params_filter(&params->sports),
        .leagues = read_params_filter(&params->leagues),
        .countries = read_params_filter(&params->countries),
        .excludes = params->excludes.values,
        .exclude_count = params->excludes.count,
    };
}

/* The frame of a ranked answer; id_name is NULL or the member that says for what. */
static int ranked_body(struct reader *reader, struct read_work *work, const char *id_name,
                       const struct recommend_request *request, const struct recommendation *found)
{
    char as_of[TIME_TEXT_SIZE];
    buf_add_char(&work->body, '{');
    if (id_name != NULL) {
        buf_addf(&work->body, "\"%s\":", id_name);
        buf_add_json(&work->body, work->id);
        buf_add_char(&work->body, ',');
    }
    time_format(request->now_ms, as_of);
    buf_addf(&work->body, "\"as_of\":\"%s\",\"items\":", as_of);
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

static int query_similar(struct reader *reader, void *arg)
{
    struct read_work *work = arg;
    struct recommend_request request;
    struct recommendation found;
    ranked_request(work, &request);
    int err = recommend_similar(reader, &request, work->id, &found);
    return err != 0 ? err : ranked_body(reader, work, "event_id", &request, &found);
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

static int query_older(struct reader *reader, void *arg)
{
    struct read_work *work = arg;
    struct recommend_request request;
    struct recommendation found = {0};
    int64_t n = param_or(work->params.n, N_DEFAULT_OLDER);
    bool known = true;
    int err = 0;
    ranked_request(work, &request);
    request.n = n > 0 && n < RANK_N_MAX ? (size_t)n : RANK_N_MAX;
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

/* The routes. */

void user_get(struct call *call)
{
    read_work_start_with_id(call, 0, query_user, PROBLEM_NOT_FOUND);
}

void event_get(struct call *call)
{
    read_work_start_with_id(call, 0, query_event, PROBLEM_NOT_FOUND);
}

void coupon_get(struct call *call)
{
    read_work_start_with_id(call, PARAM_USER_ID, query_coupon, PROBLEM_NOT_FOUND);
}

void recommendations_get(struct call *call)
{
    read_work_start_with_id(call, PARAMS_RANKED, query_recommendations, PROBLEM_INVALID_RECORD);
}

void similar_get(struct call *call)
{
    read_work_start_with_id(call, PARAMS_RANKED, query_similar, PROBLEM_NOT_FOUND);
}

void popular_get(struct call *call)
{
    struct read_work *work = read_work_new(call, PARAMS_RANKED, GENERATION_V1, query_popular);
    if (work != NULL)
        read_work_start(call, work);
}

void events_get(struct call *call)
{
    struct read_work *work = read_work_new(call, PARAMS_EVENTS, GENERATION_V1, query_events);
    if (work != NULL)
        read_work_start(call, work);
}

void recommend_get(struct call *call)
{
    struct read_work *work = read_work_new(call, PARAMS_OLDER, GENERATION_OLDER, query_older);
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
