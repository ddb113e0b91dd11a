/* Reading a verb's arguments by its table; see command.h. */
#include "cli/command.h"

#include "base/err.h"
#include "base/timefmt.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

static const struct command_exit usual_exits[] = {
    {EXIT_DONE, "done"},
    {EXIT_FAILED, "failed; standard error says why"},
    {EXIT_USAGE, "wrong use or a wrong setting"},
    {0, NULL},
};

const struct command_exit *command_exits(const struct command *command)
{
    return command->exits != NULL ? command->exits : usual_exits;
}

int command_wrong(const struct command *command, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "tipster %s: ", command->name);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, " (tipster %s --help)\n", command->name);
    va_end(arguments);
    return EXIT_USAGE;
}

/* Whether text is one of words (with blanks between); words NULL: always. */
static bool is_word(const char *words, const char *text)
{
    size_t len = strlen(text);
    if (words == NULL)
        return true;
    if (strchr(text, ' ') != NULL)
        return false;
    for (const char *at = words; len > 0 && (at = strstr(at, text)) != NULL; at += len)
        if ((at == words || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0'))
            return true;
    return false;
}

bool command_takes(const struct command_action *action, const struct command_option *option)
{
    return action == NULL || option->actions == NULL || is_word(option->actions, action->name);
}

/* "add set list" as "add, set or list". */
static void add_words(const char *words, struct buf *out)
{
    for (; *words != '\0'; words++) {
        if (*words != ' ')
            buf_add_char(out, *words);
        else
            buf_add_text(out, strchr(words + 1, ' ') != NULL ? ", " : " or ");
    }
}

/* given NULL: there is nothing. */
static void refuse_first(const struct command *command, const char *words, const char *given)
{
    AUTO_BUF names = {0};
    add_words(words, &names);
    if (given == NULL)
        command_wrong(command, "%s?", buf_cstr(&names));
    else
        command_wrong(command, "first comes %s, not '%s'", buf_cstr(&names), given);
}

static bool read_action(struct command_line *line)
{
    const struct command_action *action = line->command->actions;
    while (line->argc > 1 && action->name != NULL && strcmp(action->name, line->argv[1]) != 0)
        action++;
    if (line->argc < 2 || action->name == NULL) {
        AUTO_BUF words = {0};
        for (action = line->command->actions; action->name != NULL; action++)
            buf_addf(&words, "%s%s", words.len > 0 ? " " : "", action->name);
        refuse_first(line->command, buf_cstr(&words), line->argv[1]);
        return false;
    }
    line->action = action;
    line->argc--;
    line->argv++;
    return true;
}

bool command_begin(struct command_line *line, const struct command *command, int argc, char **argv)
{
    *line = (struct command_line){.command = command, .argc = argc, .argv = argv};
    size_t count = 0;
    const char *none;
    for (const struct command_option *option = command->options;
         option != NULL && option->name != NULL; option++) {
        assert(count < COMMAND_OPTIONS_MAX);
        line->known[count++] =
            (struct option){option->name, option->value != NULL ? required_argument : no_argument,
                            NULL, option->code};
    }
    optind = 0; /* begin anew, whatever was read before */
    opterr = 0;
    if (command->actions != NULL && !read_action(line))
        return false;
    return command->options != NULL || command_next(line, &none) == COMMAND_END;
}

static const struct command_option *find(const struct command *command, int code)
{
    const struct command_option *option = command->options;
    while (option->code != code || option->help == NULL)
        option++;
    return option;
}

/* How many arguments are wanted, and which may be the first. */
static int check_arguments(struct command_line *line)
{
    const struct command *command = line->command;
    const struct command_action *action = line->action;
    size_t count = command_argument_count(line);
    size_t min = action != NULL ? action->arguments_min : command->arguments_min;
    size_t max = action != NULL ? action->arguments_max : command->arguments_max;
    const char *names = action != NULL ? action->arguments : command->arguments;
    if (count > max)
        command_wrong(command, "one argument too many: %s", command_arguments(line)[max]);
    else if (count < min)
        command_wrong(command, "an argument is missing: %s", names);
    else if (count > 0 && !is_word(command->argument_words, command_arguments(line)[0]))
        refuse_first(command, command->argument_words, command_arguments(line)[0]);
    else
        return COMMAND_END;
    return COMMAND_WRONG;
}

static int check_option(struct command_line *line, int code)
{
    const struct command_option *option = find(line->command, code);
    AUTO_BUF words = {0};
    if (!command_takes(line->action, option)) {
        add_words(option->actions, &words);
        command_wrong(line->command, "--%s is for %s, not for %s", option->name, buf_cstr(&words),
                      line->action->name);
        return COMMAND_WRONG;
    }
    if (option->words != NULL && !is_word(option->words, optarg)) {
        add_words(option->words, &words);
        command_wrong(line->command, "--%s must be %s, is '%s'", option->name, buf_cstr(&words),
                      optarg);
        return COMMAND_WRONG;
    }
    return code;
}

/* What is wrong with an option that getopt does not take. */
static const char *option_problem(int code, const char *given)
{
    if (code == ':')
        return "this option wants a value";
    if (optopt != 0 && strchr(given, '=') != NULL)
        return "this option takes no value";
    if (strcmp(given, "--env") == 0 || strncmp(given, "--env=", strlen("--env=")) == 0)
        return "this option stands before the verb";
    return "no such option";
}

int command_next(struct command_line *line, const char **ret_value)
{
    int code = getopt_long(line->argc, line->argv, ":", line->known, NULL);
    if (code == -1)
        return check_arguments(line);
    if (code == ':' || code == '?') {
        const char *given = line->argv[optind - 1];
        command_wrong(line->command, "%s: %s", option_problem(code, given), given);
        return COMMAND_WRONG;
    }
    *ret_value = optarg;
    return check_option(line, code);
}

char **command_arguments(const struct command_line *line)
{
    return line->argv + optind;
}

size_t command_argument_count(const struct command_line *line)
{
    return (size_t)(line->argc - optind);
}

size_t command_action_index(const struct command_line *line)
{
    return (size_t)(line->action - line->command->actions);
}

int command_number(const struct command *command, const char *option, const char *value,
                   uint64_t min, uint64_t max, uint64_t *ret_number)
{
    char *end;
    errno = 0;
    uint64_t number = strtoull(value, &end, 10);
    bool whole = *value >= '0' && *value <= '9' && *end == '\0' && errno == 0;
    if (!whole || number < min || number > max) {
        command_wrong(command,
                      "--%s must be a whole number from %" PRIu64 " to %" PRIu64 ", is '%s'",
                      option, min, max, value);
        return TIP_EINVAL;
    }
    *ret_number = number;
    return 0;
}

int command_time(const struct command *command, const char *option, const char *value,
                 int64_t *ret_ms)
{
    if (time_parse(str_of(value), TIME_OFFSET_OPTIONAL, ret_ms) == 0)
        return 0;
    command_wrong(command,
                  "--%s must be a date (2026-11-21) or a time (2026-11-21T06:00:00Z) of the years "
                  "1900 to 2200, is '%s'",
                  option, value);
    return TIP_EINVAL;
}
