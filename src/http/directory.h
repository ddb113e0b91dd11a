/*
 * What the server knows of companies and their keys: the database's rows, read again every second
 * by one worker and shared by all of them, so that a request costs no round trip. What was read
 * last stays while the database is away. SIGHUP reads at once.
 *
 * Over how many partitions a company's keys spread is never taken from the settings: another number
 * than the one its row was made with would tear users from their coupons. Until the rows were read
 * for the first time, keys cannot be checked and writes cannot be taken.
 *
 * The rows stand in two sorted copies in shared memory: readers use the one that was published
 * last, the next is written into the other. A reader that was overtaken by two of them looks again.
 */
#ifndef TIPSTER_HTTP_DIRECTORY_H
#define TIPSTER_HTTP_DIRECTORY_H

#include "base/buf.h"
#include "config/config.h"
#include "domain/api_key.h"
#include "domain/change.h"
#include "store/db.h"

struct pool;

struct directory_company {
    char id[COMPANY_MAX_BYTES];
    uint8_t id_len;
    bool include_started; /* recommend events that have begun unless a request says otherwise */
    bool disabled;
    uint8_t usage;                 /* its place among the metrics */
    int32_t partitions;            /* its keys spread over so many */
    int32_t limits[SCOPE_CLASSES]; /* as struct company */
};

struct directory_key {
    char id[API_KEY_ID_LEN];
    uint8_t secret_hash[SHA256_SIZE];
    uint8_t scopes;
    uint32_t company; /* index */
    uint32_t slot;    /* below KEYS_MAX; the same as long as the key lives */
    int64_t expires_at_ms;
};

/* In the parent, before the fork. config must live on. */
void directory_setup(const struct config *config);
/* Reads now, on the caller's connection; one at a time. Errors as db.h. */
int directory_read(struct db *db);
/* In the one worker that watches; pool: threads with a backend. */
void directory_watch(struct pool *pool);
/* Read at the next sweep. Safe in a signal handler. */
void directory_reread(void);

/* TIP_EUNAVAIL: nothing was read yet; TIP_ENOTFOUND: no such row. */
int directory_company(struct str id, struct directory_company *ret_company);
/* A key that is neither revoked nor expired by its id, with its company, which may be disabled. */
int directory_key(struct str id, int64_t now_ms, struct directory_key *ret_key,
                  struct directory_company *ret_company);
/* A sentence for clients and operators about a failure of directory_company. */
void directory_problem(struct str company, int err, struct buf *out);

/* Appends metrics. */
void directory_render(struct buf *out);

#endif
