/* What the verbs share that look at the running parts from outside. */
#ifndef TIPSTER_CLI_SERVERS_H
#define TIPSTER_CLI_SERVERS_H

#include "store/db.h"

/* Appends http://ADDRESS:PORT of the operations listener, as this machine reaches it. */
void servers_ops_url(const struct config *config, struct buf *out);

/* How far each partition is stored: RECORD_KINDS * KAFKA_PARTITIONS, by kind, then by partition. */
int servers_stored(struct db *db, const struct config *config, int64_t *ret_next);

/* The path of the server's binary beside this one, or NULL. Owned by the caller. */
char *servers_program(void);

/* The host on which this machine reaches a listener that is bound to `host`. */
const char *servers_host(const char *host);

#endif
