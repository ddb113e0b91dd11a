/*
 * The node's view as one worker holds it: opened from VIEW_DIR/current to read, looked at by a
 * timer ten times a second beside the requests, opened anew when another one has taken its place. A
 * request only begins and ends; whatever is wrong with the view it gets a reason for SQL instead.
 *
 * The loop's, but for node_view_seen.
 */
#ifndef TIPSTER_HTTP_NODE_VIEW_H
#define TIPSTER_HTTP_NODE_VIEW_H

#include "base/buf.h"
#include "config/config.h"
#include "view/reader.h"

enum node_view_use {
    NODE_VIEW_SERVES,
#define STATE(id, word, text)  NODE_VIEW_##id,
#define REASON(id, word, text) NODE_VIEW_##id,
#include "http/view_reasons.def"
#undef STATE
#undef REASON
    NODE_VIEW_USES
};

/* In the parent, before the fork: what a worker may not be able to read. */
void node_view_configure(const struct config *config);
/* Once per worker, after loop_start; config must live on. worker_number: from 0. talks: this worker
 * logs for all of them. */
void node_view_setup(const struct config *config, int worker_number, bool talks);
/* Gives the reader's place back; for the end of a worker. */
void node_view_close(void);

/*
 * Begins a read of the view as it is now. Anything but NODE_VIEW_SERVES, one of the states, means
 * that SQL is to answer; then there is nothing to end.
 */
enum node_view_use node_view_begin(struct view_reader **ret_reader);
void node_view_end(void);
/* After TIP_EFATAL and the like from a question: this view is not to be asked for a while. */
void node_view_distrust(int err);

/* "there is none yet" and so on. */
const char *node_view_text(enum node_view_use use);
/* As the timer saw it last, one of the states; from any thread. */
enum node_view_use node_view_seen(void);
/* Now minus the heartbeat as the timer saw it last; -1: no view is open. */
int64_t node_view_behind_ms(void);

/* Appends what index says of itself in VIEW_DIR/metrics, if it does. */
void node_view_render(struct buf *out);

#endif
