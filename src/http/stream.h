/*
 * Long answers from the database: made piece by piece on threads of the pool and sent as fast as
 * the client reads. Between two pieces the request holds neither a thread nor a connection of the
 * database; at most one piece is in memory, besides what the kernel takes. A client that reads
 * nothing for STALL_TIMEOUT_MS is cut off. An error after the first piece cuts the answer off as
 * well: chunked, so the client sees that it is not whole.
 */
#ifndef TIPSTER_HTTP_STREAM_H
#define TIPSTER_HTTP_STREAM_H

#include "http/call.h"

struct stream_source {
    const char *media_type;
    /* On a thread: appends the next piece. 0: there is more; 1: this was the last one; an error of
     * the first piece is answered as one. */
    int (*next)(void *work, struct backend *backend, struct buf *piece);
    void (*release)(void *work);
};

/* Once per worker. */
void stream_setup(void);
/* The handler's last act; owns work from here on. */
void stream_run(struct call *call, const struct stream_source *source, void *work);

#endif
