/*
 * The commands of `tipster`: one table row and one file each. A verb gets its own arguments
 * (argv[0] is its name) and the settings, and returns an exit code: 0 done, 1 done with failures, 2
 * wrong use.
 */
#ifndef TIPSTER_CLI_VERBS_H
#define TIPSTER_CLI_VERBS_H

#include "config/config.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

#define VERBS(X)                                                                                   \
    X(serve, "Answer HTTP: the companies' routes and their clients'.")                             \
    X(ingest, "Store what stands in Kafka in the database.")                                       \
    X(index, "Keep this node's view: what recommendations are answered from.")                     \
    X(migrate, "Make or bring up to date the database's schema and the Kafka topics.")             \
    X(company, "Add companies, list them, set what is set for each.")                              \
    X(key, "Make, list, rotate and revoke the companies' API keys.")                               \
    X(generate, "Make up users, events and coupons and send them.")                                \
    X(import, "Send fixtures, users, events or coupons from files.")                               \
    X(check, "Hold a ledger of what was sent against what is stored.")                             \
    X(view, "Look into a node's view: check it, or show what it holds.")                           \
    X(config, "Print the settings as a template.env.")

#define X(name, help) int verb_##name(int argc, char **argv, const struct config *config);
VERBS(X)
#undef X

/* The file given with --env, or NULL: for a verb that starts another program. */
const char *settings_file(void);

#endif
