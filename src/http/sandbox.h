/* What a worker gives up before it serves: system calls it does not need, and a life without its
 * parent. */
#ifndef TIPSTER_HTTP_SANDBOX_H
#define TIPSTER_HTTP_SANDBOX_H

#include <stdbool.h>

/* Before the fork. Notes the parent's pid: a worker ends when that process is gone. send_ring: each
 * worker makes its ring (send_ring.h) before it loses the right to. */
void sandbox_setup(bool send_ring);

#endif
