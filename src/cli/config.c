/* `tipster config`: the settings with their help, as a template.env or as JSON. */
#include "cli/verbs.h"

static void add(const char *name, const char *fallback, const char *help, struct buf *out)
{
    buf_addf(out, "%s{\"name\":\"%s\",\"default\":", out->len > 1 ? "," : "", name);
    buf_add_json(out, str_of(fallback));
    buf_add_text(out, ",\"help\":");
    buf_add_json(out, str_of(help));
    buf_add_char(out, '}');
}

static void print_json(void)
{
    AUTO_BUF out = {0};
    buf_add_char(&out, '[');
#define TEXT(field, name, fallback, help)             add(name, fallback, help, &out);
#define NUMBER(field, name, fallback, min, max, help) add(name, #fallback, help, &out);
#include "config/settings.def"
#undef TEXT
#undef NUMBER
    buf_add_char(&out, ']');
    puts(buf_cstr(&out));
}

static int run(struct command_line *line, const struct config *config)
{
    const char *value;
    bool json = false;
    (void)config;
    for (int option; (option = command_next(line, &value)) != COMMAND_END;) {
        if (option == COMMAND_WRONG)
            return EXIT_USAGE;
        json = true;
    }
    if (json)
        print_json();
    else
        config_print_template(stdout);
    return EXIT_DONE;
}

static const struct command_option options[] = {
    {'j', "json", NULL, "the same as one JSON array on standard output"},
    {0},
};

const struct command command_config = {
    .name = "config",
    .summary = "Print the settings as a template.env.",
    .description = "Prints every setting with its help and its default.",
    .options = options,
    .examples = "tipster config > .env",
    .without_settings = true,
    .run = run,
};
