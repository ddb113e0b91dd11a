/*
 * A bounded pool of threads for calls that block (the database), so that a worker's loop never
 * does. Each thread has a context of its own, made and freed on that thread. A finished job comes
 * back to the loop through an eventfd: pool_collect runs its done callback there. The queue is
 * bounded: more work than that is refused at once. Nothing here knows about requests or Kore.
 */
#ifndef TIPSTER_HTTP_POOL_H
#define TIPSTER_HTTP_POOL_H

#include <stddef.h>
#include <stdint.h>

struct pool;

/* Embedded in the caller's own struct, which must live until done was called. */
struct pool_job {
    void (*run)(struct pool_job *job, void *thread_context); /* on a thread of the pool */
    void (*done)(struct pool_job *job);                      /* on the loop, by pool_collect */
    struct pool_job *next;                                   /* the pool's */
};

struct pool_options {
    int threads;
    size_t queue_max; /* jobs that may wait, besides those that run */
    int wake_fd;      /* an eventfd, not owned: written when finished jobs wait for pool_collect */
    void *(*thread_open)(void *arg);
    void (*thread_close)(void *thread_context);
    void *arg; /* for thread_open */
};

/* Starts the threads. Signals stay with the threads that had them before. */
struct pool *pool_new(const struct pool_options *options);
/* 0, or TIP_EFULL: the job was not taken. */
int pool_submit(struct pool *pool, struct pool_job *job);
/* Runs the done callbacks of the finished jobs, in the order they finished. */
void pool_collect(struct pool *pool);
/* Jobs that wait for a thread. */
size_t pool_waiting(struct pool *pool);
/*
 * Ends the threads after the jobs they run now; jobs that still wait are not run. Then calls done
 * for all of them and frees the pool. Blocks as long as the running jobs do.
 */
void pool_free(struct pool *pool);

#endif
