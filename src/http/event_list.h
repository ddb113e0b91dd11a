/*
 * A page of GET /v1/events: events by (begin, event_id), filtered. Few groups or participants are
 * read as ranges of their own and merged; for anything wider all events are read in order and
 * filtered here. Runs on a thread of the pool.
 */
#ifndef TIPSTER_HTTP_EVENT_LIST_H
#define TIPSTER_HTTP_EVENT_LIST_H

#include "http/reader.h"
#include "store/read_popular.h"

struct event_list_request {
    struct str company;
    struct event_range range;
    struct event_filter sports, leagues, countries, participants;
    size_t limit; /* 1 to 1000 */
};

struct event_list_page {
    struct str *ids; /* the reader's arena's */
    size_t count;
    bool more;
    int64_t last_begin_ms; /* of the last of ids */
};

int event_list(struct reader *reader, const struct event_list_request *request,
               struct event_list_page *ret_page);

#endif
