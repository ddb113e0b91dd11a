/*
 * What a thread keeps for itself as long as it lives (a buffer, a context) is freed when it ends:
 * the owner of such a thing says once per thread how.
 */
#ifndef TIPSTER_BASE_THREAD_END_H
#define TIPSTER_BASE_THREAD_END_H

/* When the calling thread ends, release(arg) runs in it; later ones first. Not at the end of the
 * main thread: its things end with the process. */
void thread_end_call(void (*release)(void *arg), void *arg);

#endif
