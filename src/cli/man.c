/* `tipster man`: the manual page, made from the tables of the verbs and of the settings. */
#include "cli/command_help.h"
#include "cli/verbs.h"

/* Text as roff takes it: no control line, no escape, dashes that can be copied. */
static void add_roff(const char *text, struct buf *out)
{
    bool line_begins = true;
    for (; *text != '\0'; text++) {
        bool is_ellipsis = strncmp(text, "…", strlen("…")) == 0;
        if (line_begins && (*text == '.' || *text == '\'' || is_ellipsis))
            buf_add_text(out, "\\&");
        line_begins = *text == '\n';
        if (*text == '\\')
            buf_add_text(out, "\\e");
        else if (*text == '-')
            buf_add_text(out, "\\-");
        else if (is_ellipsis) {
            buf_add_text(out, "...");
            text += strlen("…") - 1;
        } else {
            buf_add_char(out, *text);
        }
    }
}

/* ".TP" with a bold name, an italic value, and what they mean. */
static void add_term(const char *dashes, const char *name, const char *value, const char *help,
                     struct buf *out)
{
    buf_add_text(out, ".TP\n\\fB");
    add_roff(dashes, out);
    add_roff(name, out);
    buf_add_text(out, "\\fR");
    if (value != NULL && *value != '\0') {
        buf_add_text(out, " \\fI");
        add_roff(value, out);
        buf_add_text(out, "\\fR");
    }
    buf_add_char(out, '\n');
    add_roff(help, out);
    buf_add_char(out, '\n');
}

static void add_paragraphs(const char *text, struct buf *out)
{
    while (*text != '\0') {
        const char *end = strstr(text, "\n\n");
        AUTO_BUF one = {0};
        buf_add(&one, text, end != NULL ? (size_t)(end - text) : strlen(text));
        add_roff(buf_cstr(&one), out);
        buf_add_text(out, end != NULL ? "\n.PP\n" : "\n");
        text = end != NULL ? end + 2 : text + strlen(text);
    }
}

static void add_usage(void *context, const char *words)
{
    struct buf *out = context;
    buf_add_text(out, ".B tipster\n");
    add_roff(words, out);
    buf_add_text(out, "\n.br\n");
}

static void add_examples(const char *examples, struct buf *out)
{
    buf_add_text(out, ".PP\n.nf\n");
    add_roff(examples, out);
    buf_add_text(out, "\n.fi\n");
}

static void add_command(const struct command *command, struct buf *out)
{
    buf_addf(out, ".SS tipster %s\n", command->name);
    add_roff(command->summary, out);
    buf_add_text(out, "\n.PP\n");
    command_usages(command, add_usage, out);
    buf_add_text(out, ".PP\n");
    add_paragraphs(command->description, out);
    const struct command_action *action = command->actions;
    for (; action != NULL && action->name != NULL; action++)
        add_term("", action->name, action->arguments, action->help, out);
    const struct command_option *option = command->options;
    for (; option != NULL && option->name != NULL; option++)
        if (option->help != NULL)
            add_term("--", option->name, option->value, option->help, out);
    if (command->exits != NULL) {
        buf_add_text(out, ".PP\nExit codes:\n");
        for (const struct command_exit *code = command->exits; code->meaning != NULL; code++) {
            char number[16];
            snprintf(number, sizeof(number), "%d", code->code);
            add_term("", number, NULL, code->meaning, out);
        }
    }
    add_examples(command->examples, out);
}

static void add_setting(const char *name, const char *fallback, const char *help, struct buf *out)
{
    AUTO_BUF text = {0};
    buf_addf(&text, "%s Default: %s", help, *fallback != '\0' ? fallback : "empty.");
    add_term("", name, NULL, buf_cstr(&text), out);
}

static void add_settings(struct buf *out)
{
    buf_add_text(out, ".SH ENVIRONMENT\nEnvironment variables win over the file of --env, the "
                      "file over the defaults.\n");
#define TEXT(field, name, fallback, help)             add_setting(name, fallback, help, out);
#define NUMBER(field, name, fallback, min, max, help) add_setting(name, #fallback, help, out);
#include "config/settings.def"
#undef TEXT
#undef NUMBER
}

static void add_exits(struct buf *out)
{
    buf_add_text(out, ".SH EXIT STATUS\nWhere a verb does not say otherwise:\n");
    for (const struct command_exit *code = command_exits(&command_man); code->meaning != NULL;
         code++) {
        char number[16];
        snprintf(number, sizeof(number), "%d", code->code);
        add_term("", number, NULL, code->meaning, out);
    }
}

static int run(struct command_line *line, const struct config *config)
{
    AUTO_BUF out = {0};
    (void)line, (void)config;
    buf_add_text(&out,
                 ".\\\" Made by `tipster man`.\n"
                 ".TH TIPSTER 1 \"\" \"tipster " TIPSTER_VERSION "\" \"User Commands\"\n"
                 ".SH NAME\ntipster \\- recommend sports events by what users bet on\n"
                 ".SH SYNOPSIS\n.B tipster\n[\\fB\\-\\-env\\fR \\fIFILE\\fR] \\fIVERB\\fR "
                 "[\\fIOPTION\\fR...]\n"
                 ".SH DESCRIPTION\n"
                 "Bookmakers push users, sports events and coupons over HTTP; their apps ask which "
                 "upcoming events to show a user. What was accepted goes through Kafka into MySQL "
                 "exactly once. This program is the server, the consumers and the tools.\n"
                 ".SH OPTIONS\n");
    add_term("--", "env", "FILE", "read settings from FILE too (NAME=value lines)", &out);
    add_term("--", "help", NULL, "the verbs; behind a verb: how it is used", &out);
    add_term("--", "version", NULL, "the version", &out);
    buf_add_text(&out, ".SH COMMANDS\n");
    for (const struct command *const *command = commands; *command != NULL; command++)
        add_command(*command, &out);
    add_settings(&out);
    add_exits(&out);
    fwrite(out.data, 1, out.len, stdout);
    return EXIT_DONE;
}

const struct command command_man = {
    .name = "man",
    .summary = "Print the manual page.",
    .description = "Prints tipster(1) as roff: every verb with its options, every setting.",
    .examples = "tipster man | man -l -",
    .without_settings = true,
    .run = run,
};
