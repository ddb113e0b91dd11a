/*
 * Who calls, and whether they may: the key of a request decides its company; what a key must have
 * is the route's scope. For dispatch; what handlers ask (call_company and so on) stands in call.h.
 */
#ifndef TIPSTER_HTTP_AUTH_H
#define TIPSTER_HTTP_AUTH_H

#include "http/directory.h"

struct call;

/* On whose behalf a call acts. */
struct caller {
    char key_id[API_KEY_ID_LEN + 1]; /* "": without a key, for the anonymous company */
    unsigned scopes;
    uint32_t slot;                    /* of the key, among the limits */
    int err;                          /* of the directory: 0, or the row is not known */
    struct directory_company company; /* the id is always set */
};

/*
 * Notes the caller. False: no key, a wrong one (401), one that may not do this (403) or one that
 * cannot be checked yet (503), and that is answered. All 401 look the same.
 */
bool auth_check(struct call *call);

#endif
