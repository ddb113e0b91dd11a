/*
 * How far a long command is, on stderr: a bar that redraws itself on a terminal, elsewhere one line
 * every 5 s. Costs nothing to call often.
 */
#ifndef TIPSTER_CLI_PROGRESS_H
#define TIPSTER_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct progress {
    FILE *out;
    const char *label;
    uint64_t total; /* 0: not known */
    bool terminal, drawn;
    int64_t started_ms, next_ms;
};

/* label outlives it; total in the units that progress_show counts in, 0 when not known. */
void progress_begin(struct progress *progress, FILE *out, const char *label, uint64_t total);
void progress_show(struct progress *progress, uint64_t done);
/* Takes the bar away, so that what follows begins on a line of its own. */
void progress_end(struct progress *progress);

#endif
