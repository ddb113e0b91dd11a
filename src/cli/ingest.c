/* `tipster ingest`: waits for its servers, checks that they are ours, and runs until a signal. */
#include "ingest/ingest.h"

#include "base/err.h"
#include "base/log.h"
#include "cli/verbs.h"
#include "store/migrations.h"
#include "stream/topics.h"

#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char help[] =
    "Usage: tipster ingest [--consumers N] [--instance NAME]\n\n"
    "Stores what stands in Kafka in the database, exactly once, until SIGTERM or SIGINT. Several "
    "processes share\n"
    "the partitions; each needs a NAME of its own (default: INGEST_INSTANCE, else the host's "
    "name): a process\n"
    "that starts under the same name replaces the older one, which exits.\n\n"
    "  --consumers N    consumers (threads) of this process (INGEST_CONSUMERS)\n"
    "  --instance NAME  the name of this process in the group\n\n"
    "Exit code: 0 stopped by a signal, 1 stopped by an error (logged), 3 replaced by another "
    "process.\n\n"
    "Example:\n  tipster ingest --consumers 4 --instance $(hostname)-a\n";

enum { EXIT_REPLACED = 3, CHECK_TIMEOUT_MS = 5000 };

static volatile bool stop;

static void on_signal(int number)
{
    (void)number;
    stop = true;
}

static void handle_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
}

/* Both servers are there and are what the settings say. TIP_EUNAVAIL: not there yet. */
static int check_servers(const struct config *config, struct buf *ret_problem)
{
    AUTO_DB *db = NULL;
    int err = db_open(config, DB_API, &db, ret_problem);
    if (err == 0)
        err = migrations_check(db, migrations_directory(), ret_problem);
    return err == 0 ? topics_check(config, CHECK_TIMEOUT_MS, ret_problem) : err;
}

/* Waits while a server is missing; a wrong one ends the process. */
static int wait_for_servers(const struct config *config)
{
    while (!stop) {
        AUTO_BUF problem = {0};
        int err = check_servers(config, &problem);
        if (err == 0)
            return 0;
        bool wait = err == TIP_EUNAVAIL || err == TIP_ERETRY || err == TIP_ETIMEOUT;
        log_line(wait ? LOG_LEVEL_WARN : LOG_LEVEL_ERROR, "ingest", "%s%s", buf_cstr(&problem),
                 wait ? "; waiting" : "");
        if (!wait)
            return err;
        nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
    }
    return TIP_EUNAVAIL;
}

static int usage(FILE *out)
{
    fputs(help, out);
    return out == stdout ? EXIT_DONE : EXIT_USAGE;
}

static int start(const struct config *config, const char *instance, int consumers)
{
    char host[65] = "ingest";
    gethostname(host, sizeof(host) - 1);
    if (*instance == '\0')
        instance = host;
    if (strlen(instance) > 100) {
        fputs("tipster ingest: the instance name has more than 100 characters\n", stderr);
        return EXIT_USAGE;
    }
    handle_signals();
    if (wait_for_servers(config) != 0)
        return stop ? EXIT_DONE : EXIT_FAILED;
    log_info("ingest", "%s starts with %d consumers", instance, consumers);
    int err = ingest_run(config, instance, consumers, &stop);
    return err == 0 ? EXIT_DONE : err == TIP_EFENCED ? EXIT_REPLACED : EXIT_FAILED;
}

int verb_ingest(int argc, char **argv, const struct config *config)
{
    static const struct option options[] = {{"consumers", required_argument, NULL, 'c'},
                                            {"instance", required_argument, NULL, 'i'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char *instance = config->ingest_instance;
    long consumers = (long)config->ingest_consumers;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 'h')
            return usage(stdout);
        else if (option == 'c')
            consumers = strtol(optarg, NULL, 10);
        else if (option == 'i')
            instance = optarg;
        else
            return usage(stderr);
    }
    if (optind < argc)
        return usage(stderr);
    if (consumers < 1 || consumers > 64) {
        fputs("tipster ingest: --consumers must be from 1 to 64\n", stderr);
        return EXIT_USAGE;
    }
    return start(config, instance, (int)consumers);
}
