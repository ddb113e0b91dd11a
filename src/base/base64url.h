/*
 * Bytes as text of letters, digits, '-' and '_' (RFC 4648 section 5), without padding. Reading is
 * strict: nothing but what writing gives is taken.
 */
#ifndef TIPSTER_BASE_BASE64URL_H
#define TIPSTER_BASE_BASE64URL_H

#include "base/buf.h"

void base64url_add(struct buf *out, const void *data, size_t len);
/* At most `capacity` bytes. TIP_EINVAL: not such a text, or more than that. */
int base64url_read(struct str text, void *data, size_t capacity, size_t *ret_len);

#endif
