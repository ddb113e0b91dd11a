/*
 * A line in the log for one answer of ACCESS_LOG, with its request id, company, key id, route,
 * status, duration and size. The route is the one of the table, with its {captures}: ids, queries,
 * bodies and secrets do not get here.
 */
#ifndef TIPSTER_HTTP_ACCESS_LOG_H
#define TIPSTER_HTTP_ACCESS_LOG_H

#include "base/log.h"
#include "http/call.h"

/* Writes a line when it is this answer's turn. */
void access_log_note(const struct call *call, int status, int64_t duration_us, size_t body_bytes);
/* Writes one in any case. */
void access_log_write(const struct call *call, enum log_level level, const char *message,
                      int status, int64_t duration_us, size_t body_bytes);

#endif
