/*
 * `tipster serve`: hands over to the server binary beside this one. Kore takes its process over
 * wholly (signals, privileges, its own main), so it is a program of its own.
 */
#include "cli/verbs.h"

#include "base/mem.h"
#include "cli/servers.h"
#include "store/migrations.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int run(struct command_line *line, const struct config *config)
{
    (void)line, (void)config;
    AUTO_FREE char *server = servers_program();
    if (server == NULL) {
        fputs("tipster serve: tipster-server is not beside this program\n", stderr);
        return EXIT_FAILED;
    }
    setenv("TIPSTER_SQL_DIR", migrations_directory(), 1);
    /* A parsed record is some forty small pieces, more than glibc keeps at hand for a thread by
     * default. */
    setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=200", 0);
    if (settings_file() != NULL)
        execl(server, "tipster-server", "--config", settings_file(), (char *)NULL);
    else
        execl(server, "tipster-server", (char *)NULL);
    fprintf(stderr, "tipster serve: cannot run %s: %s\n", server, strerror(errno));
    return EXIT_FAILED;
}

static const struct command_exit exits[] = {
    {EXIT_DONE, "stopped by a signal"},
    {EXIT_FAILED, "stopped by an error (logged)"},
    {EXIT_USAGE, "wrong use or a wrong setting"},
    {0, NULL},
};

const struct command command_serve = {
    .name = "serve",
    .summary = "Answer HTTP: the companies' routes and their clients'.",
    .description =
        "Answers HTTP on BIND:PORT and, for operators, on OPS_BIND, until SIGTERM or SIGINT. Needs "
        "DATABASE_URL and KAFKA_BOOTSTRAP_SERVERS; `tipster config` lists the rest. Callers bring "
        "API keys (`tipster key`); SIGHUP reads companies and keys anew at once.",
    .exits = exits,
    .examples = "PORT=8080 tipster serve",
    .run = run,
};
