/*
 * The way of accepted records into Kafka, one per worker: a producer whose reports arrive in the
 * loop. A producer that has failed for good is replaced in place; what it held is reported as
 * failed.
 */
#ifndef TIPSTER_HTTP_WRITER_H
#define TIPSTER_HTTP_WRITER_H

#include "domain/change.h"
#include "http/call.h"

/* Starts the producer; once per worker, after loop_start. TIP_ECONFIG with ret_problem. */
int writer_setup(const struct config *config, struct buf *ret_problem);

/* False once this worker ends: what comes in with the last turns of its loop is not sent. */
bool writer_is_open(void);
/*
 * What the records of this call have in common. Errors as call_company_row: nothing may be sent.
 */
int writer_begin(const struct call *call, enum change_kind kind);
/*
 * Sends one record for the call, which then expects its delivery. key_id decides the partition.
 * TIP_EUNAVAIL: it was not sent; records of the call before it may have been.
 */
int writer_send(struct call *call, enum record_kind kind, struct str key_id, struct str key,
                struct str value);

/* Gives up what is pending after waiting for it; for the end of a worker. */
void writer_close(int timeout_ms);

#endif
