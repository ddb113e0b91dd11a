/* `tipster config`: the settings with their help, as a template.env. */
#include "cli/verbs.h"

static int run(struct command_line *line, const struct config *config)
{
    const char *value;
    (void)config;
    if (command_next(line, &value) != COMMAND_END)
        return EXIT_USAGE;
    config_print_template(stdout);
    return EXIT_DONE;
}

const struct command command_config = {
    .name = "config",
    .summary = "Print the settings as a template.env.",
    .description = "Prints every setting with its help and its default.",
    .examples = "tipster config > .env",
    .without_settings = true,
    .run = run,
};
