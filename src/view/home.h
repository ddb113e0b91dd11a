/*
 * The folder that holds a node's views (VIEW_DIR): each in a folder of its own, view-1, view-2, …;
 * the link `current` names the one to read and is replaced in one step. A new view is filled beside
 * the current one; what is neither current nor being filled is left over from a process that died,
 * and goes when the next one is made. `lock` is held by the one writer.
 */
#ifndef TIPSTER_VIEW_HOME_H
#define TIPSTER_VIEW_HOME_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

struct view_home;

/*
 * Makes the folder where there is none, and takes its lock. TIP_EFENCED: another process has it;
 * TIP_EIO. ret_problem says it in one line.
 */
int view_home_open(const char *dir, struct view_home **ret_home, struct buf *ret_problem);
/* NULL is allowed. */
void view_home_close(struct view_home *home);

/* The path of the view to read; also for readers, without a lock. TIP_ENOTFOUND: there is none. */
int view_home_current(const char *dir, struct buf *ret_path);

/* Which file a view's data stands in: the same path may name another one later. */
struct view_identity {
    uint64_t device, file;
    int64_t
        born_ns; /* a file's number is given again when it is gone; 0: the file system knows none */
};
/* Of the view at path. TIP_ENOTFOUND. */
int view_home_identify(const char *path, struct view_identity *ret_identity);
bool view_identity_equal(const struct view_identity *a, const struct view_identity *b);

/* Removes what is left over and makes an empty folder. TIP_EIO with ret_problem. */
int view_home_add(struct view_home *home, struct buf *ret_path, struct buf *ret_problem);

/* Makes the view at path the current one. TIP_EIO with ret_problem. */
int view_home_publish(struct view_home *home, const char *path, struct buf *ret_problem);

/* There is no current one any more. */
void view_home_withdraw(struct view_home *home);

/* Deletes a view's folder. Readers that have it open keep what they see. */
void view_home_remove(const char *path);

#endif
