/*
 * Answers. Each call gets exactly one. All of them carry X-Request-Id, Date and Cache-Control
 * (no-store, but for what is public), and Tipster-Served-By where call_served_by said so; errors
 * have the form of the route's generation (problem+json, or {"error": …} on the older routes).
 */
#ifndef TIPSTER_HTTP_REPLY_H
#define TIPSTER_HTTP_REPLY_H

#include "base/buf.h"
#include "http/call.h"
#include "http/problem.h"

/* headers: more header lines, each ended by \r\n, or NULL. The bytes are copied. */
void reply_bytes(struct call *call, int status, const char *media_type, struct str body,
                 const char *headers);
void reply_json(struct call *call, int status, struct str body);

/* What is the same for everyone and may be kept as long as it is asked for again (Cache-Control:
 * no-cache); headers as above, with an ETag. */
void reply_public(struct call *call, const char *media_type, struct str body, const char *headers);
/* 304: what the client has is what there is. */
void reply_unchanged(struct call *call, const char *headers);

/* An error; format may be NULL: the problem's own title. 503 carries Retry-After, 401
 * WWW-Authenticate. */
void reply_problem(struct call *call, enum problem problem, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same, with all that is wrong with the input. */
void reply_violations(struct call *call, enum problem problem, const struct violations *violations);
/* For an err that a handler has no better answer for: not available, too late, overloaded, or a
 * defect. */
void reply_error(struct call *call, int err);
/*
 * An answer in pieces, its length not known beforehand: chunked (on HTTP/1.0 up to the end of the
 * connection, which closes after it on both). Begin, write any number of times, end. Cut instead of
 * end closes at once: the client sees that it is not whole. HEAD ends with begin.
 */
void reply_stream_begin(struct call *call, const char *media_type);
/* sent(arg), unless it is NULL, once all of it has been handed to the kernel: within this call, or
 * later from the loop. Not again before that. */
void reply_stream_write(struct call *call, struct str piece, void (*sent)(void *arg), void *arg);
/* Whether the connection is still there; outside of a handler it may have gone a moment ago. */
bool reply_stream_is_open(const struct call *call);
void reply_stream_end(struct call *call);
void reply_stream_cut(struct call *call);

/* The next reply closes the connection: bytes may follow that nobody should read. */
void reply_close_after(struct call *call);

/* Kore's own errors get a body of the same form. Once, before the fork. */
void reply_setup(void);

#endif
