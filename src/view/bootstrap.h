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

struct bootstrap;

/* writer: of a new view, between transactions. All that is given must outlive it; an error puts one
 * line into *problem. */
struct bootstrap *bootstrap_new(const struct config *config, struct view_writer *writer,
                                atomic_bool *stop, struct bootstrap_progress *progress,
                                struct buf *problem);

/*
 * Notes the first offsets, in the view as well, and loads the tables. TIP_EUNAVAIL: a server is
 * missing or ingest has not seen these topics yet: try again later with another new view;
 * TIP_EFATAL: the view or the data contradict themselves; TIP_EIO; TIP_ETIMEOUT: *stop became true.
 */
int bootstrap_load(struct bootstrap *boot);

/*
 * Counts, makes the lists, and notes the offsets to pass: ret_until has RECORD_KINDS *
 * KAFKA_PARTITIONS of them, by kind, then by partition. The state stays VIEW_BUILDING. The same
 * errors.
 */
int bootstrap_finish(struct bootstrap *boot, int64_t *ret_until);

void bootstrap_free(struct bootstrap *boot);

#endif
