/*
 * Whether a view's file still holds what its writer put there: its pages (pages.h), and all of its
 * records by their digest (digest.h). Every byte that means anything is covered; what a process
 * finds later in pages that went bad meanwhile is not. Reads the whole file, some gigabytes per
 * second when it is in memory.
 */
#ifndef TIPSTER_VIEW_DAMAGE_H
#define TIPSTER_VIEW_DAMAGE_H

#include "base/buf.h"

#include <stdint.h>

/*
 * dir: of a view that nobody writes. TIP_EINVAL: damaged, unfinished or of another layout;
 * TIP_ENOTFOUND: there is none; TIP_EIO; TIP_ETIMEOUT: *stop became true. ret_problem says it in
 * one line. ret_records: how many there are.
 */
int view_damage_check(const char *dir, volatile bool *stop, uint64_t *ret_records,
                      struct buf *ret_problem);

#endif
