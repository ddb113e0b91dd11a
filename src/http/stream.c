/* Long answers; see stream.h. */
#include "http/stream.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "http/loop.h"
#include "http/metrics.h"
#include "http/reply.h"

#include <stdlib.h>

struct stream {
    struct call *call;
    const struct stream_source *source;
    void *work;
    struct buf piece;
    bool begun, is_last;
    bool sent;    /* the kernel has all of the last piece */
    bool stalled; /* among the stalled ones: not sent, or there is no thread for the next piece */
    int64_t stalled_at_ms;
    TAILQ_ENTRY(stream) list;
};

static TAILQ_HEAD(stream_list, stream) stalled = TAILQ_HEAD_INITIALIZER(stalled);

static int run(void *arg, struct backend *backend)
{
    struct stream *stream = arg;
    buf_clear(&stream->piece);
    int err = stream->source->next(stream->work, backend, &stream->piece);
    stream->is_last = err > 0;
    return err < 0 ? err : 0;
}

static void set_stalled(struct stream *stream, bool is_stalled)
{
    if (stream->stalled == is_stalled)
        return;
    stream->stalled = is_stalled;
    if (is_stalled) {
        stream->stalled_at_ms = clock_monotonic_ms();
        TAILQ_INSERT_TAIL(&stalled, stream, list);
    } else {
        TAILQ_REMOVE(&stalled, stream, list);
    }
}

static void release(void *arg)
{
    struct stream *stream = arg;
    set_stalled(stream, false);
    stream->source->release(stream->work);
    buf_release(&stream->piece);
    free(stream);
}

static void finish(struct call *call, void *arg, int err);

static const struct call_job job = {run, finish, release};

/* Makes the next piece when a thread is to be had. */
static void go_on(struct stream *stream)
{
    set_stalled(stream, !stream->sent || call_try_run(stream->call, &job, stream) != 0);
}

/* The last piece has gone out. */
static void on_sent(void *arg)
{
    struct stream *stream = arg;
    stream->sent = true;
    if (stream->stalled)
        go_on(stream);
}

static void finish(struct call *call, void *arg, int err)
{
    struct stream *stream = arg;
    if (err != 0) {
        reply_error(call, err); /* cuts off what has begun */
        return;
    }
    if (!stream->begun) {
        stream->begun = true;
        reply_stream_begin(call, stream->source->media_type);
        if (call_is_replied(call))
            return;
    }
    if (stream->is_last) {
        reply_stream_write(call, buf_str(&stream->piece), NULL, NULL);
        reply_stream_end(call);
        return;
    }
    stream->sent = false;
    reply_stream_write(call, buf_str(&stream->piece), on_sent, stream);
    go_on(stream);
}

static void sweep(void *arg, int64_t now_ms)
{
    struct stream *next;
    (void)arg;
    for (struct stream *stream = TAILQ_FIRST(&stalled); stream != NULL; stream = next) {
        next = TAILQ_NEXT(stream, list);
        if (!reply_stream_is_open(stream->call))
            continue; /* its request is about to be freed, and this with it */
        if (now_ms - stream->stalled_at_ms > call_config()->stall_timeout_ms) {
            metrics_add(METRIC_STREAMS_CUT, 1);
            set_stalled(stream, false);
            reply_stream_cut(stream->call); /* Kore frees the request, and that the call */
        } else {
            go_on(stream);
        }
    }
}

void stream_setup(void)
{
    loop_sweep_add(sweep, NULL);
}

void stream_run(struct call *call, const struct stream_source *source, void *work)
{
    struct stream *stream = xcalloc(1, sizeof(*stream));
    *stream = (struct stream){.call = call, .source = source, .work = work};
    call_run(call, &job, stream);
}
