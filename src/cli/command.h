/*
 * What a verb of `tipster` is, as a table: its actions, arguments, options, exit codes, examples.
 * Its options are read by this table, and its --help, the shells' completion and the manual page
 * are made from it, so none of them can say something else than the others.
 */
#ifndef TIPSTER_CLI_COMMAND_H
#define TIPSTER_CLI_COMMAND_H

#include "base/buf.h"
#include "config/config.h"

#include <getopt.h>

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

enum { COMMAND_OPTIONS_MAX = 32, COMMAND_ANY_NUMBER = 1 << 20 };

/* What a shell offers where a value is wanted that is not one of a few words. */
enum completion { COMPLETE_NOTHING, COMPLETE_FILES, COMPLETE_FOLDERS };

struct command_option {
    int code;            /* what command_next returns: a letter, or a number of the verb's own */
    const char *name;    /* without its dashes; NULL ends the table */
    const char *value;   /* what it takes, as people read it ("N", "FILE"); NULL: nothing */
    const char *help;    /* NULL: another name of an option that is described; not shown */
    const char *actions; /* that take it, with blanks between ("add set"); NULL: all */
    const char *words;   /* the values there are, with blanks between; NULL: others */
    enum completion completion;
};

struct command_action {
    const char *name;      /* NULL ends the table */
    const char *arguments; /* "ID NAME=VALUE…", or "" */
    const char *help;
    size_t arguments_min, arguments_max;
};

struct command_exit {
    int code;
    const char *meaning; /* NULL ends the table */
};

struct command_line;

struct command {
    const char *name, *summary;
    const char *description;              /* paragraphs, with an empty line between */
    const struct command_action *actions; /* NULL: none, and the next members are looked at */
    const char *arguments;
    const char *argument_words; /* the first argument's values; NULL: others */
    size_t arguments_min, arguments_max;
    enum completion completion; /* of the arguments */
    const struct command_option *options;
    const struct command_exit *exits; /* NULL: 0 done, 1 failed, 2 wrong use */
    const char *examples;             /* one a line */
    bool without_settings;            /* runs with config NULL: it needs none, or loads them */
    bool with_database;               /* cannot do without DATABASE_URL */
    /* Returns an exit code. */
    int (*run)(struct command_line *line, const struct config *config);
};

/* The arguments of a verb while they are read. */
struct command_line {
    const struct command *command;
    const struct command_action *action; /* the one asked for; NULL: the verb has none */
    int argc;
    char **argv; /* [0] is the verb or the action */
    struct option known[COMMAND_OPTIONS_MAX + 1];
};

enum { COMMAND_END = -1, COMMAND_WRONG = -2 };

/*
 * argv[0] is the verb. Of a verb without options the arguments are read, too. False: wrong use,
 * which has been said.
 */
bool command_begin(struct command_line *line, const struct command *command, int argc, char **argv);

/*
 * The code of the next option and its value (NULL: it takes none). COMMAND_END: no more of them,
 * and the arguments are as many as the table wants, the first one of argument_words. COMMAND_WRONG:
 * wrong use, which has been said.
 */
int command_next(struct command_line *line, const char **ret_value);

/* What is not an option, after COMMAND_END; ended by a NULL. */
char **command_arguments(const struct command_line *line);
size_t command_argument_count(const struct command_line *line);

/* The place of the action in the verb's table. */
size_t command_action_index(const struct command_line *line);

/* Says what is wrong, and where to read on. Returns EXIT_USAGE. */
int command_wrong(const struct command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A whole number in a range, or TIP_EINVAL after it was said what is wrong with --option. */
int command_number(const struct command *command, const char *option, const char *value,
                   uint64_t min, uint64_t max, uint64_t *ret_number);
/* A time or a date; the same. */
int command_time(const struct command *command, const char *option, const char *value,
                 int64_t *ret_ms);

/* Whether the action (NULL: none) takes the option. */
bool command_takes(const struct command_action *action, const struct command_option *option);

/* The table of exit codes, never NULL. */
const struct command_exit *command_exits(const struct command *command);

/* The verbs, ended by NULL, in the order in which they are shown. */
extern const struct command *const commands[];

#endif
