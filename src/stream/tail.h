/*
 * Follows all partitions of the three topics from given offsets, for a node's own view: it shares
 * with nobody and commits nothing; whoever reads keeps the offsets beside what it derives from
 * them. One thread.
 */
#ifndef TIPSTER_STREAM_TAIL_H
#define TIPSTER_STREAM_TAIL_H

#include "base/buf.h"
#include "config/config.h"
#include "stream/message.h"

struct tail;

/*
 * Begins to read. next_offsets: where to start, RECORD_KINDS * KAFKA_PARTITIONS of them, by kind,
 * then by partition; copied. config must outlive the tail. TIP_ECONFIG with ret_problem.
 */
int tail_create(const struct config *config, const int64_t *next_offsets, struct tail **ret_tail,
                struct buf *ret_problem);

/*
 * The next record. 0: ret_message is filled, release it; 1: none within timeout_ms; TIP_ENOTFOUND:
 * records that should come next are not in Kafka (ret_problem says of which partition): what was
 * derived is to be built again; TIP_EFATAL: reading cannot go on.
 */
int tail_poll(struct tail *tail, int timeout_ms, struct consumer_message *ret_message,
              struct buf *ret_problem);

/*
 * Whether everything that is known to be in Kafka has been handed out. Also true while Kafka cannot
 * be reached: nothing new can be accepted then.
 */
bool tail_is_current(struct tail *tail);

/*
 * For a reader that is never quite at the end because records keep coming: notes the ends known
 * now; past once everything up to them has been handed out. False: the end of some partition has
 * not been heard of yet, and there is no mark.
 */
bool tail_mark(struct tail *tail);
bool tail_is_past_mark(const struct tail *tail);

/* Whether no broker can be reached; known some seconds late. */
bool tail_is_cut_off(const struct tail *tail);

/* Records known to be in Kafka and not handed out yet; partitions never heard of count 0. */
int64_t tail_lag(struct tail *tail);

/* NULL is allowed. */
void tail_destroy(struct tail *tail);

#endif
