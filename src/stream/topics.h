/*
 * The topics themselves: making them, and checking that what is there is what the settings say.
 * Calls with a timeout_ms block for up to that; for start-up and commands, not for the loop.
 */
#ifndef TIPSTER_STREAM_TOPICS_H
#define TIPSTER_STREAM_TOPICS_H

#include "base/buf.h"
#include "config/config.h"
#include "domain/record.h"

enum { TOPIC_NAME_SIZE = 250 };

/* PREFIX.users.v1 and so on. */
void topic_name(const struct config *config, enum record_kind kind,
                char ret_name[static TOPIC_NAME_SIZE]);
/* The kind whose topic this is, or RECORD_KINDS. */
enum record_kind topic_kind(const struct config *config, const char *name);

/*
 * Creates the three topics that are not there yet. *ret_created: how many. TIP_EUNAVAIL: no broker;
 * TIP_ECONFIG: one is there with other partitions. ret_problem says it in one line.
 */
int topics_create(const struct config *config, int timeout_ms, int *ret_created,
                  struct buf *ret_problem);

/* Checks that all three exist with the partitions of the settings. Errors as topics_create. */
int topics_check(const struct config *config, int timeout_ms, struct buf *ret_problem);

/* Who holds the offsets: another cluster or a topic made anew starts another generation. */
struct topic_identity {
    char cluster_id[65];
    char topic_id[65];
};

/* Fills one entry per kind. TIP_EUNAVAIL with ret_problem. */
int topics_identify(const struct config *config, int timeout_ms,
                    struct topic_identity ret_identity[static RECORD_KINDS],
                    struct buf *ret_problem);

#endif
