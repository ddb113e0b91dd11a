/* The two clocks: the monotonic one for limits and durations, the real one for records' times. */
#ifndef TIPSTER_BASE_CLOCK_H
#define TIPSTER_BASE_CLOCK_H

#include <stdint.h>

/* Milliseconds since some fixed moment; never goes back. */
int64_t clock_monotonic_ms(void);
/* The same in microseconds. */
int64_t clock_monotonic_us(void);
/* Milliseconds since 1970-01-01 UTC. */
int64_t clock_realtime_ms(void);

#endif
