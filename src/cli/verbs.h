/*
 * The verbs of `tipster`, in the order in which they are shown. Each has a file of its own that
 * defines command_NAME (command.h).
 */
#ifndef TIPSTER_CLI_VERBS_H
#define TIPSTER_CLI_VERBS_H

#include "cli/command.h"

#define VERBS(X)                                                                                   \
    X(serve)                                                                                       \
    X(ingest)                                                                                      \
    X(index)                                                                                       \
    X(migrate)                                                                                     \
    X(company)                                                                                     \
    X(key)                                                                                         \
    X(generate)                                                                                    \
    X(import)                                                                                      \
    X(status)                                                                                      \
    X(doctor)                                                                                      \
    X(check)                                                                                       \
    X(view)                                                                                        \
    X(config)                                                                                      \
    X(completion)                                                                                  \
    X(man)

#define X(name) extern const struct command command_##name;
VERBS(X)
#undef X

/* The file given with --env, or NULL: for a verb that starts another program. */
const char *settings_file(void);

#endif
