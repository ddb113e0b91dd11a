/*
 * What a pool thread reads with: its database connection for the one request at hand, and memory
 * that requests use one after the other. One per thread, freed when the thread ends.
 */
#ifndef TIPSTER_HTTP_READER_H
#define TIPSTER_HTTP_READER_H

#include "http/backend.h"
#include "rank/score.h"
#include "rank/topn.h"
#include "store/read_arena.h"
#include "store/read_events.h"

enum { READER_CHUNK_MAX = 500 };

struct reader {
    struct db *db;
    struct rank_weights weights;
    int64_t half_life_ms;
    int64_t deadline_ms; /* monotonic: nobody waits for the answer after it */
    struct arena arena;  /* what this request needs to its end */
    struct arena page;   /* rows on their way through */
    struct affinity *affinity;
    struct topn *topn; /* borrows its ids from the arena; chunks of READER_CHUNK_MAX */
    struct rank_choice choices[RANK_CHOICES_MAX];
    size_t choice_count;
    struct event_row chunk[READER_CHUNK_MAX];
};

/* How this process ranks, from its settings. */
void reader_ranking(const struct config *config, struct rank_weights *ret_weights,
                    int64_t *ret_half_life_ms);

typedef int (*reader_query)(struct reader *reader, void *work);

/*
 * Calls query with this thread's reader, empty and connected. When the connection turns out lost,
 * or the server asks to repeat, once more, if there is time. Returns query's result, or
 * TIP_EUNAVAIL.
 */
int reader_run(struct backend *backend, reader_query query, void *work);

/* TIP_ETIMEOUT when the request's time is over: for loops over many statements. */
int reader_in_time(const struct reader *reader);

#endif
