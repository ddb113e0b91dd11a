/*
 * Time limits of the Kafka client go by the monotonic clock (conf/librdkafka): a record that no
 * broker takes is given up in time, although the wall clock is set back by two hours in every wait.
 */
#include "tests/unit/unit.h"

#include "base/clock.h"
#include "base/err.h"
#include "stream/producer.h"

#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { AHEAD_S = 7200, DEADLINE_MS = 1000, PATIENCE_MS = 15000 };

/*
 * In place of the C library's, for the Kafka client as well. Whoever works out when a wait ends
 * sees a clock that is two hours ahead; the kernel, which ends the wait, has the right one: as if
 * the clock were set back just then.
 */
int clock_gettime(clockid_t clock, struct timespec *now)
{
    long err = syscall(SYS_clock_gettime, clock, now);
    if (clock == CLOCK_REALTIME)
        now->tv_sec += AHEAD_S;
    return (int)err;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec time;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &time);
    *now = (struct timeval){time.tv_sec, time.tv_nsec / 1000};
    return 0;
}

static int outcome;

static void note(void *opaque, int err, enum record_kind kind, int32_t partition, int64_t offset)
{
    (void)opaque, (void)kind, (void)partition, (void)offset;
    outcome = err;
}

static void a_record_is_given_up_in_time_when_the_clock_is_set_back(void **state)
{
    (void)state;
    struct config config;
    struct producer *producer;
    AUTO_BUF problem = {0};
    setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1", 1); /* nobody listens */
    assert_int_equal(config_load(NULL, &config, &problem), 0);
    config.request_deadline_ms = DEADLINE_MS;
    outcome = 1;
    assert_int_equal(producer_create(&config, -1, note, &producer, &problem), 0);
    producer_begin(producer, str_of("acme"), CHANGE_PUT, str_of("r"));
    assert_int_equal(
        producer_send(producer, RECORD_COUPON, 0, str_of("key"), str_of("value"), NULL), 0);
    int64_t end_ms = clock_monotonic_ms() + PATIENCE_MS;
    while (outcome > 0 && clock_monotonic_ms() < end_ms) {
        producer_poll(producer);
        usleep(1000);
    }
    assert_int_equal(outcome, TIP_EUNAVAIL);
    producer_destroy(producer);
    config_release(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_given_up_in_time_when_the_clock_is_set_back),
    };
    return RUN_TESTS(tests);
}
