/* The end of threads; see thread_end.h. */
#include "base/thread_end.h"

#include "base/mem.h"

#include <pthread.h>
#include <stdlib.h>

struct farewell {
    void (*release)(void *arg);
    void *arg;
    struct farewell *next;
};

static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void run_all(void *list)
{
    for (struct farewell *at = list, *next; at != NULL; at = next) {
        next = at->next;
        at->release(at->arg);
        free(at);
    }
}

static void make_key(void)
{
    if (pthread_key_create(&key, run_all) != 0)
        abort(); /* there are a thousand of them, and this is the only one of ours */
}

void thread_end_call(void (*release)(void *arg), void *arg)
{
    pthread_once(&once, make_key);
    struct farewell *farewell = xcalloc(1, sizeof(*farewell));
    *farewell = (struct farewell){release, arg, pthread_getspecific(key)};
    if (pthread_setspecific(key, farewell) != 0)
        abort(); /* out of memory */
}
