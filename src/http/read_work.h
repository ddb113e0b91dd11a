/*
 * A read on its way: what a handler of a read route makes of its request, and what the node's view,
 * or else a thread of the database pool, turns into the body of the answer. Nothing in it belongs
 * to the connection. Works are used again: a request that the view answers allocates nothing.
 *
 * A request with Tipster-After waits until its path has come so far (after.h).
 *
 * Which path answers: the view, unless the route has none for it, the request asks for what the
 * view does not hold, or the view is not fit to be read (node_view.h); then SQL.
 */
#ifndef TIPSTER_HTTP_READ_WORK_H
#define TIPSTER_HTTP_READ_WORK_H

#include "http/call.h"
#include "http/problem.h"
#include "http/read_params.h"
#include "http/reader.h"

enum { LIMIT_DEFAULT = 100 };

struct read_work;
struct view_reader;

/* How a route reads. */
struct read_plan {
    unsigned allowed; /* parameters, a sum of enum read_param */
    enum generation generation;
    /* Both append the body. from_view runs on the loop, within one read of the view; TIP_EUNAVAIL:
     * SQL is to answer. NULL: the view has nothing of this. */
    int (*from_view)(struct view_reader *view, struct read_work *work);
    reader_query from_sql; /* gets the work as its second argument */
};

struct read_work {
    const struct read_plan *plan;
    struct arena arena; /* the slices of company, id and params */
    struct str company, id;
    bool include_started; /* as asked, or as set for the company */
    struct read_params params;
    int64_t now_ms;
    uint64_t random;
    struct buf body;                             /* what the plan writes: JSON */
    void (*start)(struct call *call, void *arg); /* SQL's part, when its turn has come */
    void *start_arg;
    struct read_work *next; /* among the unused */
};

/* Parses the parameters; NULL: they are wrong, and that is answered. */
struct read_work *read_work_new(struct call *call, const struct read_plan *plan);
/* Answers, or hands it to a thread, as the handler's last act; the answer is 200 with the body, or
 * the error. */
void read_work_start(struct call *call, struct read_work *work);
/* The same for a route with a job of its own: start(call, job_work) when SQL has come as far as the
 * request wants; until then job_work ends with the call, by job->release. */
void read_work_begin(struct call *call, struct read_work *work, const struct call_job *job,
                     void *job_work, void (*start)(struct call *call, void *arg));
/* One that was not started. */
void read_work_free(void *work);

/* Both for a route about one thing: an id that cannot be one is not there, or refused with
 * `bad_id`. */
void read_work_start_with_id(struct call *call, const struct read_plan *plan, enum problem bad_id);
/* The same without starting it; NULL: answered. */
struct read_work *read_work_with_id(struct call *call, const struct read_plan *plan,
                                    enum problem bad_id);

static inline int64_t param_or(int64_t value, int64_t fallback)
{
    return value == PARAM_ABSENT ? fallback : value;
}

#endif
