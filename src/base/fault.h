/*
 * Where a test build goes wrong on purpose. Built with -Dfaults=true, a process that has
 * TIPSTER_FAULT=name:N[,name:N…] in its environment meets the N-th pass of the point `name`; one
 * that has TIPSTER_SABOTAGE=name lacks the guarantee `name`, which the ledger's checker must find
 * out (docs/reliability.md). In every other build all of this is nothing.
 */
#ifndef TIPSTER_BASE_FAULT_H
#define TIPSTER_BASE_FAULT_H

#include <stdbool.h>

#ifdef TIPSTER_FAULTS
/* Whether this pass of the point is the one that the environment asks for. */
bool fault_is_due(const char *name);
/* Dies here, as by kill -9, when this pass is the one. */
void fault_die(const char *name);
/* Whether this process goes without the guarantee. */
bool fault_sabotaged(const char *guarantee);
#else
static inline bool fault_is_due(const char *name)
{
    (void)name;
    return false;
}
static inline void fault_die(const char *name)
{
    (void)name;
}
static inline bool fault_sabotaged(const char *guarantee)
{
    (void)guarantee;
    return false;
}
#endif

#endif
