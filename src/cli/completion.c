/* `tipster completion bash|zsh`: what a shell offers after Tab, made from the tables of the verbs.
 */
#include "cli/verbs.h"

/* --- bash */

static void bash_verbs(struct buf *out)
{
    for (const struct command *const *command = commands; *command != NULL; command++)
        buf_addf(out, "%s ", (*command)->name);
}

static void bash_option_names(const struct command *command, const struct command_action *action,
                              struct buf *out)
{
    const struct command_option *option = command->options;
    for (; option != NULL && option->name != NULL; option++)
        if (option->help != NULL && command_takes(action, option))
            buf_addf(out, "--%s ", option->name);
    buf_add_text(out, "--help");
}

static const char *bash_files(enum completion completion)
{
    return completion == COMPLETE_FILES ? "files" : completion == COMPLETE_FOLDERS ? "folders" : "";
}

/* What may follow `verb --option`. */
static void bash_values(const struct command *command, struct buf *out)
{
    const struct command_option *option = command->options;
    for (; option != NULL && option->name != NULL; option++)
        if (option->value != NULL)
            buf_addf(out, "    '%s --%s') values='%s' files='%s' valued=1 ;;\n", command->name,
                     option->name, option->words != NULL ? option->words : "",
                     bash_files(option->completion));
}

static void bash_words(const struct command *command, const struct command_action *action,
                       struct buf *out)
{
    buf_addf(out, "    '%s %s') options='", command->name, action != NULL ? action->name : "");
    bash_option_names(command, action, out);
    buf_addf(out, "' words='%s' files='%s' ;;\n",
             action == NULL && command->argument_words != NULL ? command->argument_words : "",
             bash_files(command->completion));
}

static void bash_actions(const struct command *command, struct buf *out)
{
    buf_addf(out, "    %s) actions='", command->name);
    for (const struct command_action *action = command->actions; action->name != NULL; action++)
        buf_addf(out, "%s%s", action == command->actions ? "" : " ", action->name);
    buf_add_text(out, "' ;;\n");
}

static void print_bash(struct buf *out)
{
    buf_add_text(out,
                 "# bash completion for tipster: made by `tipster completion bash`\n"
                 "_tipster() {\n"
                 "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
                 "    local i verb='' action='' actions='' options='' words='' files='' values=''\n"
                 "    local valued='' count=0\n"
                 "    COMPREPLY=()\n"
                 "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
                 "        case ${COMP_WORDS[i]} in\n"
                 "        --env) ((i++)) ;;\n"
                 "        -*) ;;\n"
                 "        *) if [ -z \"$verb\" ]; then verb=${COMP_WORDS[i]}; "
                 "elif [ $((count++)) = 0 ]; then action=${COMP_WORDS[i]}; fi ;;\n"
                 "        esac\n"
                 "    done\n"
                 "    if [ \"$prev\" = --env ]; then\n"
                 "        COMPREPLY=($(compgen -f -- \"$cur\"))\n"
                 "        return\n"
                 "    fi\n"
                 "    if [ -z \"$verb\" ]; then\n"
                 "        COMPREPLY=($(compgen -W '");
    bash_verbs(out);
    buf_add_text(out, "--env --help --version' -- \"$cur\"))\n"
                      "        return\n"
                      "    fi\n"
                      "    case \"$verb $prev\" in\n");
    for (const struct command *const *command = commands; *command != NULL; command++)
        bash_values(*command, out);
    buf_add_text(out, "    esac\n"
                      "    case $verb in\n");
    for (const struct command *const *command = commands; *command != NULL; command++)
        if ((*command)->actions != NULL)
            bash_actions(*command, out);
    buf_add_text(out, "    *) action='' ;;\n"
                      "    esac\n"
                      "    [ -z \"$valued\" ] && case \"$verb $action\" in\n");
    for (const struct command *const *command = commands; *command != NULL; command++) {
        const struct command_action *action = (*command)->actions;
        for (; action != NULL && action->name != NULL; action++)
            bash_words(*command, action, out);
        if ((*command)->actions == NULL)
            bash_words(*command, NULL, out);
    }
    buf_add_text(out,
                 "    esac\n"
                 "    if [ -n \"$valued\" ]; then\n"
                 "        COMPREPLY=($(compgen -W \"$values\" -- \"$cur\"))\n"
                 "    elif [ -n \"$actions\" ] && [ -z \"$action\" ]; then\n"
                 "        COMPREPLY=($(compgen -W \"$actions --help\" -- \"$cur\"))\n"
                 "        return\n"
                 "    elif [[ $cur == -* ]]; then\n"
                 "        COMPREPLY=($(compgen -W \"$options\" -- \"$cur\"))\n"
                 "        return\n"
                 "    elif [ -n \"$words\" ] && [ $count = 0 ]; then\n"
                 "        COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
                 "        return\n"
                 "    fi\n"
                 "    case $files in\n"
                 "    files) compopt -o filenames && COMPREPLY+=($(compgen -f -- \"$cur\")) ;;\n"
                 "    folders) compopt -o filenames && COMPREPLY+=($(compgen -d -- \"$cur\")) ;;\n"
                 "    esac\n"
                 "}\n"
                 "complete -F _tipster tipster\n");
}

/* --- zsh */

/* Text inside '…' and inside the [ ] or ( ) of a specification. */
static void zsh_text(const char *text, struct buf *out)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            buf_add_text(out, "'\\''");
        else if (strchr("[]:\\", *text) != NULL)
            buf_addf(out, "\\%c", *text);
        else
            buf_add_char(out, *text);
    }
}

static const char *zsh_files(enum completion completion)
{
    return completion == COMPLETE_FILES ? "_files"
                                        : (completion == COMPLETE_FOLDERS ? "_files -/" : "");
}

/* '--only=[help]:PART:(database kafka)' */
static void zsh_option(const struct command_option *option, struct buf *out)
{
    buf_addf(out, " \\\n            '*--%s[", option->name);
    zsh_text(option->help, out);
    buf_add_char(out, ']');
    if (option->value != NULL) {
        buf_add_char(out, ':');
        zsh_text(option->value, out);
        if (option->words != NULL)
            buf_addf(out, ":(%s)", option->words);
        else
            buf_addf(out, ":%s", zsh_files(option->completion));
    }
    buf_add_char(out, '\'');
}

static void zsh_arguments(const struct command *command, const struct command_action *action,
                          struct buf *out)
{
    const struct command_option *option = command->options;
    buf_add_text(out, "_arguments '--help[how it is used]'");
    for (; option != NULL && option->name != NULL; option++)
        if (option->help != NULL && command_takes(action, option))
            zsh_option(option, out);
    if (action == NULL && command->argument_words != NULL)
        buf_addf(out, " \\\n            '1:what:(%s)'", command->argument_words);
    /* An argument that is not expected ends zsh's offers; one without any keeps it from inserting
     * others; so one that does nothing stands for what people make up. */
    if (action != NULL || command->arguments_max > 0)
        buf_addf(out, " \\\n            '*:argument:%s'",
                 command->completion != COMPLETE_NOTHING ? zsh_files(command->completion) : "{:}");
    buf_add_text(out, " ;;\n");
}

static void zsh_list(const char *name, const char *help, struct buf *out)
{
    buf_addf(out, " '%s:", name);
    zsh_text(help, out);
    buf_add_char(out, '\'');
}

/* Which action, then what it takes. */
static void zsh_command(const struct command *command, struct buf *out)
{
    const struct command_action *action = command->actions;
    buf_addf(out, "    %s)\n        ", command->name);
    if (action == NULL) {
        zsh_arguments(command, NULL, out);
        return;
    }
    buf_add_text(out, "if ((CURRENT == 2)); then\n            actions=(");
    for (; action->name != NULL; action++)
        zsh_list(action->name, action->help, out);
    buf_add_text(out, ")\n            _describe action actions\n            return\n        fi\n"
                      "        shift words\n        ((CURRENT--))\n        case $words[1] in\n");
    for (action = command->actions; action->name != NULL; action++) {
        buf_addf(out, "        %s) ", action->name);
        zsh_arguments(command, action, out);
    }
    buf_add_text(out, "        esac ;;\n");
}

static void print_zsh(struct buf *out)
{
    buf_add_text(out, "#compdef tipster\n"
                      "# zsh completion for tipster: made by `tipster completion zsh`\n"
                      "_tipster() {\n"
                      "    local -a verbs actions\n"
                      "    local state line\n"
                      "    verbs=(");
    for (const struct command *const *command = commands; *command != NULL; command++)
        zsh_list((*command)->name, (*command)->summary, out);
    buf_add_text(out, ")\n"
                      "    _arguments -C '--env[a file of settings]:FILE:_files' "
                      "'--version[the version]' \\\n"
                      "        '--help[the verbs]' '1:verb:->verb' '*::argument:->argument'\n"
                      "    case $state in\n"
                      "    verb) _describe verb verbs; return ;;\n"
                      "    argument) ;;\n"
                      "    *) return ;;\n"
                      "    esac\n"
                      "    case $words[1] in\n");
    for (const struct command *const *command = commands; *command != NULL; command++)
        zsh_command(*command, out);
    buf_add_text(out, "    esac\n"
                      "}\n"
                      "if [ \"$funcstack[1]\" = _tipster ]; then _tipster \"$@\"; "
                      "else compdef _tipster tipster; fi\n");
}

static int run(struct command_line *line, const struct config *config)
{
    AUTO_BUF out = {0};
    (void)config;
    (strcmp(command_arguments(line)[0], "bash") == 0 ? print_bash : print_zsh)(&out);
    fwrite(out.data, 1, out.len, stdout);
    return EXIT_DONE;
}

const struct command command_completion = {
    .name = "completion",
    .summary = "Print the completion for a shell: bash or zsh.",
    .description =
        "Prints a script that tells the shell what can follow `tipster`: verbs, their actions, "
        "their options and values. For bash, source it; for zsh, source it after compinit, or "
        "save it as _tipster in a folder of $fpath.",
    .arguments = "bash|zsh",
    .argument_words = "bash zsh",
    .arguments_min = 1,
    .arguments_max = 1,
    .examples = "source <(tipster completion bash)\n"
                "tipster completion zsh > ~/.zsh/functions/_tipster",
    .without_settings = true,
    .run = run,
};
