/* `tipster status`: the whole system on one screen, whatever of it is up; see status.h. */
#include "cli/status.h"

#include "base/log.h"
#include "cli/admin.h"
#include "cli/terminal.h"
#include "cli/verbs.h"

#include <signal.h>
#include <time.h>

enum { FIRST_PAUSE_S = 1, EVERY_DEFAULT_S = 2, EVERY_MAX_S = 3600 };

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

struct options {
    const char *company;
    bool json, watch;
    uint64_t every_s;
};

static void pause_s(uint64_t seconds)
{
    nanosleep(&(struct timespec){.tv_sec = (time_t)seconds}, NULL);
}

static void show(const struct status *before, const struct status *now,
                 const struct options *options)
{
    if (options->watch && !options->json)
        terminal_clear(stdout);
    (options->json ? status_print_json : status_print)(before, now, stdout);
    if (options->watch && !options->json && !terminal_is(stdout))
        putchar('\n');
    fflush(stdout);
}

static int look(const struct config *config, const struct options *options)
{
    struct status before = {0}, now = {0};
    struct status_eyes *eyes = status_eyes_new(config, options->company);
    uint64_t wait_s = FIRST_PAUSE_S;
    status_look(eyes, &before);
    do {
        pause_s(wait_s);
        wait_s = options->every_s;
        status_look(eyes, &now);
        if (stop) { /* cut short: its rates would be of no time at all */
            status_release(&before);
            before = now;
            break;
        }
        show(&before, &now, options);
        status_release(&before);
        before = now;
    } while (options->watch && !stop && ferror(stdout) == 0);
    int code = status_is_good(&before) || options->watch ? EXIT_DONE : EXIT_FAILED;
    status_release(&before);
    status_eyes_free(eyes);
    return code;
}

static int run(struct command_line *line, const struct config *config)
{
    struct options options = {.company = "", .every_s = EVERY_DEFAULT_S};
    const char *value;
    for (int option; (option = command_next(line, &value)) != COMMAND_END;) {
        if (option == 'c')
            options.company = value;
        else if (option == 'j')
            options.json = true;
        else if (option == 'w')
            options.watch = true;
        else if (option != 'e' || command_number(&command_status, "every", value, 1, EVERY_MAX_S,
                                                 &options.every_s) != 0)
            return EXIT_USAGE;
    }
    if (*options.company != '\0' && !admin_company_id(&command_status, options.company))
        return EXIT_USAGE;
    log_setup(LOG_LEVEL_ERROR, false); /* what is away is shown, not logged */
    struct sigaction action = {.sa_handler = on_signal};
    if (options.watch) {
        sigaction(SIGINT, &action, NULL);
        sigaction(SIGTERM, &action, NULL);
    }
    return look(config, &options);
}

static const struct command_option known_options[] = {
    {'w', "watch", NULL, "go on until Ctrl-C, drawing anew each time"},
    {'e', "every", "SECONDS", "with --watch: how often (2)"},
    {'c', "company", "ID", "the last rejects of this company only"},
    {'j', "json", NULL, "one JSON object a look on standard output"},
    {0},
};

static const struct command_exit exits[] = {
    {EXIT_DONE, "all parts are up; with --watch: stopped by a signal"},
    {EXIT_FAILED, "a part is down or late"},
    {EXIT_USAGE, "wrong use or a wrong setting"},
    {0, NULL},
};

const struct command command_status = {
    .name = "status",
    .summary = "Show the whole system on one screen: what is up, lag, rates, rejects.",
    .description =
        "Looks at serve by its operations listener (OPS_BIND), at ingest by what it writes to the "
        "database every two seconds, at index by what it writes to VIEW_DIR, at the database and "
        "Kafka themselves, and says of each what it knows and from where. Works while parts are "
        "down: lag then comes from what Kafka knows alone, ingest's state from serve. Rates are "
        "those of one second, or of the time between two pictures. Run it with the settings of "
        "the processes, on the machine whose serve and view are meant.",
    .options = known_options,
    .exits = exits,
    .examples = "tipster --env /etc/tipster/tipster.env status --watch\n"
                "tipster status --json | jq -r '.parts[] | select(.state != \"up\") | .name'",
    .run = run,
};
