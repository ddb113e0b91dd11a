/* `tipster ingest`: waits for its servers, checks that they are ours, and runs until a signal. */
#include "ingest/ingest.h"

#include "base/err.h"
#include "base/log.h"
#include "cli/verbs.h"
#include "store/migrations.h"
#include "stream/topics.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

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
    int err = db_open(config, DB_INGEST_SIDE, &db, ret_problem);
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

static int start(const struct config *config, const char *instance, int consumers)
{
    char host[65] = "ingest";
    gethostname(host, sizeof(host) - 1);
    if (*instance == '\0')
        instance = host;
    if (strlen(instance) > 100)
        return command_wrong(&command_ingest, "the instance name has more than 100 characters");
    handle_signals();
    if (wait_for_servers(config) != 0)
        return stop ? EXIT_DONE : EXIT_FAILED;
    log_info("ingest", "%s starts with %d consumers", instance, consumers);
    int err = ingest_run(config, instance, consumers, &stop);
    return err == 0 ? EXIT_DONE : err == TIP_EFENCED ? EXIT_REPLACED : EXIT_FAILED;
}

static int run(struct command_line *line, const struct config *config)
{
    const char *instance = config->ingest_instance, *value;
    uint64_t consumers = (uint64_t)config->ingest_consumers;
    for (int option; (option = command_next(line, &value)) != COMMAND_END;) {
        if (option == 'i')
            instance = value;
        else if (option != 'c' ||
                 command_number(&command_ingest, "consumers", value, 1, 64, &consumers))
            return EXIT_USAGE;
    }
    return start(config, instance, (int)consumers);
}

static const struct command_option options[] = {
    {'c', "consumers", "N", "consumers (threads) of this process, 1 to 64 (INGEST_CONSUMERS)"},
    {'i', "instance", "NAME", "the name of this process in the group"},
    {0},
};

static const struct command_exit exits[] = {
    {EXIT_DONE, "stopped by a signal"},
    {EXIT_FAILED, "stopped by an error (logged)"},
    {EXIT_USAGE, "wrong use or a wrong setting"},
    {EXIT_REPLACED, "replaced by another process of the same name"},
    {0, NULL},
};

const struct command command_ingest = {
    .name = "ingest",
    .summary = "Store what stands in Kafka in the database.",
    .description =
        "Stores what stands in Kafka in the database, exactly once, until SIGTERM or SIGINT. "
        "Several processes share the partitions; each needs a NAME of its own (default: "
        "INGEST_INSTANCE, else the host's name): a process that starts under the same name "
        "replaces the older one, which exits.",
    .options = options,
    .exits = exits,
    .examples = "tipster ingest --consumers 4 --instance $(hostname)-a",
    .with_database = true,
    .run = run,
};
