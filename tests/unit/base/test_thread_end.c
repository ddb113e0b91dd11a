/* What a thread keeps is given back when it ends, later things first. */
#include "tests/unit/unit.h"

#include "base/thread_end.h"

#include <pthread.h>

static int released[4], count;

static void note(void *arg)
{
    released[count++] = *(int *)arg;
}

static void *keep_two(void *values)
{
    thread_end_call(note, values);
    thread_end_call(note, (int *)values + 1);
    return NULL;
}

static void each_thread_gives_back_its_own(void **state)
{
    (void)state;
    int values[][2] = {{1, 2}, {3, 4}};
    for (int i = 0; i < 2; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, keep_two, values[i]), 0);
        pthread_join(thread, NULL);
    }
    assert_int_equal(count, 4);
    assert_int_equal(released[0], 2);
    assert_int_equal(released[1], 1);
    assert_int_equal(released[2], 4);
    assert_int_equal(released[3], 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_thread_gives_back_its_own)};
    return RUN_TESTS(tests);
}
