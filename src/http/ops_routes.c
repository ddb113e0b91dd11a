/* Operations: /hello, /healthz, /readyz…, /metrics, and what answers when no route does. */
#include "http/health.h"
#include "http/routes.h"

#include "base/err.h"
#include "base/mem.h"
#include "http/backend.h"
#include "http/backlog.h"
#include "http/directory.h"
#include "http/ingest_watch.h"
#include "http/metrics.h"
#include "http/node_view.h"
#include "http/reply.h"
#include "http/servers.h"
#include "http/traffic.h"

#include <stdlib.h>

/* What a check is needed for. */
enum need { NEED_READ = 1, NEED_WRITE = 2 };

/* 0 when it works, >0 when there is to be none; otherwise ret_problem says why not. */
typedef int (*check_fn)(struct backend *backend, struct buf *ret_problem);

static int check_database(struct backend *backend, struct buf *ret_problem)
{
    struct db *db;
    int err = servers_check_schema(backend, ret_problem);
    if (err != 0)
        return err;
    err = backend_db(backend, &db);
    if (err == 0)
        err = db_ping(db);
    if (err != 0)
        buf_add_text(ret_problem, "the database does not answer");
    return err;
}

static int check_company(struct backend *backend, struct buf *ret_problem)
{
    struct directory_company row;
    struct str id = str_of(backend_config(backend)->anonymous_company);
    int err = directory_company(id, &row);
    if (id.len == 0) /* without one it is enough that the companies were read */
        err = err == TIP_ENOTFOUND ? 0 : err;
    if (err != 0)
        directory_problem(id, err, ret_problem);
    return err;
}

static int check_kafka(struct backend *backend, struct buf *ret_problem)
{
    const struct config *config = backend_config(backend);
    /* All checks of a request have its deadline together. */
    return servers_check_topics((int)(config->request_deadline_ms / 3), ret_problem);
}

static int check_backlog(struct backend *backend, struct buf *ret_problem)
{
    (void)backend;
    if (!backlog_is_expiring())
        return 0;
    buf_add_text(ret_problem, "ingest is too far behind");
    return TIP_EUNAVAIL;
}

static int check_view(struct backend *backend, struct buf *ret_problem)
{
    (void)backend;
    enum node_view_use seen = node_view_seen();
    if (seen == NODE_VIEW_SERVES)
        return 0;
    if (seen == NODE_VIEW_OFF)
        return 1;
    buf_addf(ret_problem, "the view does not answer: %s", node_view_text(seen));
    return TIP_EUNAVAIL;
}

/* Of what is needed for reads one suffices; of what is needed for writes nothing may be missing. */
static const struct {
    const char *name;
    int needed_for;
    check_fn check;
} checks[] = {
    {"view", NEED_READ, check_view},        {"database", NEED_READ, check_database},
    {"company", NEED_WRITE, check_company}, {"kafka", NEED_WRITE, check_kafka},
    {"backlog", NEED_WRITE, check_backlog},
};
enum { CHECKS = sizeof(checks) / sizeof(checks[0]) };

static struct pool *check_pool;

void health_setup(struct pool *pool)
{
    check_pool = pool;
}

struct readiness {
    int needs;
    bool failed;
    struct buf json;
};

static int readiness_run(void *work, struct backend *backend)
{
    struct readiness *readiness = work;
    AUTO_BUF parts = {0};
    bool readable = !(readiness->needs & NEED_READ), writable = true;
    for (int i = 0; i < CHECKS; i++) {
        if (!(checks[i].needed_for & readiness->needs))
            continue;
        AUTO_BUF problem = {0};
        int err = checks[i].check(backend, &problem);
        if (err > 0)
            continue;
        if (checks[i].needed_for == NEED_READ)
            readable |= err == 0;
        else
            writable &= err == 0;
        buf_addf(&parts, ",\"%s\":", checks[i].name);
        buf_add_json(&parts, err == 0 ? str_of("ok") : buf_str(&problem));
    }
    readiness->failed = !readable || !writable;
    buf_addf(&readiness->json, "{\"ready\":%s", readiness->failed ? "false" : "true");
    buf_add_str(&readiness->json, buf_str(&parts));
    buf_add_char(&readiness->json, '}');
    return 0;
}

static void readiness_finish(struct call *call, void *work, int err)
{
    (void)err;
    struct readiness *readiness = work;
    reply_json(call, readiness->failed ? 503 : 200, buf_str(&readiness->json));
}

static void readiness_release(void *work)
{
    struct readiness *readiness = work;
    buf_release(&readiness->json);
    free(readiness);
}

static void answer_readiness(struct call *call, int needs)
{
    static const struct call_job job = {readiness_run, readiness_finish, readiness_release};
    struct readiness *readiness = xcalloc(1, sizeof(*readiness));
    readiness->needs = needs;
    call_run_on(call, check_pool, &job, readiness);
}

void readyz_get(struct call *call)
{
    answer_readiness(call, NEED_READ | NEED_WRITE);
}

void readyz_read_get(struct call *call)
{
    answer_readiness(call, NEED_READ);
}

void readyz_write_get(struct call *call)
{
    answer_readiness(call, NEED_WRITE);
}

void hello_get(struct call *call)
{
    reply_bytes(call, 200, "text/plain; charset=utf-8", str_of("Hello World"), NULL);
}

void healthz_get(struct call *call)
{
    reply_json(call, 200, str_of("{\"status\":\"ok\"}"));
}

void metrics_get_all(struct call *call)
{
    AUTO_BUF text = {0};
    metrics_render(&text);
    traffic_render(&text);
    directory_render(&text);
    backlog_render(&text);
    ingest_watch_render(&text);
    node_view_render(&text);
    reply_bytes(call, 200, "text/plain; version=0.0.4; charset=utf-8", buf_str(&text), NULL);
}

void not_found(struct call *call)
{
    reply_problem(call, PROBLEM_NOT_FOUND, "there is no such path");
}

void method_not_allowed(struct call *call)
{
    reply_problem(call, PROBLEM_METHOD_NOT_ALLOWED, NULL);
}
