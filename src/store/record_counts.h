/*
 * How many rows a company has, kept by ingest in the transactions that store them, so that nobody
 * has to count tables: one row per kind and Kafka partition, written only by that partition's
 * consumer, with its position (a repeated delivery changes nothing). Errors: those of db.h.
 */
#ifndef TIPSTER_STORE_RECORD_COUNTS_H
#define TIPSTER_STORE_RECORD_COUNTS_H

#include "domain/record.h"
#include "store/db.h"

/* Rejects are counted by the topic they came from: X(name, kind in the table). */
#define COUNTED(X)                                                                                 \
    X(USERS, "user")                                                                               \
    X(EVENTS, "event")                                                                             \
    X(COUPONS, "coupon")                                                                           \
    X(REJECTED_USERS, "rejected_user")                                                             \
    X(REJECTED_EVENTS, "rejected_event")                                                           \
    X(REJECTED_COUPONS, "rejected_coupon")

enum counted {
#define X(name, text) COUNTED_##name,
    COUNTED(X)
#undef X
        COUNTED_KINDS
};

/* Of the records of this kind, and of its rejects. */
static inline enum counted counted_of(enum record_kind kind)
{
    return (enum counted)kind;
}
static inline enum counted counted_rejects_of(enum record_kind kind)
{
    return (enum counted)(COUNTED_REJECTED_USERS + kind);
}

struct record_count {
    struct str company;
    enum counted kind;
    int32_t partition;
    int64_t n;      /* rows more (or fewer) than before */
    int64_t stored; /* records stored, put again or rejected */
    uint64_t position;
};

/* Adds to the counts, inside the caller's transaction; each (company, kind, partition) once. */
int record_counts_write(struct db *db, const struct record_count *counts, size_t count);

struct record_totals {
    int64_t n[COUNTED_KINDS], stored[COUNTED_KINDS];
};
int record_counts_read(struct db *db, struct str company, struct record_totals *ret_totals);

#endif
