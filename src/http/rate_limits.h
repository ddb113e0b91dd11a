/*
 * Rate limits, over all workers together: per key and class of routes (the route's scope; records
 * of a batch count one by one), and per address for keys that are wrong. A key's limit is its
 * company's, or the settings'. Good keys are never refused for an address: many clients may share
 * one, and a secret of 190 bits is not guessed.
 */
#ifndef TIPSTER_HTTP_RATE_LIMITS_H
#define TIPSTER_HTTP_RATE_LIMITS_H

#include "base/buf.h"
#include "base/gcra.h"
#include "config/config.h"

struct call;

/* What an answer says of the limit that was looked at. */
struct call_limit {
    struct gcra_rule rule; /* rate 0: there is none */
    struct gcra_state state;
};

/* In the parent, before the fork. config must live on. TIP_ECONFIG with ret_problem. */
int rate_limits_setup(const struct config *config, struct buf *ret_problem);

/* Counts a call against its key's limit. False: it is over it, and that is answered 429. */
bool rate_limits_check(struct call *call);
/* Counts a wrong key against the client's address. False: too many, and that is answered 429. */
bool rate_limits_check_failure(struct call *call);

/* Appends the header lines about a limit, each ended by \r\n; nothing when there is none. */
void rate_limits_headers(const struct call *call, struct buf *out);

#endif
