/* SHA-256 (FIPS 180-4) by OpenSSL's libcrypto; the only place that includes it. */
#ifndef TIPSTER_BASE_SHA256_H
#define TIPSTER_BASE_SHA256_H

#include "base/str.h"

#include <stdint.h>

enum { SHA256_SIZE = 32, SHA256_HEX_SIZE = 65 };

void sha256_of(struct str data, uint8_t ret_digest[static SHA256_SIZE]);
/* The digest as 64 lower-case digits and a NUL. */
void sha256_hex(const uint8_t digest[static SHA256_SIZE], char ret_hex[static SHA256_HEX_SIZE]);

/* Whether two digests are the same, in a time that does not depend on where they differ. */
bool sha256_equal(const uint8_t a[static SHA256_SIZE], const uint8_t b[static SHA256_SIZE]);

#endif
