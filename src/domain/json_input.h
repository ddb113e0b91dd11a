/*
 * Reading JSON that strangers send: size is bounded by the caller, depth and form here. Inside
 * domain/ only; the rest of the program sees records.
 */
#ifndef TIPSTER_DOMAIN_JSON_INPUT_H
#define TIPSTER_DOMAIN_JSON_INPUT_H

#include "domain/violation.h"

#include <jansson.h>

/*
 * Parses text: an object or array, nothing after it, no duplicate keys, at most JSON_DEPTH_MAX
 * deep. TIP_ESYNTAX with one violation otherwise. The caller owns *ret_json.
 */
int json_input(struct str text, json_t **ret_json, struct violations *violations);

static inline struct str json_slice(const json_t *string)
{
    return str_from(json_string_value(string), json_string_length(string));
}

/* "null", "boolean", "integer", "number", "string", "array", "object". */
const char *json_type_text(const json_t *value);

/* Number of code points in valid UTF-8. */
size_t utf8_count(struct str text);
/* Whether a control character (C0, DEL, C1) or a bidi control stands in valid UTF-8. */
bool utf8_has_control(struct str text);
/* Whether the bytes are well-formed UTF-8 (RFC 3629). */
bool utf8_is_valid(struct str text);

#endif
