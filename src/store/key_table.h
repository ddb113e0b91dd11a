/* The API keys of companies, as rows. Secrets never get here: only their SHA-256. */
#ifndef TIPSTER_STORE_KEY_TABLE_H
#define TIPSTER_STORE_KEY_TABLE_H

#include "domain/api_key.h"
#include "domain/change.h"
#include "store/db.h"

enum { KEY_LABEL_MAX_BYTES = 400, KEYS_PAGE_MAX = 500 };

#define KEY_NEVER INT64_MAX /* a time that does not come */

struct key_row {
    char company[COMPANY_MAX_BYTES + 1];
    char id[API_KEY_ID_LEN + 1];
    uint8_t secret_hash[SHA256_SIZE];
    unsigned scopes;
    char label[KEY_LABEL_MAX_BYTES + 1];
    int64_t created_at_ms, expires_at_ms, revoked_at_ms; /* the last two: KEY_NEVER */
};

int key_add(struct db *db, const struct key_row *key);
/* By id, whosever it is. TIP_ENOTFOUND. */
int key_read(struct db *db, const char *id, struct key_row *ret_key);
/* Changes when a key ends. */
int key_write_end(struct db *db, const struct key_row *key);

/*
 * Up to KEYS_PAGE_MAX keys after one (NULL: from the start), by company and id. live_at_ms: only
 * those that are good then; KEY_NEVER: all.
 */
int key_page(struct db *db, const struct key_row *after, int64_t live_at_ms,
             struct key_row *ret_keys, size_t *ret_count);

#endif
