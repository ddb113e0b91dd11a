/*
 * What a thread of a pool has for its jobs: a database connection of its own, opened when first
 * wanted and again after it was lost. Used on that thread only.
 */
#ifndef TIPSTER_HTTP_BACKEND_H
#define TIPSTER_HTTP_BACKEND_H

#include "config/config.h"
#include "store/db.h"

struct backend;

/* For pool_options.thread_open and thread_close; config must outlive the pool. */
void *backend_open(void *config);
void backend_close(void *backend);

const struct config *backend_config(const struct backend *backend);
/*
 * The connection. TIP_EUNAVAIL: there is none now; after a failure the next attempt waits a moment,
 * so that the calls meanwhile fail at once.
 */
int backend_db(struct backend *backend, struct db **ret_db);

#endif
