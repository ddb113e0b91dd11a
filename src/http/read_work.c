/* Reads on their way; see read_work.h. */
#include "http/read_work.h"

#include "base/err.h"
#include "base/mem.h"
#include "http/directory.h"
#include "http/reply.h"

#include <stdlib.h>

static int run_query(struct reader *reader, void *arg)
{
    struct read_work *work = arg;
    buf_clear(&work->body); /* of an attempt that failed half-way */
    return work->query(reader, work);
}

/* The thread's part: again when the connection was lost. */
static int run(void *arg, struct backend *backend)
{
    return reader_run(backend, run_query, arg);
}

static void finish(struct call *call, void *arg, int err)
{
    const struct read_work *work = arg;
    if (err == 0)
        reply_json_served_by(call, 200, buf_str(&work->body), "sql");
    else if (err == TIP_ENOTFOUND)
        reply_problem(call, PROBLEM_NOT_FOUND, NULL);
    else if (err == TIP_EAMBIGUOUS)
        reply_problem(call, PROBLEM_AMBIGUOUS,
                      "several users have a coupon of this id: say whose with ?user_id=");
    else
        reply_error(call, err);
}

void read_work_free(void *arg)
{
    struct read_work *work = arg;
    buf_release(&work->body);
    arena_release(&work->arena);
    free(work);
}

struct read_work *read_work_new(struct call *call, unsigned allowed, enum generation generation,
                                reader_query query)
{
    static struct violations violations; /* too large for a stack; the loop has one thread */
    const struct query *params = call_query(call);
    if (params == NULL)
        return NULL;
    struct read_work *work = xcalloc(1, sizeof(*work));
    violations_clear(&violations);
    if (read_params_parse(params, allowed, generation, &work->arena, &work->params, &violations) !=
        0) {
        reply_violations(call, PROBLEM_BAD_PARAMETER, &violations);
        read_work_free(work);
        return NULL;
    }
    work->query = query;
    struct directory_company row;
    work->company = arena_copy(&work->arena, call_company(call));
    work->include_started = call_company_row(call, &row) == 0 && row.include_started;
    work->now_ms = call_now_ms(call);
    return work;
}

void read_work_start(struct call *call, struct read_work *work)
{
    static const struct call_job job = {run, finish, read_work_free};
    call_run(call, &job, work);
}

struct read_work *read_work_with_id(struct call *call, unsigned allowed, reader_query query,
                                    enum problem bad_id)
{
    struct str id = call_capture(call, 0);
    if (!id_is_valid(id)) {
        reply_problem(call, bad_id, "an id is 1 to %d bytes of text without control characters",
                      ID_MAX_BYTES);
        return NULL;
    }
    struct read_work *work = read_work_new(call, allowed, GENERATION_V1, query);
    if (work != NULL)
        work->id = arena_copy(&work->arena, id);
    return work;
}

void read_work_start_with_id(struct call *call, unsigned allowed, reader_query query,
                             enum problem bad_id)
{
    struct read_work *work = read_work_with_id(call, allowed, query, bad_id);
    if (work != NULL)
        read_work_start(call, work);
}
