/*
 * API keys as text, and what they allow. A key is "tip_" id "_" secret: the id names the key in
 * lists and logs, the secret proves it. The secret is given away once, when the key is made; what
 * is kept is its SHA-256. 32 of 62 letters are 190 bits, so a fast hash is enough. Pure, apart from
 * api_key_make.
 */
#ifndef TIPSTER_DOMAIN_API_KEY_H
#define TIPSTER_DOMAIN_API_KEY_H

#include "base/buf.h"
#include "base/sha256.h"

enum {
    API_KEY_ID_LEN = 12,
    API_KEY_SECRET_LEN = 32,
    API_KEY_LEN = 4 + API_KEY_ID_LEN + 1 + API_KEY_SECRET_LEN,
};

#define SCOPES(X)                                                                                  \
    X(INGEST, "ingest")                                                                            \
    X(READ, "read")                                                                                \
    X(ADMIN, "admin")

enum scope_class {
#define X(id, name) SCOPE_CLASS_##id,
    SCOPES(X)
#undef X
        SCOPE_CLASSES
};

/* Sets of scopes are sums of these. */
enum scope {
    SCOPE_NONE = 0,
#define X(id, name) SCOPE_##id = 1 << SCOPE_CLASS_##id,
    SCOPES(X)
#undef X
};

/* A key's parts: slices of the text that was parsed. */
struct api_key_text {
    struct str id, secret;
};

/* TIP_ESYNTAX: not the text of a key. */
int api_key_parse(struct str text, struct api_key_text *ret_key);

struct api_key_new {
    char id[API_KEY_ID_LEN + 1];
    char text[API_KEY_LEN + 1]; /* the only copy of the secret */
    uint8_t secret_hash[SHA256_SIZE];
};

/* A new key from the kernel's randomness. */
void api_key_make(struct api_key_new *ret_key);

/* "ingest,read", in any order, no word twice. TIP_EINVAL: anything else, the empty list too. */
int scopes_parse(struct str text, unsigned *ret_scopes);
/* Appends the words of a set, in the order of the table, with commas. */
void scopes_format(unsigned scopes, struct buf *out);
/* The word of a single scope. */
const char *scope_name(unsigned scope);

#endif
