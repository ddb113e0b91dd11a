/* Where this program stands on disk, to find what is installed beside it. */
#ifndef TIPSTER_BASE_PROGRAM_H
#define TIPSTER_BASE_PROGRAM_H

/*
 * The path of a file beside this program's binary (name may hold slashes), or NULL when it is not
 * there. Owned by the caller.
 */
char *program_beside(const char *name);

#endif
