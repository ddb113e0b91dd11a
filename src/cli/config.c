/* `tipster config`: the settings with their help, as a template.env. */
#include "cli/verbs.h"

#include <string.h>

int verb_config(int argc, char **argv, const struct config *config)
{
    (void)config;
    if (argc > 1) {
        bool help = strcmp(argv[1], "--help") == 0;
        fputs("Usage: tipster config\n\nPrints every setting with its default.\n\nExample:\n"
              "  tipster config > .env\n",
              help ? stdout : stderr);
        return help ? EXIT_DONE : EXIT_USAGE;
    }
    config_print_template(stdout);
    return EXIT_DONE;
}
