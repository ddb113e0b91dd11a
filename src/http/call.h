/*
 * A request from its first look to its answer: what handlers are written against.
 *
 * Writing a handler
 *   void popular_get(struct call *call)
 * 1. Add a line to routes.def (scope, method, path with {captures}, handler) and declare nothing:
 * the table does. HEAD comes with GET; 404, 405, requests that are malformed and callers who may
 * not do this never reach a handler.
 * 2. Read what was asked: call_capture(call, 0) is the first {…} of the path, percent-decoded;
 *    call_query(call) the parameters, or NULL when they are malformed and answered so:
 *        const struct query *query = call_query(call);
 *        if (query == NULL)
 *            return;
 *    call_body does the same for bodies. All slices belong to the request: they are gone
 *    when the client is. What a job needs is copied into its work.
 * 3. Answer with exactly one of reply.h's functions, or wait first. Nothing here may block.
 *
 * Waiting for the database (a call_job): the handler allocates its work, fills in what run needs,
 * and calls call_run(call, &job, work) as its last act.
 * - static int run(void *work, struct backend *backend): the queries, on a thread; err.h's codes
 * - static void finish(struct call *call, void *work, int err): one reply, on the loop
 * - static void release(void *work): frees it, on the loop; always called
 * - static const struct call_job job = {run, finish, release};
 *
 * A full pool is answered 503 by call_run itself; a call whose time is over, by the sweep; then,
 * and when the client leaves, finish is not called, and release is once run has returned. run must
 * not touch the call. A negative err that finish has no answer for goes to reply_error(call, err).
 *
 * Waiting for what Tipster-After names comes with read_work.h's plans.
 *
 * Waiting for Kafka is writer.h's matter (call_expect, call_delivered).
 */
#ifndef TIPSTER_HTTP_CALL_H
#define TIPSTER_HTTP_CALL_H

#include "base/buf.h"
#include "config/config.h"
#include "domain/record.h"
#include "http/query.h"

#include <stdint.h>
#include <sys/queue.h>

struct backend;
struct call;
struct directory_company;
struct http_request;
struct pool;
struct position;
struct route;

enum { CALL_CAPTURES_MAX = 2, CALL_REQUEST_ID_SIZE = 65 };

struct call_job {
    int (*run)(void *work, struct backend *backend);
    void (*finish)(struct call *call, void *work, int err);
    void (*release)(void *work);
};

/* The end of a wait for records: err is 0 or the worst of their errors. */
typedef void (*call_records_fn)(struct call *call, int err);

/* What call_run needs: the loop's pool of database threads. Once per worker. */
void call_setup(const struct config *config, struct pool *database);

const struct config *call_config(void);
/* The clock of this request, milliseconds since 1970 UTC. */
int64_t call_now_ms(const struct call *call);
/* On whose behalf: every read and write is of this company alone. */
struct str call_company(const struct call *call);
/* What is set for the company; errors as directory_company. */
int call_company_row(const struct call *call, struct directory_company *ret_company);
/* The id of its key, for logs; "" for a call without one. */
const char *call_key_id(const struct call *call);
/* "X-Request-Id": the client's, or made here. */
struct str call_request_id(const struct call *call);
/* The n-th {capture} of the path, from 0. */
struct str call_capture(const struct call *call, size_t index);
/* The parameters; NULL: they were malformed, and that is answered. */
const struct query *call_query(struct call *call);

enum body_type { BODY_NONE = 0, BODY_JSON = 1, BODY_NDJSON = 2 };
/*
 * The body, when its media type is one of `accepted` (BODY_JSON | BODY_NDJSON). BODY_NONE: it is
 * not, or there is none, and that is answered.
 */
enum body_type call_body(struct call *call, int accepted, struct str *ret_body);

/* The call owns work from here on: it ends with the call, by job->release, whether it is run or
 * not. For who answers at once, or waits first. */
void call_own(struct call *call, const struct call_job *job, void *work);
/* Hands work to a thread of the database pool; see above. Owns work from here on. */
void call_run(struct call *call, const struct call_job *job, void *work);
/* The same on another pool. */
void call_run_on(struct call *call, struct pool *pool, const struct call_job *job, void *work);

/* The same, and again with the same work after it has finished. TIP_EFULL: the pool is; then
 * nothing was done, and finish is not called. */
int call_try_run(struct call *call, const struct call_job *job, void *work);

/* Says that one more record of this call is with Kafka; call_delivered follows for each. */
void call_expect(struct call *call);
/* A record's fate: err 0 with its place, or TIP_EUNAVAIL. The call may be gone after it. */
void call_delivered(struct call *call, int err, enum record_kind kind, int32_t partition,
                    int64_t offset);
/* The handler's last act after call_expect: finish follows when all are delivered. */
void call_await_records(struct call *call, call_records_fn finish);
/* Records of this call so far. */
int call_record_count(const struct call *call);
/* Where they stand, for Tipster-Position. */
const struct position *call_position(const struct call *call);

/* Sleeping until somebody says so (after.h): woken is then the call's new handler. */
typedef void (*call_woken_fn)(struct call *call, void *arg);
void call_sleep(struct call *call, call_woken_fn woken, void *arg);
enum call_fate { CALL_SLEEPS_ON, CALL_WAKES, CALL_IS_LATE };
/* Decides about each that sleeps; late ones are answered 504. Returns how many sleep on. */
int call_judge_sleeping(enum call_fate (*judge)(const struct call *call, int64_t now_ms),
                        int64_t now_ms);

/* Which path answers: "view" or "sql", for the answer's Tipster-Served-By. */
void call_served_by(struct call *call, const char *path);

/* Whether the answer is complete, as far as the handler is concerned. */
bool call_is_replied(const struct call *call);

/* Calls that wait for something, the sleeping ones too. */
int call_waiting(void);
/* From now on each answer closes its connection. */
void call_drain(void);
/* Answers all that still wait with 503. */
void call_abandon_all(void);

#endif
