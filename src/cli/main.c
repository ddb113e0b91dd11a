/* `tipster <verb>`: finds the verb, loads the settings, hands over. */
#include "base/err.h"
#include "cli/verbs.h"

#include <signal.h>

struct verb {
    const char *name, *help;
    int (*run)(int argc, char **argv, const struct config *config);
};

static const struct verb verbs[] = {
#define X(name, help) {#name, help, verb_##name},
    VERBS(X)
#undef X
};

static const char *env_file; /* --env, or NULL */

enum { VERB_COUNT = sizeof(verbs) / sizeof(verbs[0]) };

static void print_help(FILE *out)
{
    fputs("Usage: tipster [--env FILE] VERB [OPTION…]\n\n", out);
    for (size_t i = 0; i < VERB_COUNT; i++)
        fprintf(out, "  %-10s %s\n", verbs[i].name, verbs[i].help);
    fputs("\nSettings come from the environment, then from FILE, then from defaults: `tipster "
          "config`.\n"
          "`tipster VERB --help` says more.\n\nExample:\n  tipster migrate && tipster serve\n",
          out);
}

const char *settings_file(void)
{
    return env_file;
}

static int run(const struct verb *verb, int argc, char **argv)
{
    struct config config;
    AUTO_BUF problem = {0};
    if (config_load(env_file, &config, &problem) != 0) {
        fprintf(stderr, "tipster: %s\n", buf_cstr(&problem));
        return EXIT_USAGE;
    }
    config_setup_log(&config);
    int code = verb->run(argc, argv, &config);
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
        print_help(at >= argc ? stderr : stdout);
        return at >= argc ? EXIT_USAGE : EXIT_DONE;
    }
    if (strcmp(argv[at], "--version") == 0) {
        puts("tipster " TIPSTER_VERSION);
        return EXIT_DONE;
    }
    for (size_t i = 0; i < VERB_COUNT; i++)
        if (strcmp(argv[at], verbs[i].name) == 0)
            return run(&verbs[i], argc - at, argv + at);
    fprintf(stderr, "tipster: no such verb: %s\n", argv[at]);
    print_help(stderr);
    return EXIT_USAGE;
}
