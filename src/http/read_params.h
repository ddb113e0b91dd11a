/*
 * The parameters of the read routes: which there are, their forms and bounds, in one table. Parsing
 * reports all that is wrong with them at once. On /v1 an unknown parameter is refused, and one that
 * takes a single value must not repeat; the older routes pass over what they do not know. Pure.
 *
 * Violations have an empty pointer (it would point into a body); their detail begins with the
 * parameter's name. Codes: unknown_field, duplicate, format, range, length.
 */
#ifndef TIPSTER_HTTP_READ_PARAMS_H
#define TIPSTER_HTTP_READ_PARAMS_H

#include "domain/codec.h"
#include "http/cursor.h"
#include "http/query.h"
#include "store/read_arena.h"
#include "store/read_popular.h"

/* A route names those it takes. */
enum read_param {
    PARAM_N = 1 << 0,
    PARAM_N_OLDER = 1 << 1, /* n from -1 on */
    PARAM_LIMIT = 1 << 2,
    PARAM_CURSOR = 1 << 3,
    PARAM_SPORT = 1 << 4,
    PARAM_LEAGUE = 1 << 5,
    PARAM_COUNTRY = 1 << 6,
    PARAM_PARTICIPANT = 1 << 7,
    PARAM_EXCLUDE = 1 << 8,
    PARAM_FROM = 1 << 9,
    PARAM_TO = 1 << 10,
    PARAM_BEFORE = 1 << 11,
    PARAM_AS_OF = 1 << 12,
    PARAM_EXPLAIN = 1 << 13,
    PARAM_INCLUDE_STARTED = 1 << 14,
    PARAM_USER_ID = 1 << 15,
    PARAM_CURSOR_COUPONS = 1 << 16,
    PARAM_CURSOR_REJECTED = 1 << 17,
    PARAM_VIA = 1 << 18,
};

#define PARAM_ABSENT INT64_MIN /* a number, time or flag that was not given */

enum { EXCLUDES_MAX = 256 };

enum param_via { VIA_EITHER, VIA_VIEW, VIA_SQL };

struct param_list {
    struct str *values;
    size_t count;
};

struct read_params {
    int64_t n, limit, explain, include_started; /* flags: 0, 1 or PARAM_ABSENT */
    int64_t from_ms, to_ms, before_ms, as_of_ms;
    struct param_list sports, leagues, countries, participants, excludes;
    struct str user_id; /* data NULL: not given; the bytes are not checked */
    bool has_cursor;
    struct cursor cursor;
    enum param_via via;
};

/* Reads the `allowed` (a sum of enum read_param) ones. Slices are copied into the arena.
 * TIP_EINVAL: violations says why. */
int read_params_parse(const struct query *query, unsigned allowed, enum generation generation,
                      struct arena *arena, struct read_params *ret_params,
                      struct violations *violations);

static inline struct event_filter read_params_filter(const struct param_list *list)
{
    return (struct event_filter){.values = list->values, .count = list->count};
}

#endif
