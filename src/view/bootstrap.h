/*
 * Fills a new view from the database while writes go on: notes how far the topics are stored, loads
 * the tables in chunks, and notes again how far they are stored by then. Following the topics from
 * the first offsets, the view is right as soon as it has passed the second ones
 * (docs/decisions/0046).
 */
#ifndef TIPSTER_VIEW_BOOTSTRAP_H
#define TIPSTER_VIEW_BOOTSTRAP_H

#include "config/config.h"
#include "view/writer.h"

#include <stdatomic.h>

/* How far it is, for other threads to show. */
struct bootstrap_progress {
    atomic_uint_fast64_t events, users, coupons;
    atomic_uint_fast64_t coupons_total; /* by the database's estimate; 0: not known */
};

/*
 * writer: of a new view, between transactions. On success its offsets are set (state stays
 * VIEW_BUILDING) and ret_until has the offsets to pass: RECORD_KINDS * KAFKA_PARTITIONS, by kind,
 * then by partition. TIP_EUNAVAIL: a server is missing or ingest has not seen these topics yet: try
 * again later with another new view; TIP_EFATAL: the view or the data contradict themselves;
 * TIP_EIO; TIP_ETIMEOUT: *stop became true. ret_problem says it in one line.
 */
int bootstrap_fill(const struct config *config, struct view_writer *writer, atomic_bool *stop,
                   struct bootstrap_progress *progress, int64_t *ret_until,
                   struct buf *ret_problem);

#endif
