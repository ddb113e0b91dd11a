/* The pool of threads; see pool.h. */
#include "http/pool.h"

#include "base/err.h"
#include "base/mem.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

struct job_list {
    struct pool_job *first, **end;
};

struct pool {
    struct pool_options options;
    pthread_mutex_t mutex;
    pthread_cond_t wanted;
    struct job_list queue, finished;
    size_t waiting;
    bool stopping;
    pthread_t *threads;
};

static void list_clear(struct job_list *list)
{
    list->first = NULL;
    list->end = &list->first;
}

static void list_push(struct job_list *list, struct pool_job *job)
{
    job->next = NULL;
    *list->end = job;
    list->end = &job->next;
}

static struct pool_job *list_pop(struct job_list *list)
{
    struct pool_job *job = list->first;
    list->first = job->next;
    if (list->first == NULL)
        list->end = &list->first;
    return job;
}

/* The next job, or NULL when the pool stops. */
static struct pool_job *take(struct pool *pool)
{
    struct pool_job *job = NULL;
    pthread_mutex_lock(&pool->mutex);
    while (pool->queue.first == NULL && !pool->stopping)
        pthread_cond_wait(&pool->wanted, &pool->mutex);
    if (!pool->stopping) {
        job = list_pop(&pool->queue);
        pool->waiting--;
    }
    pthread_mutex_unlock(&pool->mutex);
    return job;
}

static void give_back(struct pool *pool, struct pool_job *job)
{
    pthread_mutex_lock(&pool->mutex);
    bool was_empty = pool->finished.first == NULL;
    list_push(&pool->finished, job);
    pthread_mutex_unlock(&pool->mutex);
    if (was_empty) {
        ssize_t written = write(pool->options.wake_fd, &(uint64_t){1}, sizeof(uint64_t));
        (void)written; /* fails only when the counter is full, and then the loop is awake */
    }
}

static void *thread_main(void *arg)
{
    struct pool *pool = arg;
    void *context =
        pool->options.thread_open != NULL ? pool->options.thread_open(pool->options.arg) : NULL;
    struct pool_job *job;
    while ((job = take(pool)) != NULL) {
        job->run(job, context);
        give_back(pool, job);
    }
    if (pool->options.thread_close != NULL)
        pool->options.thread_close(context);
    return NULL;
}

struct pool *pool_new(const struct pool_options *options)
{
    struct pool *pool = xcalloc(1, sizeof(*pool));
    pool->options = *options;
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->wanted, NULL);
    list_clear(&pool->queue);
    list_clear(&pool->finished);
    pool->threads = xcalloc((size_t)options->threads, sizeof(*pool->threads));

    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (int i = 0; i < options->threads; i++)
        if (pthread_create(&pool->threads[i], NULL, thread_main, pool) != 0)
            abort(); /* as when memory is gone */
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return pool;
}

int pool_submit(struct pool *pool, struct pool_job *job)
{
    int err = 0;
    pthread_mutex_lock(&pool->mutex);
    if (pool->waiting >= pool->options.queue_max) {
        err = TIP_EFULL;
    } else {
        list_push(&pool->queue, job);
        pool->waiting++;
    }
    pthread_mutex_unlock(&pool->mutex);
    if (err == 0)
        pthread_cond_signal(&pool->wanted);
    return err;
}

static void run_done(struct job_list *list)
{
    while (list->first != NULL) {
        struct pool_job *job = list_pop(list);
        job->done(job);
    }
}

/* Moves a list out, so that it can be walked without the lock. */
static struct job_list detach(struct job_list *list)
{
    struct job_list moved = *list;
    if (moved.first == NULL)
        moved.end = NULL; /* never pushed to */
    list_clear(list);
    return moved;
}

void pool_collect(struct pool *pool)
{
    pthread_mutex_lock(&pool->mutex);
    struct job_list finished = detach(&pool->finished);
    pthread_mutex_unlock(&pool->mutex);
    run_done(&finished);
}

size_t pool_waiting(struct pool *pool)
{
    pthread_mutex_lock(&pool->mutex);
    size_t waiting = pool->waiting;
    pthread_mutex_unlock(&pool->mutex);
    return waiting;
}

void pool_free(struct pool *pool)
{
    pthread_mutex_lock(&pool->mutex);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->wanted);
    pthread_mutex_unlock(&pool->mutex);
    for (int i = 0; i < pool->options.threads; i++)
        pthread_join(pool->threads[i], NULL);
    run_done(&pool->finished);
    run_done(&pool->queue);
    pthread_mutex_destroy(&pool->mutex);
    pthread_cond_destroy(&pool->wanted);
    free(pool->threads);
    free(pool);
}
