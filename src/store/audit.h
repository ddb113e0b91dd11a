/*
 * Reading everything that a company has, for holding it against what was sent: whole tables in key
 * order, in chunks, with a call for each row; memory stays bounded. Not for running paths: these
 * read all there is.
 *
 * Each walk stops when its callback returns non-zero and hands that on. The slices a callback gets
 * are good until it returns. Errors otherwise: those of db.h.
 */
#ifndef TIPSTER_STORE_AUDIT_H
#define TIPSTER_STORE_AUDIT_H

#include "domain/record.h"
#include "store/db.h"

struct audit_coupon {
    struct coupon coupon; /* as its rows in coupons and selections say; json is not set */
    size_t selection_rows;
    const uint8_t *content_hash; /* as stored, 32 bytes */
};
typedef int (*audit_coupon_fn)(void *arg, const struct audit_coupon *row);
int audit_coupons(struct db *db, struct str company, audit_coupon_fn each, void *arg);

typedef int (*audit_user_fn)(void *arg, const struct user *user);
int audit_users(struct db *db, struct str company, audit_user_fn each, void *arg);

struct audit_event {
    struct event event; /* its version is that of the last change */
    bool known;         /* it has attributes */
    bool withdrawn;
    bool readable;           /* its participants are a JSON array */
    bool participants_right; /* event_participants holds what it should */
};
typedef int (*audit_event_fn)(void *arg, const struct audit_event *row);
int audit_events(struct db *db, struct str company, audit_event_fn each, void *arg);

struct audit_rejected {
    struct str kind, user_id, record_id, reason, payload, topic;
    bool erased; /* its user was erased: no ids, no payload */
    int64_t partition;
    uint64_t position;
};
typedef int (*audit_rejected_fn)(void *arg, const struct audit_rejected *row);
int audit_rejected(struct db *db, struct str company, audit_rejected_fn each, void *arg);

/* One selection (n is 1), or one row of event_counts. */
typedef int (*audit_count_fn)(void *arg, struct str event_id, int64_t n);
int audit_selections(struct db *db, struct str company, audit_count_fn each, void *arg);
int audit_counts(struct db *db, struct str company, audit_count_fn each, void *arg);

/* Selections without their coupon, participants without their event: the first few. user_id may be
 * empty. */
typedef int (*audit_orphan_fn)(void *arg, const char *table, struct str user_id, struct str id);
int audit_orphans(struct db *db, struct str company, audit_orphan_fn each, void *arg);

/* Each company that a table has rows of and `companies` does not know. '' is allowed in rejected.
 */
typedef int (*audit_company_fn)(void *arg, const char *table, struct str company);
int audit_companies(struct db *db, audit_company_fn each, void *arg);

#endif
