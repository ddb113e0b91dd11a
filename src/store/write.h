/*
 * Writing batches of rows, inside a transaction that ingest holds. Every array is sorted by
 * company, then by key, each key once: rows are locked in one order everywhere, so that writers do
 * not deadlock. What is to be written has been decided before (domain/decide.h); the statements
 * only make a repeated delivery harmless: they are upserts that take nothing older than what is
 * there. Errors as in db.h.
 */
#ifndef TIPSTER_STORE_WRITE_H
#define TIPSTER_STORE_WRITE_H

#include "domain/decide.h"
#include "domain/record.h"
#include "store/db.h"

/* What a user or an event holds now, for deciding. */
struct key_state {
    struct str company, id; /* given by the caller */
    bool known;             /* filled in: there is a row */
    struct precedence precedence;
};

/* Fills in what is known. users_/events_: of that table. */
int users_read_states(struct db *db, struct key_state *states, size_t count);
int events_read_states(struct db *db, struct key_state *states, size_t count);

struct user_row {
    struct str company;
    const struct user *user;
    int64_t version;
    uint64_t position;
};
int users_write(struct db *db, const struct user_row *rows, size_t count);

struct event_row {
    struct str company, event_id;
    const struct event *event; /* NULL: only the withdrawal is new, attributes stay as they are */
    bool withdrawn;
    bool is_new; /* no row was there: no participants to take away */
    int64_t version;
    uint64_t position;
};
/* Writes events and their participants' rows. */
int events_write(struct db *db, const struct event_row *rows, size_t count);

struct coupon_row {
    struct str company;
    const struct coupon *coupon;
    const uint8_t *content_hash; /* 32 bytes */
    uint64_t position;
    int32_t partition;
    enum decision outcome; /* filled in by coupons_write */
};
/*
 * Inserts the coupons whose id is free and their selections and counts; the others' outcome says
 * whether they were absorbed or are to be rejected.
 */
int coupons_write(struct db *db, struct coupon_row *rows, size_t count);

struct rejected_row {
    struct str company, topic, kind, record_id, user_id, detail, request_id, payload;
    enum reject_reason reason;
    int32_t partition;
    uint64_t position;
    int64_t rejected_at_ms;
    bool is_new; /* filled in: it was not there before */
};
int rejected_write(struct db *db, struct rejected_row *rows, size_t count);

/* A user of whom all that stands before this place of the partition goes. */
struct erasure {
    struct str company, user_id, topic;
    int32_t partition;
    uint64_t position;
};
/* The user's row. ret_rows: how many there were. */
int users_erase(struct db *db, const struct erasure *erasure, uint64_t *ret_rows);
/*
 * The user's coupons and their selections, in chunks; the events' counts fall by what was deleted.
 * Nothing of a later position may have been counted yet in the caller's transaction.
 */
int coupons_erase(struct db *db, const struct erasure *erasure, uint64_t *ret_coupons);
/*
 * The user's rejects of that topic keep kind, reason, place, time and request id; ids and payload
 * become empty and detail REJECTED_ERASED.
 */
int rejected_erase(struct db *db, const struct erasure *erasure);

#define REJECTED_ERASED "erased"

#endif
