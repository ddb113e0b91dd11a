/* Help from the tables; see command_help.h. */
#include "cli/command_help.h"

#include "domain/utf8.h"

enum { WIDTH = 80, OPTIONS_SHOWN_MAX = 6, NAMES_WIDTH_MAX = 26 };

/* --- text in lines of WIDTH */

struct column {
    FILE *out;
    size_t indent; /* of lines after the first */
    size_t at;     /* characters on this line */
};

static void new_line(struct column *column)
{
    fprintf(column->out, "\n%*s", (int)column->indent, "");
    column->at = column->indent;
}

static void put_word(struct column *column, struct str word)
{
    size_t width = utf8_count(word);
    bool first = column->at <= column->indent;
    if (!first && column->at + 1 + width > WIDTH) {
        new_line(column);
        first = true;
    }
    fprintf(column->out, "%s%.*s", first ? "" : " ", (int)word.len, word.data);
    column->at += width + !first;
}

/* Words from where the line stands; an empty line in the text is one in the output. */
static void put_text(struct column *column, const char *text)
{
    while (*text != '\0') {
        size_t blanks = strspn(text, " \n");
        if (blanks > 1 && strncmp(text, "\n\n", 2) == 0) {
            fputc('\n', column->out);
            new_line(column);
        }
        text += blanks;
        size_t len = strcspn(text, " \n");
        if (len > 0)
            put_word(column, str_from(text, len));
        text += len;
    }
    fputc('\n', column->out);
}

/* "  NAMES   text": the text in a column that begins at indent. */
static void put_row(FILE *out, const char *names, const char *text, size_t indent)
{
    struct column column = {out, indent, indent};
    size_t width = utf8_count(str_of(names));
    fprintf(out, "  %s", names);
    if (width + 4 > indent)
        new_line(&column);
    else
        fprintf(out, "%*s", (int)(indent - width - 2), "");
    put_text(&column, text);
}

/* --- usage */

static size_t count_options(const struct command *command, const struct command_action *action)
{
    size_t count = 0;
    for (const struct command_option *option = command->options;
         option != NULL && option->name != NULL; option++)
        count += option->help != NULL && command_takes(action, option);
    return count;
}

static void add_options(const struct command *command, const struct command_action *action,
                        struct buf *out)
{
    if (count_options(command, action) > OPTIONS_SHOWN_MAX) {
        buf_add_text(out, " [OPTION…]");
        return;
    }
    for (const struct command_option *option = command->options;
         option != NULL && option->name != NULL; option++)
        if (option->help != NULL && command_takes(action, option))
            buf_addf(out, " [--%s%s%s]", option->name, option->value != NULL ? " " : "",
                     option->value != NULL ? option->value : "");
}

static void add_arguments(const char *arguments, struct buf *out)
{
    if (arguments != NULL && *arguments != '\0')
        buf_addf(out, " %s", arguments);
}

void command_usages(const struct command *command, command_usage_fn *each, void *context)
{
    AUTO_BUF words = {0};
    if (command->actions == NULL) {
        buf_add_text(&words, command->name);
        add_options(command, NULL, &words);
        add_arguments(command->arguments, &words);
        each(context, buf_cstr(&words));
        return;
    }
    for (const struct command_action *action = command->actions; action->name != NULL; action++) {
        buf_clear(&words);
        buf_addf(&words, "%s %s", command->name, action->name);
        add_arguments(action->arguments, &words);
        add_options(command, action, &words);
        each(context, buf_cstr(&words));
    }
}

struct usage_print {
    FILE *out;
    bool further;
};

static void print_usage(void *context, const char *words)
{
    struct usage_print *print = context;
    struct column column = {print->out, 10, 0};
    fputs(print->further ? "      " : "Usage:", print->out);
    column.at = 6;
    column.indent = 15;
    /* The first word follows "Usage:" on its line. */
    fputs(" tipster", print->out);
    column.at += 8;
    while (*words != '\0') {
        /* An option stands with its value in one pair of brackets and is not torn. */
        size_t len = *words == '[' ? strcspn(words, "]") + 1 : strcspn(words, " ");
        struct str word = str_from(words, len);
        if (column.at + 1 + utf8_count(word) > WIDTH)
            new_line(&column);
        else
            fputc(' ', print->out);
        fprintf(print->out, "%.*s", (int)word.len, word.data);
        column.at += 1 + utf8_count(word);
        words += len;
        words += strspn(words, " ");
    }
    fputc('\n', print->out);
    print->further = true;
}

/* --- the parts */

static void option_names(const struct command_option *option, struct buf *out)
{
    buf_clear(out);
    buf_addf(out, "--%s%s%s", option->name, option->value != NULL ? " " : "",
             option->value != NULL ? option->value : "");
}

static void print_actions(const struct command *command, FILE *out)
{
    size_t widest = 0;
    for (const struct command_action *action = command->actions; action->name != NULL; action++)
        if (strlen(action->name) > widest)
            widest = strlen(action->name);
    for (const struct command_action *action = command->actions; action->name != NULL; action++)
        put_row(out, action->name, action->help, widest + 4);
    fputc('\n', out);
}

static void print_options(const struct command *command, FILE *out)
{
    AUTO_BUF names = {0};
    size_t widest = strlen("--help");
    for (const struct command_option *option = command->options;
         option != NULL && option->name != NULL; option++) {
        option_names(option, &names);
        size_t width = utf8_count(buf_str(&names));
        if (option->help != NULL && width > widest && width <= NAMES_WIDTH_MAX)
            widest = width;
    }
    for (const struct command_option *option = command->options;
         option != NULL && option->name != NULL; option++) {
        if (option->help == NULL)
            continue;
        option_names(option, &names);
        put_row(out, buf_cstr(&names), option->help, widest + 4);
    }
    put_row(out, "--help", "this text", widest + 4);
    fputc('\n', out);
}

static void print_exits(const struct command *command, FILE *out)
{
    fputs("Exit codes:\n", out);
    for (const struct command_exit *code = command_exits(command); code->meaning != NULL; code++) {
        char number[16];
        snprintf(number, sizeof(number), "%d", code->code);
        put_row(out, number, code->meaning, 5);
    }
    fputc('\n', out);
}

static void print_examples(const char *examples, FILE *out)
{
    fputs(strchr(examples, '\n') != NULL ? "Examples:\n" : "Example:\n", out);
    while (*examples != '\0') {
        size_t len = strcspn(examples, "\n");
        fprintf(out, "  %.*s\n", (int)len, examples);
        examples += len + (examples[len] == '\n');
    }
}

void command_print_help(const struct command *command, FILE *out)
{
    struct usage_print print = {out, false};
    struct column column = {out, 0, 0};
    command_usages(command, print_usage, &print);
    fputc('\n', out);
    put_text(&column, command->description);
    fputc('\n', out);
    if (command->actions != NULL)
        print_actions(command, out);
    print_options(command, out);
    print_exits(command, out);
    print_examples(command->examples, out);
}

void command_print_list(FILE *out)
{
    fputs("Usage: tipster [--env FILE] VERB [OPTION…]\n\n", out);
    for (const struct command *const *command = commands; *command != NULL; command++)
        put_row(out, (*command)->name, (*command)->summary, 14);
    fputs("\nSettings come from the environment, then from FILE, then from defaults:\n"
          "`tipster config`. `tipster VERB --help` says more, `tipster man` all of it.\n\n"
          "Example:\n  tipster migrate && tipster serve\n",
          out);
}
