/*
 * A small server over the patched Kore, or over one with a patch left out, for
 * test_kore_patches.py: each handler shows the one thing that a patch is about. Usage: probe_server
 * PORT WORKERS
 */
#include <kore/kore.h>
#include <kore/hooks.h>
#include <kore/http.h>
#include <kore/seccomp.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int probe_hello(struct http_request *req);
int probe_echo(struct http_request *req);
int probe_path(struct http_request *req);
int probe_busy(struct http_request *req);
int probe_nap(struct http_request *req);
int probe_header(struct http_request *req);
int probe_method(struct http_request *req);
int probe_send(struct http_request *req);
int probe_received(struct http_request *req);
int probe_unsent(struct http_request *req);
int probe_together(struct http_request *req);
int probe_reads(struct http_request *req);
int probe_writes(struct http_request *req);

enum {
    MESSAGE_ID = KORE_MSG_APP_BASE + 1,
    BUSY_MS = 3,
    NAP_MS = 2500,
    HEADER_MAX_BYTES = 4096,
    FIRST_BYTES = 10
};

static struct sock_filter allow_all[] = {KORE_BPF_RET(SECCOMP_RET_ALLOW)};
static int received, reads, writes;
static size_t most_together;

/* What this variant may lack: the test leaves the definition out with the patch. */
#ifdef WITH_ERROR_HOOK
static void error_body(int status, struct kore_buf *headers, struct kore_buf *body)
{
    kore_buf_appendf(headers, "content-type: application/json\r\n");
    kore_buf_appendf(body, "{\"status\":%d}", status);
}
#endif

#ifdef WITH_SEND_HOOK
static bool says(const struct iovec *part, const char *word)
{
    return memmem(part->iov_base, part->iov_len, word, strlen(word)) != NULL;
}

/* The first bytes of each; of an answer that says so, what a signal or a client that has left makes
 * of it; the last is left to Kore. */
static size_t send_beginnings(const int *fds, const struct iovec *parts, ssize_t *results,
                              size_t count)
{
    if (count > most_together)
        most_together = count;
    for (size_t i = 0; i + 1 < count; i++) {
        size_t bytes = parts[i].iov_len < FIRST_BYTES ? parts[i].iov_len : FIRST_BYTES;
        if (says(&parts[i], "interrupted"))
            results[i] = -EINTR;
        else if (says(&parts[i], "refused"))
            results[i] = -EPIPE;
        else if ((results[i] = send(fds[i], parts[i].iov_base, bytes, MSG_NOSIGNAL)) == -1)
            results[i] = -errno;
    }
    return count - 1;
}
#endif

void kore_seccomp_hook(void)
{
    kore_seccomp_filter("probe", allow_all, KORE_FILTER_LEN(allow_all));
}

static void route(struct kore_domain *domain, const char *path, const char *handler, int type)
{
    if (!kore_module_handler_new(domain, path, handler, NULL, type))
        fatal("no route %s", path);
}

void kore_parent_configure(int argc, char **argv)
{
    if (argc != 3)
        fatal("usage: probe_server PORT WORKERS");
    setvbuf(stdout, NULL, _IOLBF, 0);
    kore_foreground = kore_quiet = skip_chroot = skip_runas = 1;
    kore_pidfile = kore_strdup("kore.pid");
    worker_count = (u_int8_t)atoi(argv[2]);
    worker_accept_threshold = 1;
    http_body_max = 100000;
    http_header_max = HEADER_MAX_BYTES;
    http_body_timeout = 1;
    http_header_timeout = 2;
    http_hsts_enable = 0;
#ifdef WITH_ERROR_HOOK
    http_error_hook = error_body;
#endif
#ifdef WITH_SEND_HOOK
    http_send_hook = send_beginnings;
#endif
    struct kore_server *server = kore_server_create("probe");
    server->tls = 0;
    if (!kore_server_bind(server, "127.0.0.1", argv[1], NULL))
        fatal("cannot bind");
    struct kore_domain *any = kore_domain_new("any.test");
    kore_domain_attach(any, server);
    route(any, "*", "probe_path", HANDLER_TYPE_STATIC);
    struct kore_domain *domain = kore_domain_new("*");
    kore_domain_attach(domain, server);
    route(domain, "/hello", "probe_hello", HANDLER_TYPE_STATIC);
    route(domain, "/echo", "probe_echo", HANDLER_TYPE_STATIC);
    route(domain, "/busy", "probe_busy", HANDLER_TYPE_STATIC);
    route(domain, "/nap", "probe_nap", HANDLER_TYPE_STATIC);
    route(domain, "/header", "probe_header", HANDLER_TYPE_STATIC);
    route(domain, "/method", "probe_method", HANDLER_TYPE_STATIC);
    route(domain, "/send", "probe_send", HANDLER_TYPE_STATIC);
    route(domain, "/received", "probe_received", HANDLER_TYPE_STATIC);
    route(domain, "/unsent", "probe_unsent", HANDLER_TYPE_STATIC);
    route(domain, "/together", "probe_together", HANDLER_TYPE_STATIC);
    route(domain, "/reads", "probe_reads", HANDLER_TYPE_STATIC);
    route(domain, "/writes", "probe_writes", HANDLER_TYPE_STATIC);
}

static void on_message(struct kore_msg *message, const void *data)
{
    (void)message;
    (void)data;
    received++;
}

static void tick(void *arg, u_int64_t now)
{
    (void)arg;
    (void)now;
}

void kore_worker_configure(void)
{
    kore_msg_register(MESSAGE_ID, on_message);
    kore_timer_add(tick, 100, NULL, 0); /* Kore looks at its time limits only when it wakes up */
}

static int answer(struct http_request *req, const char *text, size_t len)
{
    http_response(req, 200, text, len);
    return KORE_RESULT_OK;
}

int probe_hello(struct http_request *req)
{
    return answer(req, "hello", 5);
}

int probe_echo(struct http_request *req)
{
    if (req->http_body == NULL)
        return answer(req, "", 0);
    return answer(req, (char *)req->http_body->data, req->content_length);
}

int probe_path(struct http_request *req)
{
    return answer(req, req->path, strlen(req->path));
}

int probe_busy(struct http_request *req)
{
    u_int64_t start = kore_time_ms();
    while (kore_time_ms() - start < BUSY_MS)
        ;
    return answer(req, "busy", 4);
}

static void wake(void *req, u_int64_t now)
{
    (void)now;
    http_request_wakeup(req);
}

int probe_nap(struct http_request *req)
{
    if (!http_state_exists(req)) {
        http_state_create(req, 8, NULL);
        kore_timer_add(wake, NAP_MS, req, KORE_TIMER_ONESHOT);
        http_request_sleep(req);
        return KORE_RESULT_RETRY;
    }
    return answer(req, "rested", 6);
}

/* Whether the header "x-probe" came through, and the worker's pid. */
int probe_header(struct http_request *req)
{
    const char *value;
    char text[128];
    bool there = http_request_header(req, "x-probe", &value);
    snprintf(text, sizeof(text), "%s %d", there ? "there" : "absent", (int)getpid());
    return answer(req, text, strlen(text));
}

int probe_method(struct http_request *req)
{
    const char *text = http_method_text(req->method);
    return answer(req, text, strlen(text));
}

int probe_send(struct http_request *req)
{
    kore_msg_send(KORE_MSG_WORKER_ALL, MESSAGE_ID, NULL, 0);
    return answer(req, "sent", 4);
}

int probe_received(struct http_request *req)
{
    char text[32];
    int len = snprintf(text, sizeof(text), "%d %d", (int)getpid(), received);
    return answer(req, text, (size_t)len);
}

/* How many connections have an answer that is made and not sent. */
int probe_unsent(struct http_request *req)
{
    int count = 0;
    char text[16];
    struct connection *connection;
    TAILQ_FOREACH(connection, &connections, list)
    count += connection->proto == CONN_PROTO_HTTP && !TAILQ_EMPTY(&connection->send_queue);
    return answer(req, text, (size_t)snprintf(text, sizeof(text), "%d", count));
}

static int answer_number(struct http_request *req, size_t number)
{
    char text[24];
    return answer(req, text, (size_t)snprintf(text, sizeof(text), "%zu", number));
}

/* The most answers that were to be sent by one call. */
int probe_together(struct http_request *req)
{
    return answer_number(req, most_together);
}

static int counting_read(struct connection *connection, size_t *bytes)
{
    reads++;
    return net_read(connection, bytes);
}

/* How often this connection was read since it asked the last time. */
int probe_reads(struct http_request *req)
{
    size_t counted = (size_t)reads;
    reads = 0;
    req->owner->read = counting_read;
    return answer_number(req, counted);
}

static int counting_write(struct connection *connection, size_t len, size_t *written)
{
    writes++;
    return net_write(connection, len, written);
}

/* How often this connection was written to since it asked the last time, that answer included. */
int probe_writes(struct http_request *req)
{
    size_t counted = (size_t)writes;
    writes = 0;
    req->owner->write = counting_write;
    return answer_number(req, counted);
}
