/*
 * One view from its first record on, or from where it was left: a thread that fills it (when it is
 * new), catches up, then follows the topics until it is told to end. Several can run at once, each
 * with its own folder: a new view is made beside the one that serves.
 */
#ifndef TIPSTER_VIEW_LIFE_H
#define TIPSTER_VIEW_LIFE_H

#include "config/config.h"
#include "view/bootstrap.h"
#include "view/follow.h"

struct life;

enum life_phase {
    LIFE_OPENING,
    LIFE_LOADING,     /* reads the tables */
    LIFE_CATCHING_UP, /* follows the topics to where the tables were when they had been read */
    LIFE_SERVING,     /* may be read; follows the topics */
    LIFE_ENDED,
};

struct life_options {
    const struct config *config;
    uint32_t shard, shards; /* shards 0: all users */
    const char *path;       /* its folder; copied */
    bool is_new;            /* empty: fill it */
};

struct life *life_start(const struct life_options *options);

struct life_status {
    enum life_phase phase;
    uint64_t events, users, coupons, coupons_total; /* LIFE_LOADING: so far, and the estimate */
    int64_t left;                                   /* LIFE_CATCHING_UP: records */
    int64_t lag;
    int64_t heartbeat_ms; /* real time; 0: none yet */
    bool is_cut_off;
    struct follow_counters counters;
    struct view_size size;
};
/* From any thread. */
struct life_status life_status(struct life *life);
const char *life_path(const struct life *life);

/* Whether its offsets are of these topics; true while that is not known. From any thread. */
bool life_is_of(struct life *life, const struct topic_identity *identity);

/*
 * Ends it and frees it. retire: also says in the view that another one has taken its place. Returns
 * the error that had ended it before, or 0, with ret_problem.
 */
int life_end(struct life *life, bool retire, struct buf *ret_problem);

#endif
