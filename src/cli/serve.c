/*
 * `tipster serve`: hands over to the server binary beside this one. Kore takes its process over
 * wholly (signals, privileges, its own main), so it is a program of its own.
 */
#include "cli/verbs.h"

#include "base/mem.h"
#include "base/program.h"
#include "store/migrations.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "Usage: tipster serve\n\n"
    "Answers HTTP on BIND:PORT and, for operators, on OPS_BIND, until SIGTERM or SIGINT.\n"
    "Needs DATABASE_URL and KAFKA_BOOTSTRAP_SERVERS; `tipster config` lists the rest. Callers "
    "bring "
    "API keys\n(`tipster key`); SIGHUP reads companies and keys anew at once.\n\n"
    "Example:\n  PORT=8080 tipster serve\n";

int verb_serve(int argc, char **argv, const struct config *config)
{
    (void)config;
    if (argc > 1) {
        bool asked = strcmp(argv[1], "--help") == 0;
        fputs(help, asked ? stdout : stderr);
        return asked ? EXIT_DONE : EXIT_USAGE;
    }
    AUTO_FREE char *server = program_beside("tipster-server");
    if (server == NULL)
        server = program_beside("src/http/tipster-server");
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
