/* Answers; see reply.h. */
#include "http/reply.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "http/access_log.h"
#include "http/call_state.h"
#include "http/metrics.h"
#include "http/request.h"
#include "http/routes.h"
#include "http/traffic.h"

#include <kore/kore.h>
#include <kore/http.h>

#include <stdio.h>
#include <time.h>

enum { RETRY_AFTER_S = 1, LOGGED_PER_SECOND = 20, DATE_SIZE = 40 };

/* "Sat, 21 Nov 2026 08:00:00 GMT", made once per second. */
static const char *http_date(void)
{
    static char text[DATE_SIZE];
    static time_t made_for;
    time_t now = (time_t)(clock_realtime_ms() / 1000);
    if (now != made_for) {
        struct tm tm;
        strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &tm));
        made_for = now;
    }
    return text;
}

/* A line per failed request, but not a flood of them while a server is down. */
static void log_failure(const struct call *call, int status, const char *detail)
{
    static int64_t second;
    static int logged, dropped;
    int64_t now_s = call->started_us / 1000000;
    if (now_s != second) {
        if (dropped > 0)
            log_warn("http", "%d more failed requests", dropped);
        second = now_s;
        logged = dropped = 0;
    }
    if (logged++ >= LOGGED_PER_SECOND) {
        dropped++;
        return;
    }
    access_log_write(call, LOG_LEVEL_WARN, detail, status, clock_monotonic_us() - call->started_us,
                     0);
}

static void set_headers(struct call *call, const char *media_type, const char *caching,
                        const char *headers)
{
    static struct buf block; /* reused by each answer */
    /* All lines as the value of one header: Kore copies name and value of each. */
    buf_clear(&block);
    buf_add_text(&block, media_type);
    buf_add_text(&block, "\r\ndate: ");
    buf_add_text(&block, http_date());
    buf_add_text(&block, "\r\ncache-control: ");
    buf_add_text(&block, caching);
    buf_add_text(&block, "\r\nx-request-id: ");
    buf_add_text(&block, call->request_id);
    buf_add_text(&block, "\r\n");
    rate_limits_headers(call, &block);
    if (call->served_by != NULL) {
        buf_add_text(&block, "tipster-served-by: ");
        buf_add_text(&block, call->served_by);
        buf_add_text(&block, "\r\n");
    }
    if (headers != NULL)
        buf_add_text(&block, headers);
    block.len -= 2; /* Kore ends the last line */
    http_response_header(call->req, "content-type", buf_cstr(&block));
}

static void note_replied(struct call *call, int status)
{
    call->replied = true;
    int64_t duration_us = clock_monotonic_us() - call->started_us;
    metrics_request(call->route->index, status, duration_us);
    traffic_request(call_company(call), call->route->index, status, duration_us);
    access_log_note(call, status, duration_us, call->answer_bytes);
}

static void send_reply(struct call *call, int status, const char *media_type, const char *caching,
                       struct str body, const char *headers)
{
    if (call_is_draining())
        reply_close_after(call);
    set_headers(call, media_type, caching, headers);
    http_response(call->req, status, body.data, body.len);
    call->answer_bytes = body.len;
    note_replied(call, status);
}

void reply_bytes(struct call *call, int status, const char *media_type, struct str body,
                 const char *headers)
{
    send_reply(call, status, media_type, "no-store", body, headers);
}

void reply_public(struct call *call, const char *media_type, struct str body, const char *headers)
{
    send_reply(call, 200, media_type, "no-cache", body, headers);
}

void reply_unchanged(struct call *call, const char *headers)
{
    call->req->flags |= HTTP_REQUEST_NO_CONTENT_LENGTH; /* it would be the length of the 200 */
    send_reply(call, 304, "text/plain", "no-cache", (struct str){0}, headers);
}

static bool is_chunked(const struct call *call)
{
    return !(call->req->flags & HTTP_VERSION_1_0);
}

void reply_stream_begin(struct call *call, const char *media_type)
{
    struct connection *connection = call->req->owner;
    call->req->flags |= HTTP_REQUEST_NO_CONTENT_LENGTH;
    set_headers(call, media_type, "no-store",
                is_chunked(call) ? "transfer-encoding: chunked\r\n" : NULL);
    /* The head says that the connection closes, and nothing more is read from it; it must not close
     * when the head alone has gone out. */
    reply_close_after(call);
    http_response(call->req, 200, NULL, 0);
    if (call->req->method == HTTP_METHOD_HEAD) {
        note_replied(call, 200);
        return;
    }
    connection->flags &= (u_int16_t)~CONN_CLOSE_EMPTY;
    call->streaming = true;
}

static void stream_bytes(struct call *call, const char *data, size_t len)
{
    net_send_queue(call->req->owner, data, len);
}

bool reply_stream_is_open(const struct call *call)
{
    return call->req->owner != NULL;
}

/* Also called when the connection ends; then nobody wants to know. */
static int on_piece_sent(struct netbuf *netbuf)
{
    const struct call *call = netbuf->extra;
    if (reply_stream_is_open(call) && netbuf->owner->state == CONN_STATE_ESTABLISHED)
        call->stream_sent(call->stream_arg);
    return KORE_RESULT_OK;
}

/* Behind the piece stands an empty one, which tells when its turn has come. */
static void mark_end_of_piece(struct call *call)
{
    static char nothing[1];
    struct netbuf *mark;
    net_send_stream(call->req->owner, nothing, 0, on_piece_sent, &mark);
    mark->extra = call;
}

void reply_stream_write(struct call *call, struct str piece, void (*sent)(void *arg), void *arg)
{
    char size[24];
    if (is_chunked(call) && piece.len > 0) /* none of 0 bytes: that is the end */
        stream_bytes(call, size, (size_t)snprintf(size, sizeof(size), "%zx\r\n", piece.len));
    stream_bytes(call, piece.data, piece.len);
    call->answer_bytes += piece.len;
    if (is_chunked(call) && piece.len > 0)
        stream_bytes(call, "\r\n", 2);
    call->stream_sent = sent;
    call->stream_arg = arg;
    if (sent != NULL)
        mark_end_of_piece(call);
    if (!net_send_flush(call->req->owner))
        kore_connection_disconnect(call->req->owner);
}

void reply_stream_end(struct call *call)
{
    if (is_chunked(call))
        stream_bytes(call, "0\r\n\r\n", 5);
    reply_close_after(call); /* once all has been sent; Kore does that when the handler returns */
    note_replied(call, 200);
}

void reply_stream_cut(struct call *call)
{
    struct netbuf *netbuf;
    TAILQ_FOREACH(netbuf, &call->req->owner->send_queue, list)
    netbuf->cb = NULL; /* it outlives the call */
    kore_connection_disconnect(call->req->owner);
    note_replied(call, 500);
}

void reply_json(struct call *call, int status, struct str body)
{
    reply_bytes(call, status, "application/json", body, NULL);
}

/* The older routes know one status for bad input. */
static int older_status(int status)
{
    return status == 413 || status == 415 || status == 422 ? 400 : status;
}

static const char *extra_headers(const struct call *call, int status, char *out, size_t size)
{
    switch (status) {
    case 401:
        return "www-authenticate: Bearer realm=\"tipster\"\r\n";
    case 405:
        snprintf(out, size, "allow: %s\r\n", call->route->allow);
        return out;
    case 429:
    case 503:
        snprintf(out, size, "retry-after: %lld\r\n",
                 (long long)(call->retry_after_s > 0 ? call->retry_after_s : RETRY_AFTER_S));
        return out;
    default:
        return NULL;
    }
}

static void reply_failure(struct call *call, enum problem problem, struct str detail,
                          const struct violations *violations)
{
    AUTO_BUF body = {0};
    char header[128];
    if (call->streaming) {
        reply_stream_cut(call);
        return;
    }
    bool older = call->route->generation == GENERATION_OLDER;
    const struct problem_text *text = problem_text(problem);
    int status = older ? older_status(text->status) : text->status;
    if (older)
        problem_json_older(problem, detail, violations, &body);
    else
        problem_json(problem, detail, str_of(call->request_id), violations, &body);
    if (status >= 500)
        log_failure(call, status, text->code);
    reply_bytes(call, status, older ? "application/json" : "application/problem+json",
                buf_str(&body), extra_headers(call, status, header, sizeof(header)));
}

void reply_problem(struct call *call, enum problem problem, const char *format, ...)
{
    char detail[512] = "";
    if (format != NULL) {
        va_list args;
        va_start(args, format);
        vsnprintf(detail, sizeof(detail), format, args);
        va_end(args);
    }
    reply_failure(call, problem, str_of(detail), NULL);
}

void reply_violations(struct call *call, enum problem problem, const struct violations *violations)
{
    char detail[256] = "";
    if (violations->total > 1)
        snprintf(detail, sizeof(detail), "%zu things are wrong%s", violations->total,
                 violations->total > violations->count ? "; the first of them are listed" : "");
    else if (violations->total == 1)
        snprintf(detail, sizeof(detail), "%s", violations->items[0].detail);
    reply_failure(call, problem, str_of(detail), violations);
}

void reply_error(struct call *call, int err)
{
    switch (err) {
    case TIP_ENOTFOUND:
        reply_problem(call, PROBLEM_NOT_FOUND, NULL);
        return;
    case TIP_EAMBIGUOUS:
        reply_problem(call, PROBLEM_AMBIGUOUS, NULL);
        return;
    case TIP_EUNAVAIL:
    case TIP_ERETRY:
        reply_problem(call, PROBLEM_UNAVAILABLE, NULL);
        return;
    case TIP_ETIMEOUT:
        reply_problem(call, PROBLEM_TOO_LATE, NULL);
        return;
    case TIP_EFULL:
        reply_problem(call, PROBLEM_OVERLOADED, NULL);
        return;
    default:
        log_error("http", "%s: %s", call->route->path, tip_err_text(err));
        reply_problem(call, PROBLEM_INTERNAL, NULL);
    }
}

void reply_close_after(struct call *call)
{
    call->req->owner->flags |= CONN_CLOSE_EMPTY;
}

static void own_error(int status, struct kore_buf *headers, struct kore_buf *body)
{
    if (status < 400)
        return;
    AUTO_BUF json = {0};
    char request_id[33];
    request_id_make(request_id);
    problem_json(problem_of_status(status), str_of(""), str_of(request_id), NULL, &json);
    kore_buf_append(body, json.data, json.len);
    kore_buf_appendf(headers,
                     "content-type: application/problem+json\r\ndate: %s\r\n"
                     "cache-control: no-store\r\nx-request-id: %s\r\n",
                     http_date(), request_id);
    if (status == 503)
        kore_buf_appendf(headers, "retry-after: %d\r\n", RETRY_AFTER_S);
    metrics_add(METRIC_SERVER_ERRORS, 1);
}

void reply_setup(void)
{
    http_error_hook = own_error;
}
