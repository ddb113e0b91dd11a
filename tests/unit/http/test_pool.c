/* The pool of threads: see http/pool.h. */
#include "base/err.h"
#include "base/mem.h"
#include "http/pool.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <cmocka.h>

enum { THREADS = 3, JOBS = 2000 };

struct test_job {
    struct pool_job job; /* first */
    int number, answer;
};

static int opened, closed, done_count, done_sum;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void *open_context(void *arg)
{
    __atomic_add_fetch(&opened, 1, __ATOMIC_SEQ_CST);
    int *context = xcalloc(1, sizeof(int));
    *context = *(int *)arg;
    return context;
}

static void close_context(void *context)
{
    __atomic_add_fetch(&closed, 1, __ATOMIC_SEQ_CST);
    free(context);
}

static void run_double(struct pool_job *job, void *context)
{
    struct test_job *own = (struct test_job *)job;
    own->answer = own->number * *(int *)context;
}

static void run_blocked(struct pool_job *job, void *context)
{
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    run_double(job, context);
}

static void done(struct pool_job *job)
{
    struct test_job *own = (struct test_job *)job;
    done_count++;
    done_sum += own->answer;
}

static struct pool *new_pool(int threads, size_t queue_max, int wake_fd)
{
    static int factor = 2;
    opened = closed = done_count = done_sum = 0;
    return pool_new(&(struct pool_options){.threads = threads,
                                           .queue_max = queue_max,
                                           .wake_fd = wake_fd,
                                           .thread_open = open_context,
                                           .thread_close = close_context,
                                           .arg = &factor});
}

/* As the loop does: waits for the eventfd, reads it, collects. */
static void collect_until(struct pool *pool, int wake_fd, int count)
{
    while (done_count < count) {
        struct pollfd wait = {.fd = wake_fd, .events = POLLIN};
        assert_int_equal(poll(&wait, 1, 5000), 1);
        uint64_t value;
        assert_int_equal(read(wake_fd, &value, sizeof(value)), sizeof(value));
        pool_collect(pool);
    }
}

static void test_every_job_comes_back_once(void **state)
{
    (void)state;
    int wake_fd = eventfd(0, EFD_NONBLOCK);
    struct pool *pool = new_pool(THREADS, JOBS, wake_fd);
    struct test_job *jobs = xcalloc(JOBS, sizeof(*jobs));
    int expected = 0;
    for (int i = 0; i < JOBS; i++) {
        jobs[i] = (struct test_job){.job = {.run = run_double, .done = done}, .number = i};
        assert_int_equal(pool_submit(pool, &jobs[i].job), 0);
        expected += 2 * i;
    }
    collect_until(pool, wake_fd, JOBS);
    assert_int_equal(done_count, JOBS);
    assert_int_equal(done_sum, expected);
    assert_int_equal(pool_waiting(pool), 0);
    pool_free(pool);
    assert_int_equal(opened, THREADS);
    assert_int_equal(closed, THREADS);
    assert_int_equal(done_count, JOBS);
    free(jobs);
    close(wake_fd);
}

static void test_a_full_queue_refuses_at_once(void **state)
{
    (void)state;
    int wake_fd = eventfd(0, EFD_NONBLOCK);
    struct pool *pool = new_pool(1, 4, wake_fd);
    struct test_job jobs[16];
    int taken = 0;
    pthread_mutex_lock(&gate);
    for (int i = 0; i < 16; i++) {
        jobs[i] = (struct test_job){.job = {.run = run_blocked, .done = done}, .number = 1};
        int err = pool_submit(pool, &jobs[i].job);
        if (err == 0)
            taken++;
        else
            assert_int_equal(err, TIP_EFULL);
    }
    assert_in_range(taken, 4, 5); /* one may be running already */
    pthread_mutex_unlock(&gate);
    collect_until(pool, wake_fd, taken);
    assert_int_equal(pool_submit(pool, &jobs[15].job), 0); /* room again */
    collect_until(pool, wake_fd, taken + 1);
    pool_free(pool);
    close(wake_fd);
}

static void test_freeing_gives_all_jobs_back(void **state)
{
    (void)state;
    int wake_fd = eventfd(0, EFD_NONBLOCK);
    struct pool *pool = new_pool(1, 100, wake_fd);
    struct test_job jobs[50];
    for (int i = 0; i < 50; i++) {
        jobs[i] = (struct test_job){.job = {.run = run_double, .done = done}, .number = 1};
        assert_int_equal(pool_submit(pool, &jobs[i].job), 0);
    }
    pool_free(pool);
    assert_int_equal(done_count, 50);
    close(wake_fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_job_comes_back_once),
        cmocka_unit_test(test_a_full_queue_refuses_at_once),
        cmocka_unit_test(test_freeing_gives_all_jobs_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
