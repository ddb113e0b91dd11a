/* `tipster <verb>`: finds the verb, loads the settings, hands over. */
#include "cli/command_help.h"
#include "cli/verbs.h"
#include "store/db_url.h"

#include <signal.h>

#define X(name) &command_##name,
const struct command *const commands[] = {VERBS(X) NULL};
#undef X

static const char *env_file; /* --env, or NULL */

const char *settings_file(void)
{
    return env_file;
}

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static bool asks_for_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (is_help(argv[i]))
            return true;
    return false;
}

/* A wrong address is a wrong setting, and said before anything is begun; an empty one is a matter
 * for those that need it. */
static bool addresses_are_right(const struct command *command, const struct config *config)
{
    const struct {
        const char *before, *url;
    } addresses[] = {
        {"", config->database_url},
        {"INGEST_", config->ingest_database_url},
        {"MIGRATE_", config->migrate_database_url},
    };
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        struct db_url url;
        AUTO_BUF problem = {0};
        if (*addresses[i].url == '\0' || db_url_parse(addresses[i].url, &url, &problem) == 0)
            continue;
        fprintf(stderr, "tipster %s: %s%s\n", command->name, addresses[i].before,
                buf_cstr(&problem));
        return false;
    }
    return true;
}

/* Without any address, a verb that needs one can have failed for nothing else. */
static bool lacks_address(const struct command *command, const struct config *config)
{
    return command->with_database && *config->database_url == '\0' &&
           *config->ingest_database_url == '\0' && *config->migrate_database_url == '\0';
}

static int run(const struct command *command, int argc, char **argv)
{
    struct config config;
    struct command_line line;
    AUTO_BUF problem = {0};
    if (asks_for_help(argc, argv)) {
        command_print_help(command, stdout);
        return EXIT_DONE;
    }
    if (!command_begin(&line, command, argc, argv))
        return EXIT_USAGE;
    if (command->without_settings)
        return command->run(&line, NULL);
    if (config_load(env_file, &config, &problem) != 0) {
        fprintf(stderr, "tipster: %s\n", buf_cstr(&problem));
        return EXIT_USAGE;
    }
    config_setup_log(&config);
    int code = addresses_are_right(command, &config) ? command->run(&line, &config) : EXIT_USAGE;
    if (code == EXIT_FAILED && lacks_address(command, &config))
        code = EXIT_USAGE;
    config_release(&config);
    return code;
}

/* Takes --env; returns the place of what follows, 0 when it names no file, which was said. */
static int read_env(int argc, char **argv)
{
    static const char joined[] = "--env=";
    if (argc > 1 && strncmp(argv[1], joined, strlen(joined)) == 0) {
        env_file = argv[1] + strlen(joined);
        return 2;
    }
    if (argc < 2 || strcmp(argv[1], "--env") != 0)
        return 1;
    if (argc < 3) {
        fputs("tipster: this option wants a value: --env (tipster --help)\n", stderr);
        return 0;
    }
    env_file = argv[2];
    return 3;
}

/* NULL after it was said that there is none of this name. */
static const struct command *find_command(const char *name)
{
    for (const struct command *const *command = commands; *command != NULL; command++)
        if (strcmp(name, (*command)->name) == 0)
            return *command;
    fprintf(stderr, "tipster: no such %s: %s (tipster --help)\n", *name == '-' ? "option" : "verb",
            name);
    return NULL;
}

static int help(const char *name)
{
    const struct command *command = name != NULL ? find_command(name) : NULL;
    if (name == NULL)
        command_print_list(stdout);
    else if (command == NULL)
        return EXIT_USAGE;
    else
        command_print_help(command, stdout);
    return EXIT_DONE;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    int at = read_env(argc, argv);
    if (at == 0)
        return EXIT_USAGE;
    const char *word = argv[at]; /* argv ends with a NULL */
    if (word == NULL) {
        command_print_list(stderr);
        return EXIT_USAGE;
    }
    if (is_help(word) || strcmp(word, "help") == 0)
        return help(argv[at + 1]);
    if (strcmp(word, "--version") == 0) {
        puts("tipster " TIPSTER_VERSION);
        return EXIT_DONE;
    }
    const struct command *command = find_command(word);
    return command != NULL ? run(command, argc - at, argv + at) : EXIT_USAGE;
}
