/*
 * Lines of a newline-delimited JSON body: separated by \n (a \r before it is dropped); a newline
 * at the very end does not begin another line.
 */
#ifndef TIPSTER_DOMAIN_NDJSON_H
#define TIPSTER_DOMAIN_NDJSON_H

#include "base/str.h"

struct ndjson {
    struct str rest;
    int line; /* number of the line last returned, from 1 */
};

/* The next line, which may be empty. False at the end. */
bool ndjson_next(struct ndjson *cursor, struct str *ret_line);

#endif
