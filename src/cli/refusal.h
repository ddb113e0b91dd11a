/* A server's refusal (RFC 9457, API.md "Errors") as what is wrong with which line of a batch. */
#ifndef TIPSTER_CLI_REFUSAL_H
#define TIPSTER_CLI_REFUSAL_H

#include "base/str.h"

enum { REFUSAL_LINES_MAX = 100 };

struct refusal {
    char detail[200]; /* of the whole answer */
    size_t count;     /* of lines */
    struct {
        int line;   /* in the batch, from 1; 0: no batch */
        int others; /* further violations of that line */
        char code[40], pointer[128], detail[160];
    } lines[REFUSAL_LINES_MAX];
};

/* Reads an answer's body; whatever is not there stays empty. */
void refusal_read(struct str body, struct refusal *ret_refusal);
/* " (API_KEY)", the setting that a refusal of this status is about; or empty. */
const char *refusal_setting(long status);

#endif
