/*
 * Where Kore hands over: the one handler of all routes. It makes the call on a request's first
 * visit, goes on with it on later ones, and tells Kore whether the request is answered or sleeps.
 */
#include "http/call_state.h"

#include "base/err.h"
#include "http/auth.h"
#include "http/reply.h"
#include "http/request.h"
#include "http/routes.h"

#include <kore/kore.h>
#include <kore/http.h>

int tipster_http(struct http_request *req);

static void on_free(struct http_request *req)
{
    call_end(req->hdlr_extra);
    req->hdlr_extra = NULL;
}

/* Decodes the captured pieces of the path where they stand; decoding never makes them longer. */
static bool decode_captures(struct call *call)
{
    for (int i = 0; i < CALL_CAPTURES_MAX && call->captures[i].len > 0; i++) {
        struct str *piece = &call->captures[i];
        char *text = (char *)(uintptr_t)piece->data; /* in req->headers, which is ours to write */
        if (percent_decode(*piece, false, text, &piece->len) != 0) {
            reply_problem(call, PROBLEM_BAD_REQUEST, "the path has an escape that is none");
            return false;
        }
    }
    return true;
}

static struct call *first_visit(struct http_request *req)
{
    struct call *call = call_begin(req);
    req->hdlr_extra = call;
    req->onfree = on_free;
    req->flags |= HTTP_REQUEST_RETAIN_EXTRA; /* it is not Kore's to free */
    call->route = route_find(req, call->captures);
    if (request_check(call) && auth_check(call) && rate_limits_check(call) && decode_captures(call))
        call->route->handler(call);
    if (!call->replied && !call->waiting) {
        reply_error(call, TIP_EFATAL); /* a handler that did neither */
    }
    return call;
}

int tipster_http(struct http_request *req)
{
    struct call *call = req->hdlr_extra;
    if (call == NULL)
        call = first_visit(req);
    else
        call_resume(call);
    if (call->replied)
        return KORE_RESULT_OK;
    http_request_sleep(req);
    return KORE_RESULT_RETRY;
}
