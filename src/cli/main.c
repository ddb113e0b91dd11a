/* `tipster <verb>`: finds the verb, loads the settings, hands over. */
#include "base/err.h"
#include "cli/command_help.h"
#include "cli/verbs.h"

#include <signal.h>

#define X(name) &command_##name,
const struct command *const commands[] = {VERBS(X) NULL};
#undef X

static const char *env_file; /* --env, or NULL */

const char *settings_file(void)
{
    return env_file;
}

static bool asks_for_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0)
            return true;
    return false;
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
    int code = command->run(&line, &config);
    config_release(&config);
    return code;
}

int main(int argc, char **argv)
{
    int at = 1;
    signal(SIGPIPE, SIG_IGN);
    if (argc > at + 1 && strcmp(argv[at], "--env") == 0) {
        env_file = argv[at + 1];
        at += 2;
    }
    if (at >= argc || strcmp(argv[at], "--help") == 0 || strcmp(argv[at], "help") == 0) {
        command_print_list(at >= argc ? stderr : stdout);
        return at >= argc ? EXIT_USAGE : EXIT_DONE;
    }
    if (strcmp(argv[at], "--version") == 0) {
        puts("tipster " TIPSTER_VERSION);
        return EXIT_DONE;
    }
    for (const struct command *const *command = commands; *command != NULL; command++)
        if (strcmp(argv[at], (*command)->name) == 0)
            return run(*command, argc - at, argv + at);
    fprintf(stderr, "tipster: no such verb: %s\n", argv[at]);
    command_print_list(stderr);
    return EXIT_USAGE;
}
