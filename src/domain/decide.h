/*
 * What becomes of a record, given what its key holds already: the one place where this is decided,
 * for the database and for the view.
 */
#ifndef TIPSTER_DOMAIN_DECIDE_H
#define TIPSTER_DOMAIN_DECIDE_H

#include <stdbool.h>
#include <stdint.h>

enum decision {
    DECISION_APPLY,      /* store it */
    DECISION_ABSORB,     /* the same content is there already */
    DECISION_SUPERSEDED, /* something newer is there */
    DECISION_REJECT,     /* keep it in `rejected` */
};

/* Reasons in `rejected`: stable codes, X(name, text). */
#define REJECT_REASONS(X)                                                                          \
    X(MALFORMED, "malformed") /* not a record of this program's form */                            \
    X(CONFLICT, "conflict")   /* same coupon id, another content */                                \
    X(DATABASE, "database")   /* only the database refused it: a defect */

enum reject_reason {
#define X(name, text) REJECT_##name,
    REJECT_REASONS(X)
#undef X
};

const char *reject_reason_text(enum reject_reason reason);

/* The order of two states of a user or event: version first where both have one, else the position.
 */
struct precedence {
    int64_t version; /* or VERSION_NONE */
    uint64_t position;
};

/* A put or withdrawal, when `current` is what the key holds (NULL: nothing). APPLY or SUPERSEDED.
 */
enum decision decide_mutable(const struct precedence *current, const struct precedence *incoming);

/* What the key of a coupon holds. */
struct coupon_identity {
    uint8_t content_hash[32];
    uint64_t position;
};

/*
 * A coupon, when `current` is what its id holds (NULL: nothing). The very same record (same
 * position) seen again is APPLY: storing it once more changes nothing. REJECT means reason
 * CONFLICT.
 */
enum decision decide_coupon(const struct coupon_identity *current,
                            const struct coupon_identity *incoming);

#endif
