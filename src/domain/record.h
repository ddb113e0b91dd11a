/*
 * The three records that companies push (user, event, coupon) and a withdrawal, as plain structs.
 * Their strings are slices of the parsed text that the record owns: record_release frees it.
 * Times are milliseconds since 1970 UTC; stake and odds are integers in ten-thousandths.
 */
#ifndef TIPSTER_DOMAIN_RECORD_H
#define TIPSTER_DOMAIN_RECORD_H

#include "base/str.h"

#include <stdint.h>

enum {
    ID_MAX_BYTES = 64,
    PARTICIPANTS_MAX = 64,
    SELECTIONS_MAX = 100,
    DECIMAL_SCALE = 10000,
    COUPON_AHEAD_MAX_MS = 24 * 3600 * 1000,
};

enum record_kind { RECORD_USER, RECORD_EVENT, RECORD_COUPON, RECORD_KINDS };

#define VERSION_NONE (-1)
#define VERSION_MAX  (INT64_C(1) << 53)
#define DECIMAL_NONE INT64_MIN

struct user {
    struct str user_id, country, currency, gender;
    int birth_year;
    int64_t registration_date_ms;
    int64_t version; /* or VERSION_NONE */
};

struct event {
    struct str event_id, sport, league, country;
    struct str participants[PARTICIPANTS_MAX]; /* distinct, in the order given */
    size_t participant_count;
    int64_t begin_ms, end_ms;
    int64_t version; /* or VERSION_NONE */
};

struct selection {
    struct str event_id;
    int64_t odds_e4; /* or DECIMAL_NONE (older clients) */
};

struct coupon {
    struct str coupon_id, user_id;
    int64_t stake_e4;
    int64_t placed_at_ms;
    struct selection selections[SELECTIONS_MAX]; /* sorted by event_id, each once */
    size_t selection_count;
};

struct record {
    enum record_kind kind;
    union {
        struct user user;
        struct event event;
        struct coupon coupon;
    };
    void *json; /* owns the bytes of the slices */
};

/* "user", "event", "coupon". */
const char *record_kind_name(enum record_kind kind);
/* "users", "events", "coupons": in routes, topics and tables. */
const char *record_kind_plural(enum record_kind kind);

/* The id of the record itself, and the id whose hash places it in a partition (a coupon's is its
 * user). */
struct str record_id(const struct record *record);
struct str record_key_id(const struct record *record);

void record_release(struct record *record);
#define AUTO_RECORD __attribute__((cleanup(record_release))) struct record

#endif
