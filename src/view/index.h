/*
 * The index process: keeps the view of VIEW_DIR. It goes on with the one that is there when that is
 * whole, of this run of the machine, of this layout and of these topics; else, or when told to, it
 * makes a new one beside it and puts it in its place when it has caught up. One per folder.
 */
#ifndef TIPSTER_VIEW_INDEX_H
#define TIPSTER_VIEW_INDEX_H

#include "config/config.h"

#include <stdbool.h>

/* How a build goes on, for people. Called from the thread that runs index_run. */
struct index_display {
    void *ctx;
    /* what: "coupons", "records to catch up with"; total 0: not known */
    void (*progress)(void *ctx, const char *what, uint64_t done, uint64_t total);
    void (*end)(void *ctx);
};

struct index_options {
    uint32_t shard, shards; /* shards 0: all users */
    bool rebuild;           /* make a new one even though the one there is good */
    struct index_display display;
};

/*
 * Runs until *stop becomes true (set by a signal handler); *rebuild set to true asks for a new view
 * and is cleared. 0; TIP_EFENCED: another process keeps this folder; TIP_EIO: the folder cannot be
 * used; logged.
 */
int index_run(const struct config *config, const struct index_options *options, volatile bool *stop,
              volatile bool *rebuild);

#endif
