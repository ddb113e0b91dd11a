/* Reads on their way; see read_work.h. */
#include "http/read_work.h"

#include "base/err.h"
#include "base/mem.h"
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
    else if (err == TIP_ENOTFOUND)
        reply_problem(call, PROBLEM_NOT_FOUND, NULL);
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
    if (params == NULL)
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

/* Asks the view. NODE_VIEW_SERVES: it has answered, *ret_err is 0 or TIP_ENOTFOUND. */
static enum node_view_use ask_view(struct read_work *work, int *ret_err)
{
    struct view_reader *view;
    if (work->params.via == VIA_SQL)
        return NODE_VIEW_ASKED;
    if (work->include_started)
        return NODE_VIEW_STARTED;
    enum node_view_use use = node_view_begin(&view);
    if (use != NODE_VIEW_SERVES)
        return use;
    buf_clear(&work->body);
    int err = work->plan->from_view(view, work);
    node_view_end();
    if (err == TIP_EUNAVAIL)
        return NODE_VIEW_NOT_HELD;
    if (err != 0 && err != TIP_ENOTFOUND) {
        node_view_distrust(err);
        return NODE_VIEW_DAMAGED;
    }
    *ret_err = err;
    return NODE_VIEW_SERVES;
}

/* False: SQL is to answer. */
static bool answer_from_view(struct call *call, struct read_work *work)
{
    int err = 0;
    enum node_view_use use = ask_view(work, &err);
    if (use == NODE_VIEW_SERVES) {
        metrics_add(METRIC_READS_VIEW, 1);
        call_served_by(call, "view");
        answer(call, work, err);
        return true;
    }
    /* The counters stand in the order of the reasons. */
    metrics_add((enum metric)(METRIC_PASSED_OFF + (use - NODE_VIEW_OFF)), 1);
    if (work->params.via != VIA_VIEW)
        return false;
    reply_problem(call, use == NODE_VIEW_STARTED ? PROBLEM_BAD_PARAMETER : PROBLEM_UNAVAILABLE,
                  "via: the view does not answer: %s", node_view_text(use));
    return true;
}

void read_work_start(struct call *call, struct read_work *work)
{
    static const struct call_job job = {run, finish, read_work_free};
    call_own(call, &job, work);
    if (work->plan->from_view == NULL || !answer_from_view(call, work))
        call_run(call, &job, work);
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
