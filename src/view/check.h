/*
 * Verifies every invariant of layout.h on a view, at one moment of it, while its writer goes on.
 * Reads all of it and holds what it must compare: about 100 bytes per event.
 */
#ifndef TIPSTER_VIEW_CHECK_H
#define TIPSTER_VIEW_CHECK_H

#include "base/buf.h"

enum { VIEW_CHECK_TEXTS_MAX = 100 }; /* problems beyond it are only counted */

/* Zero-initialised is ready; view_check_release frees it. */
struct view_check_report {
    size_t events, listed, users, coupons, selections, problems;
    struct buf text; /* one line per problem */
};

void view_check_release(struct view_check_report *report);

/* Returns 0 also where problems were found. TIP_ENOTFOUND, TIP_EINVAL: there is no view, or of
 * another layout; TIP_EFATAL: LMDB itself finds it damaged. */
int view_check(const char *dir, struct view_check_report *report);

#endif
