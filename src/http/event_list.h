/*
 * A page of GET /v1/events: events by (begin, event_id), filtered. Few groups or participants are
 * read as ranges of their own and merged; for anything wider all events are read in order and
 * filtered here. Runs on a thread of the pool.
 */
#ifndef TIPSTER_HTTP_EVENT_LIST_H
#define TIPSTER_HTTP_EVENT_LIST_H

#include "http/reader.h"
#include "view/reader.h"

struct event_list_page {
    struct str *ids; /* the reader's arena's */
    size_t count;
    bool more;
    int64_t last_begin_ms; /* of the last of ids */
};

int event_list(struct reader *reader, const struct view_list_query *request,
               struct event_list_page *ret_page);

#endif
