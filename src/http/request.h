/* Reading a request's head: for dispatch and call, not for handlers. */
#ifndef TIPSTER_HTTP_REQUEST_H
#define TIPSTER_HTTP_REQUEST_H

#include "base/str.h"

#include <stdbool.h>

struct call;
struct http_request;

/*
 * Checks what Kore does not: lengths, hosts, transfer codings, bodies where there is none. Notes
 * the request id and the credentials. False: answered 400, and the connection closes, since where
 * the request ends is in doubt.
 */
bool request_check(struct call *call);

/* The random part of the ids made here. Once per worker. */
void request_id_setup(void);
/* A new id: 128 bits as 32 hexadecimal digits and a NUL. */
void request_id_make(char ret_id[static 33]);

#endif
