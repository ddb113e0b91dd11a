/* Views that are not to be read; see distrust.h. */
#include "http/distrust.h"

#include "base/log.h"
#include "http/shared.h"

#include <signal.h>
#include <stddef.h>

/* Of one worker, which alone writes it. */
struct distrust {
    struct view_identity identity;
    int64_t until_ms; /* monotonic */
    bool died;        /* of it; its successor says so */
};

static const int faults[] = {SIGSEGV, SIGBUS, SIGABRT};
enum { FAULTS = sizeof(faults) / sizeof(faults[0]) };

static struct distrust *all, *own; /* shared; a place for each worker */
static int worker_count;
static struct sigaction before[FAULTS];
static _Thread_local const struct view_identity *reading;

void distrust_reading(const struct view_identity *identity)
{
    reading = identity;
}

void distrust_until(const struct view_identity *identity, int64_t until_ms)
{
    own->identity = *identity;
    __atomic_store_n(&own->until_ms, until_ms, __ATOMIC_RELEASE);
}

bool is_distrusted(const struct view_identity *identity, int64_t now_ms)
{
    for (int i = 0; i < worker_count; i++)
        if (now_ms < __atomic_load_n(&all[i].until_ms, __ATOMIC_ACQUIRE) &&
            view_identity_equal(identity, &all[i].identity))
            return true;
    return false;
}

/* Back from here the fault happens again, and ends the process as it would have. */
static void on_fault(int signal_number)
{
    if (reading != NULL) {
        distrust_until(reading, INT64_MAX);
        own->died = true;
    }
    for (size_t i = 0; i < FAULTS; i++)
        if (faults[i] == signal_number)
            sigaction(signal_number, &before[i], NULL);
}

void distrust_configure(int workers)
{
    worker_count = workers;
    all = shared_new((size_t)workers * sizeof(*all));
}

void distrust_setup(int number)
{
    own = &all[number];
    if (own->died)
        log_error("view",
                  "a worker died reading the view: SQL answers until there is another. SIGHUP lets "
                  "tipster index build one");
    own->died = false;
    struct sigaction action = {.sa_handler = on_fault};
    for (size_t i = 0; i < FAULTS; i++)
        sigaction(faults[i], &action, &before[i]);
}
