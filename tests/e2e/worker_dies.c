/*
 * Preloaded into serve, where a worker makes its first wake-up (after Kore has shut the sandbox):
 * TIPSTER_TEST_WORKER=abort ends it there; =call makes a system call that is not allowed, on a
 * thread of its own, two seconds later; =ring likewise asks for another ring (io_uring), beside the
 * one that a worker has.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

static void *call_later(void *what)
{
    char parameters[256] = {0};
    sleep(2);
    if (strcmp(what, "ring") == 0)
        syscall(SYS_io_uring_setup, 8, parameters);
    else
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    return NULL;
}

int eventfd(unsigned count, int flags)
{
    int (*real)(unsigned, int) = (int (*)(unsigned, int))dlsym(RTLD_NEXT, "eventfd");
    static int calls;
    char *what = getenv("TIPSTER_TEST_WORKER");
    if (what != NULL && calls++ == 0) {
        pthread_t thread;
        if (strcmp(what, "abort") == 0)
            abort();
        pthread_create(&thread, NULL, call_later, what);
    }
    return real(count, flags);
}
