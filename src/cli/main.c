/* `tipster <verb>`: finds the verb, loads the settings, hands over. */
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/verbs.h"

#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

struct verb {
    const char *name, *help;
    int (*run)(int argc, char **argv, const struct config *config);
};

static const struct verb verbs[] = {
#define X(name, help) {#name, help, verb_##name},
    VERBS(X)
#undef X
};

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

char *beside_program(const char *name)
{
    char own[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", own, sizeof(own) - 1);
    if (len <= 0)
        return NULL;
    own[len] = '\0';
    char *slash = strrchr(own, '/');
    *slash = '\0';
    char *path = xasprintf("%s/%s", own, name);
    if (access(path, F_OK) == 0)
        return path;
    free(path);
    return NULL;
}

const char *sql_directory(void)
{
    const char *set = getenv("TIPSTER_SQL_DIR");
    if (set != NULL && *set != '\0')
        return set;
    static char *found;
    if (found == NULL)
        found = beside_program("sql");
    if (found == NULL)
        found = beside_program("../share/tipster/sql");
    return found != NULL ? found : TIPSTER_SQL_SOURCE_DIR;
}

static void setup_log(const struct config *config)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    enum log_level level = LOG_LEVEL_INFO;
    for (int i = 0; i < 4; i++)
        if (strcmp(config->log_level, names[i]) == 0)
            level = (enum log_level)i;
    log_setup(level, strcmp(config->log_format, "json") == 0);
}

static int run(const struct verb *verb, int argc, char **argv, const char *env_file)
{
    struct config config;
    AUTO_BUF problem = {0};
    if (config_load(env_file, &config, &problem) != 0) {
        fprintf(stderr, "tipster: %s\n", buf_cstr(&problem));
        return EXIT_USAGE;
    }
    setup_log(&config);
    int code = verb->run(argc, argv, &config);
    config_release(&config);
    return code;
}

int main(int argc, char **argv)
{
    const char *env_file = NULL;
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
            return run(&verbs[i], argc - at, argv + at, env_file);
    fprintf(stderr, "tipster: no such verb: %s\n", argv[at]);
    print_help(stderr);
    return EXIT_USAGE;
}
