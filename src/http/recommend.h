/*
 * Which events to show, from the database: a user's history or one event, the sources that rank/
 * asks for, and popular events where they do not suffice. DESIGN.md ("Recommendation, exactly") is
 * the definition. Runs on a thread of the pool.
 */
#ifndef TIPSTER_HTTP_RECOMMEND_H
#define TIPSTER_HTTP_RECOMMEND_H

#include "http/reader.h"
#include "store/read_popular.h"

struct recommend_request {
    struct str company;
    size_t n; /* at most RANK_N_MAX */
    int64_t now_ms;
    int64_t before_ms; /* candidates begin before it */
    bool include_started;
    struct event_filter sports, leagues, countries;
    const struct str *excludes; /* event ids; NULL data is allowed with a count of 0 */
    size_t exclude_count;
};

struct recommended {
    struct str event_id;
    int64_t numerator; /* of 10 000 times affinity_total */
    bool popular;      /* filled in: no score, no reasons */
};

/* Best first. The slices are the reader's arena's; reader->affinity holds the weights. */
struct recommendation {
    struct recommended *items;
    size_t count;
};

/*
 * The n best for a user; filled up with popular events if fill. ret_selections (may be NULL):
 * whether the user has any.
 */
int recommend_user(struct reader *reader, const struct recommend_request *request,
                   struct str user_id, bool fill, struct recommendation *ret_recommendation,
                   bool *ret_selections);

/* The n events most like one event; TIP_ENOTFOUND when there is no such event. */
int recommend_similar(struct reader *reader, const struct recommend_request *request,
                      struct str event_id, struct recommendation *ret_recommendation);

/* The n most popular events. */
int recommend_popular(struct reader *reader, const struct recommend_request *request,
                      struct recommendation *ret_recommendation);

/* The events that a request's now, before and include_started leave. */
struct event_range recommend_range(const struct recommend_request *request);

#endif
