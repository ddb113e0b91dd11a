/* The events that a running server has, through GET /v1/events and its cursor. */
#ifndef TIPSTER_CLI_API_EVENTS_H
#define TIPSTER_CLI_API_EVENTS_H

#include "base/buf.h"
#include "domain/record.h"

typedef void api_event(void *context, const struct event *event);

/*
 * Calls take for every event of the key's company ("": no key) that begins from from_ms and before
 * to_ms. A server that is away is tried again for up to 10 s. TIP_EINVAL: no URL; TIP_EUNAVAIL,
 * TIP_ESYNTAX: ret_problem says why.
 */
int api_events_fetch(const char *url, const char *key, int64_t from_ms, int64_t to_ms,
                     api_event *take, void *context, struct buf *ret_problem);

#endif
