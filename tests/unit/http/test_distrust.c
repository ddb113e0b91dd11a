/*
 * A view that killed who read it: its successor and the other workers do not read it, and read
 * another. The workers are processes, as in the server.
 */
#include "tests/unit/unit.h"

#include "base/clock.h"
#include "http/distrust.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORKERS = 2 };

static const struct view_identity bad = {.device = 1, .file = 11, .born_ns = 5};
static const struct view_identity other = {.device = 1, .file = 11, .born_ns = 6};

static int configure(void **state)
{
    (void)state;
    distrust_configure(WORKERS);
    return 0;
}

/* A worker that dies of the signal while it reads a view, or between two of them. */
static void lose_worker(int number, int signal_number, const struct view_identity *reading)
{
    pid_t worker = fork();
    assert_true(worker >= 0);
    if (worker == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0});
        for (int i = 1; i < NSIG; i++)
            signal(i, SIG_DFL); /* not the sanitizer's */
        distrust_setup(number);
        distrust_reading(&bad);
        distrust_reading(reading);
        raise(signal_number);
        raise(signal_number); /* where it happened it happens again */
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(worker, &status, 0), worker);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), signal_number);
}

static void what_killed_a_worker_is_read_by_none(void **state)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGABRT};
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        configure(state);
        assert_false(is_distrusted(&bad, clock_monotonic_ms()));
        lose_worker((int)i % WORKERS, signals[i], &bad);
        assert_true(is_distrusted(&bad, clock_monotonic_ms()));
        assert_true(is_distrusted(&bad, INT64_MAX - 1));
        assert_false(is_distrusted(&other, clock_monotonic_ms()));
    }
}

static void a_worker_that_read_nothing_blames_no_view(void **state)
{
    (void)state;
    lose_worker(0, SIGSEGV, NULL);
    assert_false(is_distrusted(&bad, clock_monotonic_ms()));
}

static void doubt_ends(void **state)
{
    (void)state;
    distrust_setup(1);
    distrust_until(&bad, 1000);
    assert_true(is_distrusted(&bad, 999));
    assert_false(is_distrusted(&bad, 1000));
    distrust_until(&other, 3000);
    assert_true(is_distrusted(&other, 2000));
    assert_false(is_distrusted(&bad, 2000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_killed_a_worker_is_read_by_none, configure),
        cmocka_unit_test_setup(a_worker_that_read_nothing_blames_no_view, configure),
        cmocka_unit_test_setup(doubt_ends, configure),
    };
    return RUN_TESTS(tests);
}
