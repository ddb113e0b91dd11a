/* Events by how often they were bet on. Errors: those of db.h. */
#ifndef TIPSTER_STORE_READ_POPULAR_H
#define TIPSTER_STORE_READ_POPULAR_H

#include "store/read_events.h"

enum { FILTER_VALUES_MAX = 32 };

/* Any of the values; none: all. */
struct event_filter {
    const struct str *values;
    size_t count; /* at most FILTER_VALUES_MAX */
};

static inline bool filter_admits(const struct event_filter *filter, struct str value)
{
    for (size_t i = 0; i < filter->count; i++)
        if (str_equal(filter->values[i], value))
            return true;
    return filter->count == 0;
}

struct popular_query {
    struct str company;
    struct event_range range;
    struct event_filter sports, leagues, countries;
};

/*
 * Up to limit ids of the events in the range that match the filters: most bets first, then by begin
 * and id. Fewer: there are no more. ret_ids has room for limit. Slices are the arena's.
 */
int read_popular(struct db *db, const struct popular_query *query, size_t limit,
                 struct arena *arena, struct str *ret_ids, size_t *ret_count);

#endif
