/*
 * An HTTP/1.1 client that keeps several connections to one server busy at once (libcurl's multi
 * interface; the only place that includes it). One thread: callbacks run inside http_client_run.
 * It sends what it is given once; whether to send again is the caller's decision.
 */
#ifndef TIPSTER_CLI_HTTP_CLIENT_H
#define TIPSTER_CLI_HTTP_CLIENT_H

#include "base/buf.h"

#include <stdint.h>

struct http_client;

/* An answer, or that there was none. Valid inside the callback only. */
struct http_reply {
    long status;         /* 0: no answer came */
    struct str body;     /* cut at 16 MiB */
    const char *failure; /* why none came; NULL when status is set */
    int64_t latency_us;
    int64_t retry_after_ms; /* 0: the server did not say */
};

typedef void http_done(void *context, const struct http_reply *reply);

/*
 * base_url: "http://host:port", without a path; connections: requests under way at once, 1 or more.
 * Nothing is sent yet. TIP_EINVAL: not such a URL.
 */
int http_client_open(const char *base_url, int connections, struct http_client **ret_client);
/* Every request brings this API key from here on; "": none. Before the first one. */
void http_client_set_key(struct http_client *client, const char *key);
/* Requests under way are dropped without a callback. NULL is fine. */
void http_client_close(struct http_client *client);

/* Requests that can be started now. */
int http_client_room(const struct http_client *client);
/* Requests under way. */
int http_client_busy(const struct http_client *client);

/*
 * Starts a request; there must be room. body must stay as it is until done was called; a body with
 * data NULL makes it a GET. path begins with '/'.
 */
void http_client_start(struct http_client *client, const char *path, const char *content_type,
                       struct str body, http_done *done, void *context);
/*
 * One GET and its answer, waited for. TIP_EUNAVAIL: none came, and body is why not. body is cleared
 * first.
 */
int http_client_get(struct http_client *client, const char *path, long *ret_status,
                    struct buf *body);
/* Does what can be done and waits up to wait_ms for the network when nothing can. */
void http_client_run(struct http_client *client, int wait_ms);

/* Of libcurl: "7.88.1". */
const char *http_library_version(void);

/* Appends text with everything but unreserved characters percent-encoded (RFC 3986). */
void http_escape(struct str text, struct buf *out);

#endif
