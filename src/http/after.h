/*
 * Reading one's own writes: a read with Tipster-After (the Tipster-Position of a 202) is answered
 * once the path that answers it has come so far, or 504 after AFTER_LIMIT_MS. The request sleeps
 * meanwhile; a timer looks at how far the view is every few milliseconds while somebody waits, and
 * a thread of the database pool at how far SQL is.
 */
#ifndef TIPSTER_HTTP_AFTER_H
#define TIPSTER_HTTP_AFTER_H

#include "config/config.h"
#include "http/call.h"

struct view_reader;

enum { AFTER_LIMIT_MS = 2000 };

enum after_path { AFTER_VIEW, AFTER_SQL };

/* Once per worker; both must live on. */
void after_setup(const struct config *config, struct pool *database);

/* Takes what the request's head says. False: it is no position, and that is answered. */
bool after_read(struct call *call);
/* Whether a read of the view, as it is now, is late enough; true for a call that did not ask. */
bool after_is_in_view(const struct call *call, struct view_reader *view);
/* Whether SQL is known to be; false may only mean that nobody has looked yet. */
bool after_is_in_sql(const struct call *call);
/*
 * Sleeps until the path has come so far (or the view is not to be read any more); woken then asks
 * again. The handler's last act.
 */
void after_wait(struct call *call, enum after_path path, call_woken_fn woken, void *arg);

#endif
