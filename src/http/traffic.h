/*
 * What each company asks: its requests by route, how long they took, and how many of its records
 * were accepted; for its dashboard (GET /v1/stats) and for /metrics. Totals since the server's
 * start, in memory that all workers share and add to without locks. The first TRAFFIC_COMPANIES_MAX
 * companies that call have a place; those after them show no traffic, and are one in /metrics
 * together with calls that act for nobody.
 */
#ifndef TIPSTER_HTTP_TRAFFIC_H
#define TIPSTER_HTTP_TRAFFIC_H

#include "base/buf.h"

#include <stdint.h>

enum { TRAFFIC_COMPANIES_MAX = 256 };

/* In the parent, before the fork. */
void traffic_setup(void);

/* One answered request, of nobody when company is empty; route: its index in the table. */
void traffic_request(struct str company, int route, int status, int64_t duration_us);
void traffic_accepted(struct str company, int records);

/* Appends ,"accepted":n,"requests":{…} of the company, null for one without a place. */
void traffic_json(struct str company, struct buf *out);

/* Appends the requests by company, scope and class of status as metrics. */
void traffic_render(struct buf *out);

#endif
