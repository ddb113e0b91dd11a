/*
 * Many sends by one call: each socket gets its own, one that takes nothing or is gone holds up no
 * other, the ring does nothing but send, and what forbids or breaks it loses nothing.
 */
#include "tests/unit/unit.h"

#include "http/send_ring.c"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAIRS = SEND_RING_MAX };

static int near_end[PAIRS], far_end[PAIRS];

static void connect_pair(int i)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    near_end[i] = ends[0];
    far_end[i] = ends[1];
}

/* Where even the tests may not have a ring there is nothing to show. */
static int setup(void **state)
{
    (void)state;
    for (int i = 0; i < PAIRS; i++)
        connect_pair(i);
    int r = send_ring_open();
    assert_true(r == 0 || r == -EPERM || r == -ENOSYS || r == -EINVAL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    send_ring_close();
    for (int i = 0; i < PAIRS; i++) {
        close(near_end[i]);
        close(far_end[i]);
    }
    return 0;
}

static void need_ring(void)
{
    if (!send_ring_is_open())
        skip();
}

static struct iovec text_part(const char *text)
{
    return (struct iovec){.iov_base = (void *)(uintptr_t)text, .iov_len = strlen(text)};
}

static void expect_received(int i, const char *text)
{
    char got[64];
    ssize_t len = recv(far_end[i], got, sizeof(got) - 1, 0);
    assert_true(len >= 0);
    got[len] = '\0';
    assert_string_equal(got, text);
}

static void each_socket_gets_its_own(void **state)
{
    (void)state;
    need_ring();
    for (int round = 0; round < 100; round++) { /* the ring comes to its end and begins again */
        char texts[PAIRS][32];
        struct iovec parts[PAIRS];
        ssize_t results[PAIRS];
        size_t count = (size_t)(round % PAIRS) + 1;
        for (size_t i = 0; i < count; i++) {
            snprintf(texts[i], sizeof(texts[i]), "%d to %zu%.*s", round, i, (int)(i % 7), "......");
            parts[i] = text_part(texts[i]);
        }
        assert_int_equal(send_ring_send(near_end, parts, results, count), count);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(results[i], strlen(texts[i]));
            expect_received((int)i, texts[i]);
        }
    }
}

static void more_than_it_holds_are_left(void **state)
{
    (void)state;
    need_ring();
    int fds[PAIRS + 1];
    struct iovec parts[PAIRS + 1];
    ssize_t results[PAIRS + 1] = {[PAIRS] = 12345};
    for (int i = 0; i <= PAIRS; i++) {
        fds[i] = near_end[i % PAIRS];
        parts[i] = text_part("x");
    }
    assert_int_equal(send_ring_send(fds, parts, results, PAIRS + 1), PAIRS);
    assert_int_equal(results[PAIRS], 12345);
    for (int i = 0; i < PAIRS; i++)
        expect_received(i, "x");
    assert_true(send_ring_is_open());
    assert_int_equal(send_ring_send(fds, parts, results, 0), 0);
    assert_true(send_ring_is_open());
}

static void fill(int fd)
{
    static const char zeros[4096];
    while (send(fd, zeros, sizeof(zeros), MSG_NOSIGNAL) > 0)
        ;
    assert_int_equal(errno, EAGAIN);
}

static void one_that_takes_nothing_or_is_gone_holds_up_no_other(void **state)
{
    (void)state;
    need_ring();
    fill(near_end[1]);
    close(far_end[2]);
    far_end[2] = -1;
    int no_socket = open("/dev/null", O_RDWR);
    int fds[] = {near_end[0], near_end[1], near_end[2], -1, no_socket, near_end[5]};
    struct iovec parts[6];
    ssize_t results[6];
    for (int i = 0; i < 6; i++)
        parts[i] = text_part("word");
    assert_int_equal(send_ring_send(fds, parts, results, 6), 6); /* and no signal */
    const ssize_t expected[] = {4, -EAGAIN, -EPIPE, -EBADF, -ENOTSOCK, 4};
    for (int i = 0; i < 6; i++)
        assert_int_equal(results[i], expected[i]);
    expect_received(0, "word");
    expect_received(5, "word");
    close(no_socket);
}

static void what_fits_in_part_is_sent_in_part(void **state)
{
    (void)state;
    need_ring();
    int small = 4096;
    assert_int_equal(setsockopt(near_end[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
    enum { LONG_BYTES = 1 << 20 };
    char *text = calloc(1, LONG_BYTES);
    struct iovec parts[] = {{text, LONG_BYTES}, text_part("short")};
    ssize_t results[2];
    assert_int_equal(send_ring_send(near_end, parts, results, 2), 2);
    assert_in_range(results[0], 1, LONG_BYTES - 1);
    assert_int_equal(results[1], 5);
    free(text);
}

/* The kernel's answer to one operation that is asked of the ring. */
static int asked(int operation, int flags)
{
    struct io_uring_sqe *entry = io_uring_get_sqe(&ring);
    io_uring_prep_rw(operation, entry, near_end[0], "x", 1, 0);
    entry->flags = (uint8_t)flags;
    int r = io_uring_submit(&ring);
    if (r < 0)
        return r;
    struct io_uring_cqe *done;
    assert_int_equal(io_uring_wait_cqe(&ring, &done), 0);
    r = done->res;
    io_uring_cqe_seen(&ring, done);
    return r;
}

static void the_ring_can_only_send(void **state)
{
    (void)state;
    need_ring();
    assert_int_equal(asked(IORING_OP_SEND, 0), 1);
    for (int operation = 0; operation < IORING_OP_LAST; operation++)
        if (operation != IORING_OP_SEND)
            assert_int_equal(asked(operation, 0), -EACCES);
    assert_int_equal(asked(IORING_OP_SEND, IOSQE_ASYNC), -EACCES);
    char probe[sizeof(struct io_uring_probe) + 8 * sizeof(struct io_uring_probe_op)] = {0};
    assert_int_equal(syscall(SYS_io_uring_register, ring.ring_fd, IORING_REGISTER_PROBE, probe, 8),
                     -1);
    assert_int_equal(errno, EACCES);
}

/* From here this process gets EPERM for the call. */
static void forbid(unsigned call)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = 4, .filter = filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        _exit(100);
}

/* What check() returns in a process that may not make the call. */
static int where_forbidden(unsigned call, int (*check)(void))
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        forbid(call);
        _exit(check());
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int opened_anew(void)
{
    struct iovec part = text_part("x");
    ssize_t result = 12345;
    send_ring_close();
    if (send_ring_open() != -EPERM || send_ring_is_open())
        return 1;
    return send_ring_send(near_end, &part, &result, 1) == 0 && result == 12345 ? 0 : 2;
}

static void where_it_is_forbidden_nothing_is_tried(void **state)
{
    (void)state;
    assert_int_equal(where_forbidden(SYS_io_uring_setup, opened_anew), 0);
    need_ring();
    assert_int_equal(where_forbidden(SYS_io_uring_register, opened_anew), 0);
}

static int sent_by_a_broken_one(void)
{
    struct iovec parts[] = {text_part("x"), text_part("y")};
    ssize_t results[] = {12345, 12345};
    if (send_ring_send(near_end, parts, results, 2) != 0 || results[0] != 12345 ||
        results[1] != 12345)
        return 1;
    if (send_ring_is_open())
        return 2;
    return send_ring_send(near_end, parts, results, 2) == 0 ? 0 : 3;
}

static void one_that_breaks_is_given_up_and_sends_nothing(void **state)
{
    (void)state;
    need_ring();
    assert_int_equal(where_forbidden(SYS_io_uring_enter, sent_by_a_broken_one), 0);
    char byte;
    assert_int_equal(recv(far_end[0], &byte, 1, 0), -1);
    assert_int_equal(errno, EAGAIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_socket_gets_its_own, setup, teardown),
        cmocka_unit_test_setup_teardown(more_than_it_holds_are_left, setup, teardown),
        cmocka_unit_test_setup_teardown(one_that_takes_nothing_or_is_gone_holds_up_no_other, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_fits_in_part_is_sent_in_part, setup, teardown),
        cmocka_unit_test_setup_teardown(the_ring_can_only_send, setup, teardown),
        cmocka_unit_test_setup_teardown(where_it_is_forbidden_nothing_is_tried, setup, teardown),
        cmocka_unit_test_setup_teardown(one_that_breaks_is_given_up_and_sends_nothing, setup,
                                        teardown),
    };
    return RUN_TESTS(tests);
}
