/* A pool thread's connection; see backend.h. */
#include "http/backend.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdlib.h>

enum { RECONNECT_MS = 250, COMPLAINT_MS = 5000 };

struct backend {
    const struct config *config;
    struct db *db;
    int64_t retry_at_ms, complain_at_ms;
};

void *backend_open(void *config)
{
    struct backend *backend = xcalloc(1, sizeof(*backend));
    backend->config = config;
    return backend;
}

void backend_close(void *context)
{
    struct backend *backend = context;
    db_close(backend->db);
    free(backend);
}

const struct config *backend_config(const struct backend *backend)
{
    return backend->config;
}

int backend_db(struct backend *backend, struct db **ret_db)
{
    if (backend->db != NULL && db_is_lost(backend->db)) {
        db_close(backend->db);
        backend->db = NULL;
    }
    if (backend->db == NULL) {
        int64_t now = clock_monotonic_ms();
        if (now < backend->retry_at_ms)
            return TIP_EUNAVAIL;
        AUTO_BUF problem = {0};
        int err = db_open(backend->config, DB_API, &backend->db, &problem);
        if (err != 0) {
            backend->db = NULL;
            backend->retry_at_ms = clock_monotonic_ms() + RECONNECT_MS;
            if (now >= backend->complain_at_ms) {
                backend->complain_at_ms = now + COMPLAINT_MS;
                log_warn("database", "%s", buf_cstr(&problem));
            }
            return TIP_EUNAVAIL;
        }
    }
    *ret_db = backend->db;
    return 0;
}
