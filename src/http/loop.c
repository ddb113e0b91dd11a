/* The worker's loop; see loop.h. */
#include "http/loop.h"

#include "base/clock.h"
#include "base/mem.h"
#include "http/metrics.h"
#include "http/send_ring.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <kore/kore.h>
#include <kore/http.h>

struct wakeup {
    struct kore_event event; /* first: Kore knows it by this address */
    int fd;
    void (*callback)(void *arg);
    void *arg;
};

struct sweeper {
    void (*callback)(void *arg, int64_t now_ms);
    void *arg;
};

enum { SWEEPERS_MAX = 8, WAKEUP_EVENT_TYPE = 100 };
static struct sweeper sweepers[SWEEPERS_MAX];
static int sweeper_count;

static void sweep(void *arg, u_int64_t now_ms)
{
    (void)arg;
    (void)now_ms; /* Kore's clock may be the real one */
    int64_t now = clock_monotonic_ms();
    for (int i = 0; i < sweeper_count; i++)
        sweepers[i].callback(sweepers[i].arg, now);
}

/* For Kore: the answers of a round, by one call. */
static size_t send_together(const int *fds, const struct iovec *parts, ssize_t *results,
                            size_t count)
{
    size_t sent = send_ring_send(fds, parts, results, count);
    metrics_add(METRIC_SENT_TOGETHER, (int64_t)sent);
    return sent;
}

void loop_start(void)
{
    if (send_ring_is_open())
        http_send_hook = send_together;
    kore_timer_add(sweep, LOOP_SWEEP_MS, NULL, 0);
}

void loop_sweep_add(void (*callback)(void *arg, int64_t now_ms), void *arg)
{
    if (sweeper_count == SWEEPERS_MAX)
        fatal("more than %d sweepers", SWEEPERS_MAX);
    sweepers[sweeper_count++] = (struct sweeper){callback, arg};
}

struct moment {
    void (*callback)(void *arg);
    void *arg;
};

static void on_moment(void *arg, u_int64_t now_ms)
{
    (void)now_ms;
    struct moment moment = *(struct moment *)arg;
    free(arg);
    moment.callback(moment.arg);
}

void loop_once(void (*callback)(void *arg), void *arg, int after_ms)
{
    struct moment *moment = xmalloc(sizeof(*moment));
    *moment = (struct moment){callback, arg};
    kore_timer_add(on_moment, (u_int64_t)after_ms, moment, KORE_TIMER_ONESHOT);
}

static void on_event(void *arg, int error)
{
    (void)error;
    struct wakeup *wakeup = arg;
    uint64_t count;
    wakeup->event.flags = 0;
    if (read(wakeup->fd, &count, sizeof(count)) == -1 && errno != EAGAIN)
        fatal("eventfd: %s", strerror(errno));
    wakeup->callback(wakeup->arg);
}

int loop_wakeup_new(void (*callback)(void *arg), void *arg)
{
    struct wakeup *wakeup = xcalloc(1, sizeof(*wakeup));
    wakeup->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (wakeup->fd == -1)
        fatal("eventfd: %s", strerror(errno));
    wakeup->callback = callback;
    wakeup->arg = arg;
    wakeup->event.type = WAKEUP_EVENT_TYPE;
    wakeup->event.handle = on_event;
    kore_platform_event_schedule(wakeup->fd, EPOLLIN, 0, wakeup);
    return wakeup->fd;
}

/* Takes what has connected already: it is served like those that are there. */
static void accept_waiting(struct listener *listener)
{
    struct connection *c;
    while (worker_active_connections < worker_max_connections &&
           kore_connection_accept(listener, &c) && c != NULL)
        kore_platform_event_all(c->fd, c);
}

void loop_stop_accepting(bool last)
{
    /* Kore has the listeners in its epoll set exactly while this worker holds the accept lock. */
    if (worker->has_lock)
        kore_platform_disable_accept();
    struct kore_server *server;
    LIST_FOREACH(server, &kore_servers, list)
    {
        struct listener *listener;
        LIST_FOREACH(listener, &server->listeners, list)
        {
            accept_waiting(listener);
            /* For the parent as well, which holds the socket until all workers have ended. */
            if (last)
                shutdown(listener->fd, SHUT_RDWR);
            close(listener->fd);
            listener->fd = -1;
        }
    }
}

int loop_clients(void)
{
    int count = 0;
    const struct connection *c;
    TAILQ_FOREACH(c, &connections, list)
    count += c->proto == CONN_PROTO_HTTP;
    return count;
}

void loop_turn(int timeout_ms)
{
    kore_platform_event_wait((u_int64_t)timeout_ms);
    kore_timer_run(kore_time_ms());
    http_process();
    kore_connection_prune(KORE_CONNECTION_PRUNE_DISCONNECT);
}
