/* Watching the topics' ids; see sentinel.h. */
#include "view/sentinel.h"

#include "base/err.h"
#include "base/mem.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { EVERY_S = 3, TIMEOUT_MS = 3000 };

struct sentinel {
    const struct config *config;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop;
    int state; /* as sentinel_read returns it */
    struct topic_identity identity[RECORD_KINDS];
};

/* False: told to stop meanwhile. */
static bool pause_between(struct sentinel *sentinel)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += EVERY_S;
    pthread_mutex_lock(&sentinel->lock);
    int err = 0;
    while (!sentinel->stop && err == 0)
        err = pthread_cond_clockwait(&sentinel->wake, &sentinel->lock, CLOCK_MONOTONIC, &until);
    bool go_on = !sentinel->stop;
    pthread_mutex_unlock(&sentinel->lock);
    return go_on;
}

static void *run(void *arg)
{
    struct sentinel *sentinel = arg;
    do {
        AUTO_BUF ignored = {0};
        struct topic_identity identity[RECORD_KINDS];
        int err = topics_identify(sentinel->config, TIMEOUT_MS, identity, &ignored);
        pthread_mutex_lock(&sentinel->lock);
        sentinel->state = err == 0 ? 0 : TIP_EUNAVAIL;
        if (err == 0)
            memcpy(sentinel->identity, identity, sizeof(identity));
        pthread_mutex_unlock(&sentinel->lock);
    } while (pause_between(sentinel));
    return NULL;
}

struct sentinel *sentinel_start(const struct config *config)
{
    struct sentinel *sentinel = xcalloc(1, sizeof(*sentinel));
    sentinel->config = config;
    sentinel->state = 1;
    pthread_mutex_init(&sentinel->lock, NULL);
    pthread_cond_init(&sentinel->wake, NULL);
    if (pthread_create(&sentinel->thread, NULL, run, sentinel) != 0)
        abort(); /* no threads: nothing this program can do */
    return sentinel;
}

int sentinel_read(struct sentinel *sentinel, struct topic_identity *ret_identity)
{
    pthread_mutex_lock(&sentinel->lock);
    int state = sentinel->state;
    if (state == 0)
        memcpy(ret_identity, sentinel->identity, sizeof(sentinel->identity));
    pthread_mutex_unlock(&sentinel->lock);
    return state;
}

void sentinel_stop(struct sentinel *sentinel)
{
    if (sentinel == NULL)
        return;
    pthread_mutex_lock(&sentinel->lock);
    sentinel->stop = true;
    pthread_cond_signal(&sentinel->wake);
    pthread_mutex_unlock(&sentinel->lock);
    pthread_join(sentinel->thread, NULL);
    pthread_cond_destroy(&sentinel->wake);
    pthread_mutex_destroy(&sentinel->lock);
    free(sentinel);
}
