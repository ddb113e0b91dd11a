/*
 * What this program hangs into a worker's loop besides sockets: wake-ups from other threads
 * (eventfds), one sweep timer for everybody (Kore's timers are a sorted list), and the few things
 * that happen at a moment of their own. The sweep also keeps the loop turning, since Kore looks at
 * its own time limits only when it wakes up.
 */
#ifndef TIPSTER_HTTP_LOOP_H
#define TIPSTER_HTTP_LOOP_H

#include <stdbool.h>
#include <stdint.h>

enum { LOOP_SWEEP_MS = 250 };

/* Starts the sweep timer, and lets Kore send the answers of a round by the ring if there is one
 * (send_ring.h). Once per worker, after the fork. */
void loop_start(void);
/* Calls callback(arg) every LOOP_SWEEP_MS; now_ms is the monotonic clock. */
void loop_sweep_add(void (*callback)(void *arg, int64_t now_ms), void *arg);
/* Calls callback(arg) once, after_ms from now. */
void loop_once(void (*callback)(void *arg), void *arg, int after_ms);
/* An eventfd (for the life of the process): after a write to it the loop calls callback(arg). */
int loop_wakeup_new(void (*callback)(void *arg), void *arg);

/*
 * For the end of a worker: takes the connections that wait, and no more. last: no other worker
 * listens any more; the ports are then free for a successor, and others are refused at once.
 */
void loop_stop_accepting(bool last);
/* How many clients are connected to this worker. */
int loop_clients(void);
/* One round of the loop, waiting timeout_ms at most; for the end of a worker, when Kore's own has
 * ended. */
void loop_turn(int timeout_ms);

#endif
