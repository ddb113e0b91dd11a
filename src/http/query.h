/*
 * Query strings and percent-encoding (RFC 3986), as pure functions over bytes: no request, no Kore,
 * so that they can be tested and fuzzed alone. Names may repeat. In a query '+' is a space. An
 * escape that is not one, and NUL, are errors: nothing is guessed.
 */
#ifndef TIPSTER_HTTP_QUERY_H
#define TIPSTER_HTTP_QUERY_H

#include "base/str.h"

struct query_param {
    struct str name, value;
};

/* The decoded parameters in their order; their bytes belong to the query. Zero-initialised is
 * empty. */
struct query {
    struct query_param *params;
    size_t count;
    char *text;
};

/*
 * Decodes text (without its '?'). "a" and "a=" both are an empty value; empty pieces are passed
 * over. TIP_ESYNTAX: a bad escape. The caller releases ret_query.
 */
int query_parse(struct str text, struct query *ret_query);
void query_release(struct query *query);

/* The first value of a name; false when there is none. */
bool query_get(const struct query *query, const char *name, struct str *ret_value);
/* The values of a name one by one: *cursor starts at 0. False after the last. */
bool query_next(const struct query *query, const char *name, size_t *cursor, struct str *ret_value);
/* A parameter whose name is not in the NULL-terminated list, or NULL. */
const struct query_param *query_unknown(const struct query *query, const char *const *names);

/* Decodes text into out (text.len bytes are enough). TIP_ESYNTAX: a bad escape. */
int percent_decode(struct str text, bool plus_is_space, char *out, size_t *ret_len);

#endif
