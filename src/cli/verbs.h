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
    X(migrate, "Make or bring up to date the database's schema and the Kafka topics.")             \
    X(config, "Print the settings as a template.env.")

#define X(name, help) int verb_##name(int argc, char **argv, const struct config *config);
VERBS(X)
#undef X

/* The directory of sql/: TIPSTER_SQL_DIR, else beside the program, else where it was built. */
const char *sql_directory(void);
/* The path of a file beside this program's binary, or NULL when it is not there. Owned by the
 * caller. */
char *beside_program(const char *name);

#endif
