/*
 * UTF-8 as the rules of API.md see it: well-formed or not, how many characters, and whether one of
 * them is invisible or turns the direction of the text around it.
 */
#ifndef TIPSTER_DOMAIN_UTF8_H
#define TIPSTER_DOMAIN_UTF8_H

#include "base/str.h"

#include <stdint.h>

/*
 * The code point at *cursor, which moves past it; -1 when the bytes there are not UTF-8 (RFC 3629).
 * *cursor must be inside text.
 */
int32_t utf8_next(struct str text, size_t *cursor);
/* Writes a code point that is no surrogate; returns its length, 1 to 4. */
size_t utf8_write(int32_t point, char *out);

/* Number of code points in valid UTF-8. */
size_t utf8_count(struct str text);
/* Whether a control character (C0, DEL, C1) or a bidi control stands in valid UTF-8. */
bool utf8_has_control(struct str text);
/* Whether the bytes are well-formed UTF-8. */
bool utf8_is_valid(struct str text);

#endif
