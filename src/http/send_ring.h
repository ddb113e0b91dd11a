/*
 * Many sends by one system call: a ring of io_uring(7) that can send and nothing else. One to a
 * process, for one thread. Where the kernel or a container forbids it, sends stay what they were.
 */
#ifndef TIPSTER_HTTP_SEND_RING_H
#define TIPSTER_HTTP_SEND_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

enum { SEND_RING_MAX = 32 };

/* Makes the ring: before the process gives away its right to. 0, or a negated errno: ENOSYS and
 * EINVAL of a kernel before 5.10, EPERM where it is forbidden. */
int send_ring_open(void);
bool send_ring_is_open(void);
void send_ring_close(void);

/*
 * Sends parts[i] to the socket fds[i] without waiting, for all of the first SEND_RING_MAX of count,
 * each socket once. Sets results[i] to what send() would return, or to the negated errno (EAGAIN,
 * EPIPE,
 * ...). Returns how many were tried, from the first on: fewer than it was given, 0 too, when the
 * kernel takes no more; the others are as they were, and after that the ring is closed.
 */
size_t send_ring_send(const int *fds, const struct iovec *parts, ssize_t *results, size_t count);

#endif
