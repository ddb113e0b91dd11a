/* Reading a verb's arguments by its table; see command.h. */
#include "cli/command.h"

#include "base/err.h"
#include "base/timefmt.h"

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

bool command_is_word(const char *words, const char *text)
{
    size_t len = strlen(text);
    if (words == NULL)
        return true;
    for (const char *at = words; len > 0 && (at = strstr(at, text)) != NULL; at += len)
        if ((at == words || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0'))
            return true;
    return false;
}

bool command_takes(const struct command_action *action, const struct command_option *option)
{
    return action == NULL || option->actions == NULL ||
           command_is_word(option->actions, action->name);
}

/* "add, set or list". */
static void list_words(const struct command_action *actions, struct buf *out)
{
    for (; actions->name != NULL; actions++) {
        buf_add_text(out, actions->name);
        if (actions[1].name != NULL)
            buf_add_text(out, actions[2].name != NULL ? ", " : " or ");
    }
}

static bool read_action(struct command_line *line)
{
    const struct command_action *action = line->command->actions;
    while (line->argc > 1 && action->name != NULL && strcmp(action->name, line->argv[1]) != 0)
        action++;
    if (line->argc < 2 || action->name == NULL) {
        AUTO_BUF names = {0};
        list_words(line->command->actions, &names);
        command_wrong(line->command, "%s?", buf_cstr(&names));
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
    for (const struct command_option *option = command->options;
         option != NULL && option->name != NULL && count < COMMAND_OPTIONS_MAX; option++)
        line->known[count++] =
            (struct option){option->name, option->value != NULL ? required_argument : no_argument,
                            NULL, option->code};
    optind = 0; /* begin anew, whatever was read before */
    opterr = 0;
    return command->actions == NULL || read_action(line);
}

static const struct command_option *find(const struct command *command, int code)
{
    const struct command_option *option = command->options;
    while (option->code != code || option->help == NULL)
        option++;
    return option;
}

/* How many arguments are wanted. */
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
    else
        return COMMAND_END;
    return COMMAND_WRONG;
}

static void refuse_value(const struct command *command, const struct command_option *option)
{
    AUTO_BUF words = {0};
    for (const char *at = option->words; *at != '\0'; at++)
        buf_add_str(&words, *at == ' ' ? str_of(", ") : str_from(at, 1));
    command_wrong(command, "--%s must be one of: %s; is '%s'", option->name, buf_cstr(&words),
                  optarg);
}

static int check_option(struct command_line *line, int code)
{
    const struct command_option *option = find(line->command, code);
    if (!command_takes(line->action, option))
        command_wrong(line->command, "--%s belongs to another command than %s", option->name,
                      line->action->name);
    else if (option->words != NULL && !command_is_word(option->words, optarg))
        refuse_value(line->command, option);
    else
        return code;
    return COMMAND_WRONG;
}

int command_next(struct command_line *line, const char **ret_value)
{
    int code = getopt_long(line->argc, line->argv, ":", line->known, NULL);
    if (code == -1)
        return check_arguments(line);
    if (code == ':' || code == '?') {
        bool is_known = optopt != 0 && strchr(line->argv[optind - 1], '=') != NULL;
        const char *problem = code == ':' ? "this option wants a value"
                              : is_known  ? "this option takes no value"
                                          : "no such option";
        command_wrong(line->command, "%s: %s", problem, line->argv[optind - 1]);
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
                  "--%s must be a date (2026-11-21) or a time (2026-11-21T06:00:00Z), is '%s'",
                  option, value);
    return TIP_EINVAL;
}
