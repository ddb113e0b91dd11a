/* The ingest process: its workers, and what it says of itself every ten seconds. */
#ifndef TIPSTER_INGEST_INGEST_H
#define TIPSTER_INGEST_INGEST_H

#include "config/config.h"

#include <stdbool.h>

/*
 * Runs until *stop becomes true (set by a signal handler), then stores what it has and returns. 0;
 * TIP_EFENCED: another process runs under this instance name; TIP_EFATAL: stopped by an error,
 * logged.
 */
int ingest_run(const struct config *config, const char *instance, int consumers,
               volatile bool *stop);

#endif
