/*
 * The system calls a worker may make. Kore installs the filter after it has dropped privileges and
 * before kore_worker_configure, so librdkafka, the database client and LMDB run under it. What is
 * not listed here or in Kore's own list ends the whole process: Kore's default ends the calling
 * thread alone, and a worker without its broker thread would answer 503 for ever.
 */
#include "http/sandbox.h"

#include "base/log.h"
#include "http/send_ring.h"

#include <kore/kore.h>
#include <kore/hooks.h>
#include <kore/seccomp.h>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sock_filter extra_calls[] = {
#ifdef TIPSTER_SANITIZED /* the sanitizers' run-time does what it wants */
    KORE_BPF_RET(SECCOMP_RET_ALLOW),
#endif
    /* the C library of today, beside what Kore lists */
    KORE_SYSCALL_ALLOW(newfstatat),
    KORE_SYSCALL_ALLOW(statx),
    KORE_SYSCALL_ALLOW(faccessat2),
    KORE_SYSCALL_ALLOW(readlinkat),
    KORE_SYSCALL_ALLOW(getdents64),
    KORE_SYSCALL_ALLOW(pread64),
    KORE_SYSCALL_ALLOW(mremap),
    KORE_SYSCALL_ALLOW(uname),
    KORE_SYSCALL_ALLOW(sysinfo),
    KORE_SYSCALL_ALLOW(prlimit64),
    KORE_SYSCALL_ALLOW(getgid),
    KORE_SYSCALL_ALLOW(getegid),
    KORE_SYSCALL_ALLOW(getppid),
    KORE_SYSCALL_ALLOW(gettid),
    KORE_SYSCALL_ALLOW(tgkill),
    KORE_SYSCALL_ALLOW(restart_syscall), /* after SIGCONT */
    /* threads */
    KORE_SYSCALL_ALLOW(clone),
    KORE_SYSCALL_ALLOW(clone3),
    KORE_SYSCALL_ALLOW(rseq),
    KORE_SYSCALL_ALLOW(set_robust_list),
    KORE_SYSCALL_ALLOW(sched_yield),
    KORE_SYSCALL_ALLOW(sched_getaffinity),
    KORE_SYSCALL_ALLOW_ARG(prctl, 0, PR_SET_NAME),
    /* wake-ups */
    KORE_SYSCALL_ALLOW(eventfd2),
    KORE_SYSCALL_ALLOW(pipe2),
    /* the view: LMDB's lock file, which the first to open it makes */
    KORE_SYSCALL_ALLOW(fstatfs),
    KORE_SYSCALL_ALLOW(ftruncate),
    /* connections to Kafka and the database, and the resolver's */
    KORE_SYSCALL_ALLOW_ARG(socket, 0, AF_INET),
    KORE_SYSCALL_ALLOW_ARG(socket, 0, AF_INET6),
    KORE_SYSCALL_ALLOW_ARG(socket, 0, AF_UNIX),
    KORE_SYSCALL_ALLOW_ARG(socket, 0, AF_NETLINK),
    KORE_SYSCALL_ALLOW(socketpair),
    KORE_SYSCALL_ALLOW(connect),
    KORE_SYSCALL_ALLOW(bind),
    KORE_SYSCALL_ALLOW(getsockopt),
    KORE_SYSCALL_ALLOW(getsockname),
    KORE_SYSCALL_ALLOW(getpeername),
    KORE_SYSCALL_ALLOW(sendmsg),
    KORE_SYSCALL_ALLOW(sendmmsg),
    KORE_SYSCALL_ALLOW(io_uring_enter), /* of the ring that is there already, and can only send */
    KORE_SYSCALL_ALLOW(recvmsg),
    KORE_SYSCALL_ALLOW(shutdown),
    KORE_SYSCALL_ALLOW_ARG(ioctl, 1, 0x541B /* FIONREAD */),
};

static pid_t parent;
static bool wants_send_ring;

void sandbox_setup(bool send_ring)
{
    parent = getpid();
    wants_send_ring = send_ring;
}

static void open_send_ring(void)
{
    int r = send_ring_open();
    if (r != 0 && worker->id == 1) /* the others would say the same */
        log_info("serve", "no io_uring here (%s): each answer is sent by a call of its own",
                 strerror(-r));
}

/* Kore calls this in each worker before it installs the filter. */
void kore_seccomp_hook(void)
{
    /* A worker whose parent was killed would keep the ports; Kore's own check fails, since the
     * workers hold each other's ends of the pipes to the parent. */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        raise(SIGTERM);
    if (wants_send_ring)
        open_send_ring();
    kore_seccomp_filter("tipster", extra_calls, KORE_FILTER_LEN(extra_calls));
}
