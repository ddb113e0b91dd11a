/* The two listeners and what Kore is told about limits. In the parent, before the fork. */
#ifndef TIPSTER_HTTP_LISTEN_H
#define TIPSTER_HTTP_LISTEN_H

#include "base/buf.h"
#include "config/config.h"

/* Limits and time-outs of connections and requests. */
void listen_configure(const struct config *config);
/* Binds both addresses and registers their routes. TIP_ECONFIG: ret_problem names address and
 * setting. */
int listen_open(const struct config *config, struct buf *ret_problem);

#endif
