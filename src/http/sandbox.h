/* The seccomp filter of the workers, and their bond with the parent. */
#ifndef TIPSTER_HTTP_SANDBOX_H
#define TIPSTER_HTTP_SANDBOX_H

/* Notes the parent's pid, before the fork: a worker ends when that process is gone. */
void sandbox_setup(void);

#endif
