/* The inside of a call: for dispatch, reply, call and after alone, not for handlers. */
#ifndef TIPSTER_HTTP_CALL_STATE_H
#define TIPSTER_HTTP_CALL_STATE_H

#include "http/after.h"
#include "http/auth.h"
#include "http/call.h"
#include "http/credentials.h"
#include "http/rate_limits.h"
#include "http/pool.h"
#include "http/position.h"

struct call {
    struct http_request *req; /* NULL once the client is gone or answered, and the request freed */
    const struct route *route;
    struct str captures[CALL_CAPTURES_MAX]; /* of the path; decoded */
    int64_t started_us, deadline_ms;        /* monotonic */
    int64_t now_ms;                         /* real */
    char request_id[CALL_REQUEST_ID_SIZE];
    struct credentials credentials;
    struct str forwarded_for; /* the last such header */
    struct str after;         /* Tipster-After; empty: none */
    struct caller caller;
    struct call_limit limit;
    int64_t retry_after_s; /* 0: as usual */
    size_t answer_bytes;   /* of the body, so far */
    struct query query;
    const char *served_by; /* NULL: neither path */
    bool replied, waiting, ready, late;
    bool streaming; /* an answer in pieces has begun: there can be no other */
    void (*stream_sent)(void *arg);
    void *stream_arg;

    /* A wait: for `pending` records, or for one job. */
    int pending, records, outcome;
    call_records_fn records_finish;
    const struct call_job *job;
    void *work;
    struct pool_job pool_job;

    /* Sleeping; NULL: not. */
    call_woken_fn woken;
    void *woken_arg;
    enum after_path after_path; /* what it sleeps for */

    TAILQ_ENTRY(call) list;   /* the waiting, the sleeping or the free ones */
    struct position position; /* of its records, or what a read waits for; last: see call_begin */
};

/* A new call for a request; it belongs to the request until that is freed. */
struct call *call_begin(struct http_request *req);
/* The request is being freed: by Kore, after the answer or when the client has left. */
void call_end(struct call *call);
/* Goes on with a call that was woken; true when it is answered. */
bool call_resume(struct call *call);
/* Whether answers close their connections. */
bool call_is_draining(void);

#endif
