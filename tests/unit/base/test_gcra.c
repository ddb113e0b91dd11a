/* Rate limits: what is taken, what is told, and several processes at one cell. */
#include "tests/unit/unit.h"

#include "base/gcra.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static const int64_t second = 1000000000;
static const struct gcra_rule ten_a_second = {10, 2};

static int take_all(int64_t *cell, int64_t now, int attempts)
{
    struct gcra_state state;
    int taken = 0;
    for (int i = 0; i < attempts; i++)
        taken += gcra_take(cell, &ten_a_second, now, 1, &state);
    return taken;
}

static void a_window_at_once_then_the_rate(void **state)
{
    (void)state;
    int64_t cell = 0, start = 100 * second;
    assert_int_equal(take_all(&cell, start, 100), 20);
    assert_int_equal(take_all(&cell, start + second / 10 - 1, 100), 0);
    assert_int_equal(take_all(&cell, start + second / 10, 100), 1);
    assert_int_equal(take_all(&cell, start + second, 100), 9);
    assert_int_equal(take_all(&cell, start + 3 * second, 100), 20);
}

static void the_state_says_when(void **state)
{
    (void)state;
    struct gcra_state got;
    int64_t cell = 0, now = 5 * second;
    assert_true(gcra_take(&cell, &ten_a_second, now, 15, &got));
    assert_int_equal(got.remaining, 5);
    assert_int_equal(got.reset_ns, second * 3 / 2);
    assert_int_equal(got.retry_ns, 0);
    int64_t before = cell;
    assert_false(gcra_take(&cell, &ten_a_second, now, 6, &got));
    assert_int_equal(cell, before); /* what is refused costs nothing */
    assert_int_equal(got.remaining, 5);
    assert_int_equal(got.retry_ns, second / 10);
    assert_true(gcra_take(&cell, &ten_a_second, now + got.retry_ns, 6, &got));
    assert_int_equal(got.remaining, 0);
}

/* Else a batch above the window could never be sent. */
static void more_than_the_window(void **state)
{
    (void)state;
    struct gcra_state got;
    int64_t cell = 0;
    assert_true(gcra_take(&cell, &ten_a_second, second, 1000, &got));
    assert_int_equal(got.remaining, 0);
    assert_int_equal(got.reset_ns, 100 * second);
    assert_false(gcra_take(&cell, &ten_a_second, 2 * second, 1, &got));
    assert_int_equal(got.retry_ns, 97 * second + second / 10);
    assert_false(gcra_take(&cell, &ten_a_second, 2 * second, 1000, &got));
    assert_int_equal(got.retry_ns, 99 * second); /* when nothing else is owed */
    assert_true(gcra_take(&cell, &ten_a_second, 101 * second, 1000, &got));
}

static void processes_share_a_cell(void **state)
{
    (void)state;
    enum { PROCESSES = 4, ATTEMPTS = 20000 };
    struct shared {
        int64_t cell, taken;
    } *shared =
        mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    const struct gcra_rule rule = {10000, 3};
    for (int i = 0; i < PROCESSES; i++) {
        if (fork() == 0) {
            struct gcra_state got;
            int64_t taken = 0;
            for (int k = 0; k < ATTEMPTS; k++)
                taken += gcra_take(&shared->cell, &rule, second, 1, &got);
            __atomic_fetch_add(&shared->taken, taken, __ATOMIC_RELAXED);
            _exit(EXIT_SUCCESS);
        }
    }
    while (wait(NULL) > 0)
        ;
    assert_int_equal(shared->taken, 30000);
    munmap(shared, sizeof(*shared));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_window_at_once_then_the_rate),
        cmocka_unit_test(the_state_says_when),
        cmocka_unit_test(more_than_the_window),
        cmocka_unit_test(processes_share_a_cell),
    };
    return RUN_TESTS(tests);
}
