/* Reads on their way; see read_work.h. */
#include "http/read_work.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "http/after.h"
#include "http/directory.h"
#include "http/metrics.h"
#include "http/node_view.h"
#include "http/reply.h"

#include <stdlib.h>

enum { UNUSED_MAX = 64, BODY_KEPT_BYTES = 64 * 1024 };

static struct read_work *unused;
static int unused_count;

static int run_query(struct reader *reader, void *arg)
{
    struct read_work *work = arg;
    buf_clear(&work->body); /* of an attempt that failed half-way */
    return work->plan->from_sql(reader, work);
}

/* The thread's part: again when the connection was lost. */
static int run(void *arg, struct backend *backend)
{
    return reader_run(backend, run_query, arg);
}

static void answer(struct call *call, const struct read_work *work, int err)
{
    if (err == 0)
        reply_json(call, 200, buf_str(&work->body));
    else if (err == TIP_EAMBIGUOUS)
        reply_problem(call, PROBLEM_AMBIGUOUS,
                      "several users have a coupon of this id: say whose with ?user_id=");
    else
        reply_error(call, err);
}

static void finish(struct call *call, void *work, int err)
{
    if (err == 0 || err == TIP_ENOTFOUND || err == TIP_EAMBIGUOUS) {
        metrics_add(METRIC_READS_SQL, 1);
        call_served_by(call, "sql");
    }
    answer(call, work, err);
}

void read_work_free(void *arg)
{
    struct read_work *work = arg;
    if (work->body.capacity > BODY_KEPT_BYTES)
        buf_release(&work->body);
    if (unused_count == UNUSED_MAX) {
        buf_release(&work->body);
        arena_release(&work->arena);
        free(work);
        return;
    }
    arena_clear(&work->arena);
    work->next = unused;
    unused = work;
    unused_count++;
}

static struct read_work *take_unused(void)
{
    struct read_work *work = unused;
    if (work == NULL)
        return xcalloc(1, sizeof(*work));
    unused = work->next;
    unused_count--;
    struct arena arena = work->arena;
    struct buf body = work->body;
    *work = (struct read_work){.arena = arena, .body = body};
    buf_clear(&work->body);
    return work;
}

static bool wants_started(const struct call *call, const struct read_work *work)
{
    struct directory_company row;
    if (!(work->plan->allowed & PARAM_INCLUDE_STARTED))
        return false;
    if (work->params.include_started != PARAM_ABSENT)
        return work->params.include_started == 1;
    return call_company_row(call, &row) == 0 && row.include_started;
}

struct read_work *read_work_new(struct call *call, const struct read_plan *plan)
{
    static struct violations violations; /* too large for a stack; the loop has one thread */
    const struct query *params = call_query(call);
    if (params == NULL || !after_read(call))
        return NULL;
    struct read_work *work = take_unused();
    violations_clear(&violations);
    if (read_params_parse(params, plan->allowed, plan->generation, &work->arena, &work->params,
                          &violations) != 0) {
        reply_violations(call, PROBLEM_BAD_PARAMETER, &violations);
        read_work_free(work);
        return NULL;
    }
    work->plan = plan;
    work->company = arena_copy(&work->arena, call_company(call));
    work->include_started = wants_started(call, work);
    work->now_ms = call_now_ms(call);
    return work;
}

/* What came of asking the view. */
struct attempt {
    enum node_view_use use;
    bool is_early; /* it serves, but has not come as far as the request wants */
    int err;       /* 0 or TIP_ENOTFOUND when it serves */
};

static struct attempt ask_view(const struct call *call, struct read_work *work)
{
    struct view_reader *view;
    struct attempt attempt = {.use = NODE_VIEW_ASKED};
    if (work->params.via == VIA_SQL)
        return attempt;
    attempt.use = work->include_started ? NODE_VIEW_STARTED : node_view_begin(&view);
    if (attempt.use != NODE_VIEW_SERVES)
        return attempt;
    attempt.is_early = !after_is_in_view(call, view);
    buf_clear(&work->body);
    if (!attempt.is_early)
        attempt.err = work->plan->from_view(view, work);
    node_view_end();
    if (attempt.err == TIP_EUNAVAIL) {
        attempt.use = NODE_VIEW_NOT_HELD;
    } else if (attempt.err != 0 && attempt.err != TIP_ENOTFOUND) {
        node_view_distrust(attempt.err);
        attempt.use = NODE_VIEW_DAMAGED;
    }
    return attempt;
}

static void woken(struct call *call, void *arg);

/* False: SQL is to answer, for this reason. */
static bool answer_from_view(struct call *call, struct read_work *work,
                             enum node_view_use *ret_reason)
{
    struct attempt attempt = ask_view(call, work);
    if (attempt.is_early) {
        after_wait(call, AFTER_VIEW, woken, work);
        return true;
    }
    if (attempt.use == NODE_VIEW_SERVES) {
        metrics_add(METRIC_READS_VIEW, 1);
        call_served_by(call, "view");
        answer(call, work, attempt.err);
        return true;
    }
    if (work->params.via != VIA_VIEW) {
        *ret_reason = attempt.use;
        return false;
    }
    bool is_never = attempt.use == NODE_VIEW_STARTED;
    reply_problem(call, is_never ? PROBLEM_BAD_PARAMETER : PROBLEM_UNAVAILABLE,
                  "via: the view does not answer: %s", node_view_text(attempt.use));
    return true;
}

/* At first, and again after each wait. */
static void go_on(struct call *call, struct read_work *work)
{
    enum node_view_use reason = NODE_VIEW_SERVES; /* none: the route has no view */
    if (work->plan->from_view != NULL && answer_from_view(call, work, &reason))
        return;
    if (!after_is_in_sql(call)) {
        after_wait(call, AFTER_SQL, woken, work);
        return;
    }
    if (reason != NODE_VIEW_SERVES) /* the counters stand in the order of the reasons */
        metrics_add((enum metric)(METRIC_PASSED_OFF + (reason - NODE_VIEW_OFF)), 1);
    work->start(call, work->start_arg);
}

static void woken(struct call *call, void *arg)
{
    struct read_work *work = arg;
    work->now_ms = clock_realtime_ms();
    go_on(call, work);
}

void read_work_begin(struct call *call, struct read_work *work, const struct call_job *job,
                     void *job_work, void (*start)(struct call *call, void *arg))
{
    call_own(call, job, job_work);
    work->start = start;
    work->start_arg = job_work;
    go_on(call, work);
}

static const struct call_job sql_job = {run, finish, read_work_free};

static void start_sql(struct call *call, void *work)
{
    call_run(call, &sql_job, work);
}

void read_work_start(struct call *call, struct read_work *work)
{
    read_work_begin(call, work, &sql_job, work, start_sql);
}

struct read_work *read_work_with_id(struct call *call, const struct read_plan *plan,
                                    enum problem bad_id)
{
    struct str id = call_capture(call, 0);
    if (!id_is_valid(id)) {
        reply_problem(call, bad_id, "an id is 1 to %d bytes of text without control characters",
                      ID_MAX_BYTES);
        return NULL;
    }
    struct read_work *work = read_work_new(call, plan);
    if (work != NULL)
        work->id = arena_copy(&work->arena, id);
    return work;
}

void read_work_start_with_id(struct call *call, const struct read_plan *plan, enum problem bad_id)
{
    struct read_work *work = read_work_with_id(call, plan, bad_id);
    if (work != NULL)
        read_work_start(call, work);
}
