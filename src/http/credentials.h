/*
 * The key that a request's headers bring: `Authorization: Bearer KEY` or `X-API-Key: KEY`. Empty
 * headers count as none; the same key in both is one. Two different ones, or another scheme than
 * Bearer, are credentials that no key fits. Pure.
 */
#ifndef TIPSTER_HTTP_CREDENTIALS_H
#define TIPSTER_HTTP_CREDENTIALS_H

#include "base/str.h"

/* Zero-initialised: none. */
struct credentials {
    struct str key; /* a slice of a header's value */
    bool given;     /* something was sent */
    bool wrong;     /* it cannot be a key */
};

/* One header's value each. */
void credentials_add_authorization(struct credentials *credentials, struct str value);
void credentials_add_api_key(struct credentials *credentials, struct str value);

#endif
