/*
 * One idempotent Kafka producer (acks=all), driven by its owner's event loop: records go in with
 * producer_send, a wake-up is written to a file descriptor when there is something to do, and
 * producer_poll then sends the next group of records and reports each record's fate. Nothing here
 * blocks, but destroy and flush. Why groups: docs/decisions/0012.
 *
 * A failed delivery means "possibly stored": the caller answers 503 and the retry is harmless,
 * since coupons have ids and users and events versions.
 */
#ifndef TIPSTER_STREAM_PRODUCER_H
#define TIPSTER_STREAM_PRODUCER_H

#include "base/buf.h"
#include "config/config.h"
#include "domain/change.h"

struct producer;

/* err: 0, TIP_EUNAVAIL (time ran out, broker gone, purged) or TIP_EFULL (the queue is full). offset
 * is valid when err is 0. */
typedef void (*producer_delivered_fn)(void *opaque, int err, enum record_kind kind,
                                      int32_t partition, int64_t offset);

/*
 * Creates a producer that writes 8 bytes to wake_fd (an eventfd, non-blocking; -1: no wake-ups)
 * when producer_poll has work. TIP_ECONFIG with ret_problem. config must outlive the producer.
 */
int producer_create(const struct config *config, int wake_fd, producer_delivered_fn delivered,
                    struct producer **ret_producer, struct buf *ret_problem);

/* Sets what the records sent next have in common; the strings are copied. */
void producer_begin(struct producer *producer, struct str company, enum change_kind kind,
                    struct str request_id);

/*
 * Queues one record (key and value are copied). 0: delivered() will be called for opaque, exactly
 * once, after this has returned (for earlier records perhaps before). TIP_EUNAVAIL: the producer
 * has failed for good (producer_is_fatal).
 */
int producer_send(struct producer *producer, enum record_kind kind, int32_t partition,
                  struct str key, struct str value, void *opaque);

/* Reports what is known by now, calling delivered() for each record. Returns how many. */
int producer_poll(struct producer *producer);

/* Whether the client has met an error it cannot recover from: make another one. */
bool producer_is_fatal(const struct producer *producer);

/* Records sent and not reported yet. */
int producer_pending(const struct producer *producer);

/* Waits up to timeout_ms for what is pending, reporting it. */
void producer_flush(struct producer *producer, int timeout_ms);

/* Gives up what is pending (each is reported with TIP_EUNAVAIL) and frees the producer. */
void producer_destroy(struct producer *producer);

#endif
