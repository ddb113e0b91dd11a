/*
 * Views that are not to be read, for a while or any more: what one worker finds out holds for all.
 *
 * A damaged file may kill who reads it. That worker says so with its last breath (a handler for
 * SIGSEGV, SIGBUS and SIGABRT), so that its successor and the others leave that file alone and SQL
 * answers; else they would die of it in turn, until the server gave up.
 */
#ifndef TIPSTER_HTTP_DISTRUST_H
#define TIPSTER_HTTP_DISTRUST_H

#include "view/home.h"

#include <stdbool.h>
#include <stdint.h>

/* In the parent, before the fork. */
void distrust_configure(int workers);
/* In the worker with that number, from 0. Says so when the one before it died of a view. */
void distrust_setup(int number);

/* What this thread reads from now on; NULL: nothing. It must live on until then. */
void distrust_reading(const struct view_identity *identity);

/* Nobody reads it until then (monotonic). */
void distrust_until(const struct view_identity *identity, int64_t until_ms);
bool is_distrusted(const struct view_identity *identity, int64_t now_ms);

#endif
