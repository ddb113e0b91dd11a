/* Many sends by one system call; see send_ring.h. */
#include "http/send_ring.h"

#include "base/log.h"

#include <errno.h>
#include <liburing.h>
#include <string.h>
#include <sys/socket.h>

static struct io_uring ring;
static bool is_open;

/* A filter of system calls does not see what is asked of a ring, so the ring has its own: one
 * operation, no flags, nothing registered, for as long as it lives. */
static int restrict_to_sends(void)
{
    struct io_uring_restriction only = {.opcode = IORING_RESTRICTION_SQE_OP,
                                        .sqe_op = IORING_OP_SEND};
    int r = io_uring_register_restrictions(&ring, &only, 1);
    return r != 0 ? r : io_uring_enable_rings(&ring);
}

int send_ring_open(void)
{
    int r = io_uring_queue_init(SEND_RING_MAX, &ring, IORING_SETUP_R_DISABLED);
    if (r != 0)
        return r;
    is_open = true;
    r = restrict_to_sends();
    if (r != 0)
        send_ring_close();
    return r;
}

bool send_ring_is_open(void)
{
    return is_open;
}

void send_ring_close(void)
{
    if (is_open)
        io_uring_queue_exit(&ring);
    is_open = false;
}

/* How many of the prepared ones the kernel has taken; a negated errno in *problem if not all. */
static size_t submit(size_t count, int *problem)
{
    size_t taken = 0;
    while (taken < count) {
        int r = io_uring_submit(&ring);
        if (r == -EINTR)
            continue;
        if (r <= 0) {
            *problem = r == 0 ? -EIO : r;
            break;
        }
        taken += (size_t)r;
    }
    return taken;
}

/* They do not wait for their sockets, so what is taken has an end already. */
static void collect(ssize_t *results, size_t count, int *problem)
{
    for (size_t i = 0; i < count; i++)
        results[i] = -EIO;
    for (size_t i = 0; i < count; i++) {
        struct io_uring_cqe *done;
        int r;
        while ((r = io_uring_wait_cqe(&ring, &done)) == -EINTR)
            ;
        if (r != 0) {
            *problem = r;
            return;
        }
        results[io_uring_cqe_get_data64(done)] = done->res;
        io_uring_cqe_seen(&ring, done);
    }
}

size_t send_ring_send(const int *fds, const struct iovec *parts, ssize_t *results, size_t count)
{
    if (!is_open)
        return 0;
    if (count > SEND_RING_MAX)
        count = SEND_RING_MAX;
    for (size_t i = 0; i < count; i++) {
        struct io_uring_sqe *send = io_uring_get_sqe(&ring); /* none is in use between two calls */
        io_uring_prep_send(send, fds[i], parts[i].iov_base, parts[i].iov_len,
                           MSG_DONTWAIT | MSG_NOSIGNAL);
        io_uring_sqe_set_data64(send, i);
    }
    int problem = 0;
    size_t taken = submit(count, &problem);
    collect(results, taken, &problem);
    if (problem != 0) {
        log_warn("serve",
                 "io_uring has failed (%s): from here each answer is sent by a call of its own",
                 strerror(-problem));
        send_ring_close();
    }
    return taken;
}
