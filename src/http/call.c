/* Life and waits of a call; see call.h. */
#include "http/call.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/fault.h"
#include "base/mem.h"
#include "http/call_state.h"
#include "http/loop.h"
#include "http/metrics.h"
#include "http/reply.h"
#include "http/request.h"

#include <kore/kore.h>
#include <kore/http.h>

TAILQ_HEAD(call_list, call);

static struct call_list waiting =
    TAILQ_HEAD_INITIALIZER(waiting); /* by deadline: all have one limit */
static struct call_list sleeping = TAILQ_HEAD_INITIALIZER(sleeping);
static struct call_list unused = TAILQ_HEAD_INITIALIZER(unused);
static int waiting_count, unused_count;
static bool draining;
static const struct config *config;
static struct pool *database;

enum { UNUSED_MAX = 1024 };

static void stop_waiting(struct call *call)
{
    if (!call->waiting)
        return;
    TAILQ_REMOVE(call->woken != NULL ? &sleeping : &waiting, call, list);
    waiting_count--;
    call->waiting = false;
}

static void start_waiting(struct call *call)
{
    TAILQ_INSERT_TAIL(call->woken != NULL ? &sleeping : &waiting, call, list);
    waiting_count++;
    call->waiting = true;
}

static void end_wait(struct call *call, bool is_late)
{
    stop_waiting(call);
    call->late = is_late;
    call->ready = !is_late;
    http_request_wakeup(call->req);
}

static void sweep(void *arg, int64_t now_ms)
{
    (void)arg;
    struct call *call;
    /* The next look is a sweep away: what would be late by then is answered now. */
    while ((call = TAILQ_FIRST(&waiting)) != NULL && call->deadline_ms <= now_ms + LOOP_SWEEP_MS)
        end_wait(call, true);
    metrics_set(METRIC_POOL_WAITING, (int64_t)pool_waiting(database));
}

void call_setup(const struct config *settings, struct pool *pool)
{
    config = settings;
    database = pool;
    loop_sweep_add(sweep, NULL);
}

const struct config *call_config(void)
{
    return config;
}

struct call *call_begin(struct http_request *req)
{
    struct call *call = TAILQ_FIRST(&unused);
    if (call != NULL) {
        TAILQ_REMOVE(&unused, call, list);
        unused_count--;
        memset(call, 0, offsetof(struct call, position)); /* its places are many */
        call->position.count = 0;
    } else {
        call = xcalloc(1, sizeof(*call));
    }
    call->req = req;
    call->started_us = clock_monotonic_us();
    call->deadline_ms = call->started_us / 1000 + config->request_deadline_ms;
    call->now_ms = clock_realtime_ms();
    metrics_add(METRIC_IN_FLIGHT, 1);
    return call;
}

static void call_free(struct call *call)
{
    if (unused_count >= UNUSED_MAX) {
        free(call);
        return;
    }
    TAILQ_INSERT_HEAD(&unused, call, list);
    unused_count++;
}

static void release_work(struct call *call)
{
    if (call->work != NULL)
        call->job->release(call->work);
    call->work = NULL;
}

void call_end(struct call *call)
{
    metrics_add(METRIC_IN_FLIGHT, -1);
    if (!call->replied)
        metrics_add(METRIC_CLIENT_GONE, 1);
    stop_waiting(call);
    query_release(&call->query);
    call->req = NULL;
    if (call->pending == 0) {
        release_work(call);
        call_free(call);
    }
}

/* What the call waited for is there. */
static void completed(struct call *call)
{
    if (call->req == NULL) {
        release_work(call);
        call_free(call);
    } else if (call->waiting) {
        end_wait(call, false);
    }
}

static void answer_late(struct call *call)
{
    metrics_add(call->woken != NULL ? METRIC_AFTER_MISSED : METRIC_DEADLINE_MISSED, 1);
    if (draining)
        reply_problem(call, PROBLEM_SHUTTING_DOWN, NULL);
    else if (call->woken != NULL)
        reply_problem(call, PROBLEM_GATEWAY_TIMEOUT,
                      "Tipster-After: the write has not become visible within the time limit");
    else
        reply_problem(call, PROBLEM_TOO_LATE, NULL);
}

static void wake(struct call *call)
{
    call_woken_fn woken = call->woken;
    call->woken = NULL;
    /* What it waits for next has its whole time: deadlines stay in their order. */
    call->deadline_ms = clock_monotonic_ms() + config->request_deadline_ms;
    woken(call, call->woken_arg);
}

bool call_resume(struct call *call)
{
    if (call->late) {
        answer_late(call);
    } else if (call->ready) {
        call->ready = false;
        if (call->woken != NULL)
            wake(call);
        else if (call->job != NULL)
            call->job->finish(call, call->work, call->outcome);
        else
            call->records_finish(call, call->outcome);
    }
    return call->replied;
}

static void job_run(struct pool_job *pool_job, void *thread_context)
{
    struct call *call = (struct call *)(void *)((char *)pool_job - offsetof(struct call, pool_job));
    call->outcome = call->job->run(call->work, thread_context);
}

static void job_done(struct pool_job *pool_job)
{
    struct call *call = (struct call *)(void *)((char *)pool_job - offsetof(struct call, pool_job));
    call->pending = 0;
    completed(call);
}

void call_sleep(struct call *call, call_woken_fn woken, void *arg)
{
    call->woken = woken;
    call->woken_arg = arg;
    start_waiting(call);
}

int call_judge_sleeping(enum call_fate (*judge)(const struct call *call, int64_t now_ms),
                        int64_t now_ms)
{
    int left = 0;
    struct call *next;
    for (struct call *call = TAILQ_FIRST(&sleeping); call != NULL; call = next) {
        next = TAILQ_NEXT(call, list);
        enum call_fate fate = judge(call, now_ms);
        if (fate == CALL_SLEEPS_ON)
            left++;
        else
            end_wait(call, fate == CALL_IS_LATE);
    }
    return left;
}

void call_own(struct call *call, const struct call_job *job, void *work)
{
    call->job = job;
    call->work = work;
}

void call_run(struct call *call, const struct call_job *job, void *work)
{
    call_run_on(call, database, job, work);
}

static int submit(struct call *call, struct pool *pool, const struct call_job *job, void *work)
{
    call_own(call, job, work);
    call->pool_job = (struct pool_job){.run = job_run, .done = job_done};
    int err = pool_submit(pool, &call->pool_job);
    if (err != 0) {
        metrics_add(METRIC_POOL_FULL, 1);
        return err;
    }
    call->pending = 1;
    start_waiting(call);
    return 0;
}

void call_run_on(struct call *call, struct pool *pool, const struct call_job *job, void *work)
{
    if (submit(call, pool, job, work) == 0)
        return;
    reply_problem(call, PROBLEM_OVERLOADED, NULL);
    release_work(call);
}

int call_try_run(struct call *call, const struct call_job *job, void *work)
{
    /* Each run has the whole time: the list of those that wait stays in the order of deadlines. */
    call->deadline_ms = clock_monotonic_ms() + config->request_deadline_ms;
    return submit(call, database, job, work);
}

void call_expect(struct call *call)
{
    call->pending++;
    call->records++;
}

int call_record_count(const struct call *call)
{
    return call->records;
}

void call_delivered(struct call *call, int err, enum record_kind kind, int32_t partition,
                    int64_t offset)
{
    if (err == 0) {
        position_add(&call->position, kind, partition, offset);
    } else {
        call->outcome = err;
        metrics_add(METRIC_KAFKA_FAILED, 1);
    }
    if (--call->pending == 0)
        completed(call);
}

void call_await_records(struct call *call, call_records_fn finish)
{
    call->records_finish = finish;
    if (fault_sabotaged("early-ack"))
        finish(call, 0);
    else if (call->pending == 0)
        finish(call, call->outcome);
    else
        start_waiting(call);
}

const struct position *call_position(const struct call *call)
{
    return &call->position;
}

void call_served_by(struct call *call, const char *path)
{
    call->served_by = path;
}

bool call_is_replied(const struct call *call)
{
    return call->replied;
}

int call_waiting(void)
{
    return waiting_count;
}

void call_drain(void)
{
    draining = true;
}

bool call_is_draining(void)
{
    return draining;
}

void call_abandon_all(void)
{
    sweep(NULL, INT64_MAX - LOOP_SWEEP_MS);
    while (!TAILQ_EMPTY(&sleeping))
        end_wait(TAILQ_FIRST(&sleeping), true);
}
