/* Faults on purpose, in test builds; see fault.h. */
#include "base/fault.h"

#ifdef TIPSTER_FAULTS
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { FAULTS_MAX = 8 };

/* Passes so far of each point, by its place in the environment's list. */
static atomic_long passes[FAULTS_MAX];

bool fault_is_due(const char *name)
{
    const char *entry = getenv("TIPSTER_FAULT");
    size_t length = strlen(name);
    for (int i = 0; entry != NULL && i < FAULTS_MAX; i++) {
        if (strncmp(entry, name, length) == 0 && entry[length] == ':')
            return atomic_fetch_add(&passes[i], 1) + 1 == strtol(entry + length + 1, NULL, 10);
        entry = strchr(entry, ',');
        entry = entry != NULL ? entry + 1 : NULL;
    }
    return false;
}

void fault_die(const char *name)
{
    if (fault_is_due(name))
        raise(SIGKILL);
}

bool fault_sabotaged(const char *guarantee)
{
    const char *name = getenv("TIPSTER_SABOTAGE");
    return name != NULL && strcmp(name, guarantee) == 0;
}
#endif
