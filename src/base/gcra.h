/*
 * Rate limits by the generic cell rate algorithm (ITU-T I.371): all that is remembered of a caller
 * is one number, the time at which what it has used is paid back. Any number of processes may use a
 * number in shared memory at once: it is changed by compare-and-swap, without locks.
 *
 * `rate` units a second go on for ever; after a silence of the window, rate * window units may come
 * at once. More than that at once is taken when nothing else is owed.
 */
#ifndef TIPSTER_BASE_GCRA_H
#define TIPSTER_BASE_GCRA_H

#include <stdbool.h>
#include <stdint.h>

struct gcra_rule {
    int64_t rate_per_s; /* 1 to 10^9 */
    int64_t window_s;
};

/* After the attempt. */
struct gcra_state {
    int64_t remaining; /* units that could come now */
    int64_t reset_ns;  /* until everything is paid back */
    int64_t retry_ns;  /* 0, or until this attempt would have been taken */
};

/*
 * Takes cost units (1 to 10^6) from a cell (0: never used); now_ns of a monotonic clock. False: not
 * taken, nothing has changed.
 */
bool gcra_take(int64_t *cell, const struct gcra_rule *rule, int64_t now_ns, int64_t cost,
               struct gcra_state *ret_state);

#endif
