/* `tipster company`: adds companies, lists them, and changes what is set for each. */
#include "base/err.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "cli/admin.h"
#include "cli/verbs.h"

#include <stdlib.h>

static const char verb[] = "company";

struct options {
    const char *name;
    int32_t partitions; /* 0: as the settings say */
    bool json;
    char **arguments; /* ended by a NULL */
};

/* "default", "none" or the number, as it is set. */
static void limit_text(int64_t limit, struct buf *out)
{
    if (limit == COMPANY_LIMIT_DEFAULT)
        buf_add_text(out, "default");
    else if (limit == 0)
        buf_add_text(out, "none");
    else
        buf_add_int(out, limit);
}

static void company_json(const struct company *company, struct buf *out)
{
    char created[TIME_TEXT_SIZE];
    buf_addf(out, "{\"company\":\"%s\",\"name\":", company->id);
    buf_add_json(out, str_of(company->name));
    time_format(company->created_at_ms, created);
    buf_addf(out, ",\"partitions\":%d,\"include_started\":%s,\"disabled\":%s", company->partitions,
             company->include_started ? "true" : "false", company->disabled ? "true" : "false");
    for (int i = 0; i < SCOPE_CLASSES; i++) {
        buf_addf(out, ",\"limit_%s\":\"", scope_name(1U << i));
        limit_text(company->limits[i], out);
        buf_add_char(out, '"');
    }
    buf_addf(out, ",\"created_at\":\"%s\"}", created);
}

static void print_json(const struct company *company)
{
    AUTO_BUF text = {0};
    company_json(company, &text);
    puts(buf_cstr(&text));
}

static int run_add(struct db *db, const struct config *config, const struct options *options)
{
    bool added = false;
    struct company company;
    const char *id = options->arguments[0];
    const char *name = options->name != NULL ? options->name : id;
    if (company_add(db, id, name, admin_spread(config, options->partitions), &added) != 0)
        return admin_failed(db, verb, "cannot make the company");
    if (!added) {
        fprintf(stderr, "tipster company: there is a company '%s' already\n", id);
        return EXIT_FAILED;
    }
    if (admin_company(db, verb, id, &company) != 0)
        return EXIT_FAILED;
    if (options->json)
        print_json(&company);
    else
        printf("company %s: made, over %d partition%s\n", id, company.partitions,
               company.partitions == 1 ? "" : "s");
    return EXIT_DONE;
}

static bool starts_with(const char *text, const char *start, const char **ret_rest)
{
    size_t len = strlen(start);
    *ret_rest = text + len;
    return strncmp(text, start, len) == 0;
}

static bool is_name(const char *text)
{
    return *text != '\0' && admin_text_is_valid(text, COMPANY_NAME_MAX_BYTES);
}

static const char *set_limit(const char *value, int64_t *ret_limit)
{
    char *end;
    long number = strtol(value, &end, 10);
    if (strcmp(value, "default") == 0)
        *ret_limit = COMPANY_LIMIT_DEFAULT;
    else if (strcmp(value, "none") == 0)
        *ret_limit = 0;
    else if (*value >= '0' && *value <= '9' && *end == '\0' && number >= 1 &&
             number <= COMPANY_LIMIT_MAX)
        *ret_limit = number;
    else
        return "a limit must be a number from 1 to 1000000, 'none' or 'default'";
    return NULL;
}

/* Takes one NAME=VALUE. NULL: fine; otherwise what is wrong. */
static const char *set_one(struct company *company, const char *assignment)
{
    const char *value;
    if (starts_with(assignment, "name=", &value)) {
        if (!is_name(value))
            return "name must be 1 to 400 bytes of text without control characters";
        snprintf(company->name, sizeof(company->name), "%s", value);
        return NULL;
    }
    if (starts_with(assignment, "include_started=", &value)) {
        if (strcmp(value, "0") != 0 && strcmp(value, "1") != 0)
            return "include_started must be 0 or 1";
        company->include_started = *value == '1';
        return NULL;
    }
    for (int i = 0; i < SCOPE_CLASSES; i++) {
        char name[32];
        snprintf(name, sizeof(name), "limit_%s=", scope_name(1U << i));
        if (starts_with(assignment, name, &value))
            return set_limit(value, &company->limits[i]);
    }
    return "set takes name, include_started, limit_ingest, limit_read and limit_admin, each with "
           "=VALUE";
}

/* Takes all of them, or as many as are right; returns what is wrong with the next. */
static const char *set_all(struct company *company, char **assignments)
{
    const char *problem = NULL;
    for (; *assignments != NULL && problem == NULL; assignments++)
        problem = set_one(company, *assignments);
    return problem;
}

static int run_set(struct db *db, const struct config *config, const struct options *options)
{
    (void)config;
    struct company company;
    if (admin_company(db, verb, options->arguments[0], &company) != 0)
        return EXIT_FAILED;
    (void)set_all(&company, options->arguments + 1); /* they were tried before */
    if (company_write(db, &company) != 0)
        return admin_failed(db, verb, "cannot write the company");
    if (options->json)
        print_json(&company);
    else
        printf("company %s: set\n", company.id);
    return EXIT_DONE;
}

static int set_disabled(struct db *db, const struct options *options, bool disabled)
{
    struct company company;
    if (admin_company(db, verb, options->arguments[0], &company) != 0)
        return EXIT_FAILED;
    company.disabled = disabled;
    if (company_write(db, &company) != 0)
        return admin_failed(db, verb, "cannot write the company");
    if (options->json)
        print_json(&company);
    else
        printf("company %s: %s\n", company.id, disabled ? "disabled" : "enabled");
    return EXIT_DONE;
}

static int run_disable(struct db *db, const struct config *config, const struct options *options)
{
    (void)config;
    return set_disabled(db, options, true);
}

static int run_enable(struct db *db, const struct config *config, const struct options *options)
{
    (void)config;
    return set_disabled(db, options, false);
}

static void list_one(const struct company *company, bool json, bool first)
{
    AUTO_BUF text = {0};
    if (json) {
        company_json(company, &text);
        printf("%s%s", first ? "" : ",", buf_cstr(&text));
        return;
    }
    if (first)
        printf("%-32s %10s %-8s %s\n", "company", "partitions", "state", "name");
    printf("%-32s %10d %-8s %s\n", company->id, company->partitions,
           company->disabled ? "disabled" : "enabled", company->name);
}

static int run_list(struct db *db, const struct config *config, const struct options *options)
{
    (void)config;
    AUTO_FREE struct company *page = xcalloc(COMPANIES_PAGE_MAX, sizeof(*page));
    char after[COMPANY_MAX_BYTES + 1] = "";
    size_t count, total = 0;
    if (options->json)
        putchar('[');
    do {
        if (company_page(db, after, page, &count) != 0)
            return admin_failed(db, verb, "cannot list the companies");
        for (size_t i = 0; i < count; i++)
            list_one(&page[i], options->json, total++ == 0);
        if (count > 0)
            memcpy(after, page[count - 1].id, sizeof(after));
    } while (count == COMPANIES_PAGE_MAX);
    if (options->json)
        puts("]");
    else if (total == 0)
        fputs("there is no company yet (tipster company add)\n", stderr);
    return EXIT_DONE;
}

static const struct command_action actions[] = {
    {"add", "ID",
     "makes a company. ID is 1 to 32 of a-z, 0-9, - and _, and is never changed. Its keys spread "
     "over N partitions of each topic (default COMPANY_PARTITIONS), for ever.",
     1, 1},
    {"set", "ID NAME=VALUE…",
     "name=TEXT; include_started=0|1: whether events that have begun are recommended; "
     "limit_ingest, limit_read, limit_admin: records and requests per second of each of its keys, "
     "a number, 'none' or 'default' (RATE_LIMIT_INGEST and so on).",
     2, 16},
    {"list", "", "all companies", 0, 0},
    {"disable", "ID", "all its keys get 401 until it is enabled again; what it sent stays.", 1, 1},
    {"enable", "ID", "takes that back", 1, 1},
    {0},
};

/* In the order of actions. */
static int (*const runs[])(struct db *db, const struct config *config,
                           const struct options *options) = {run_add, run_set, run_list,
                                                             run_disable, run_enable};

/* False: wrong use, which has been said. */
static bool read_options(struct command_line *line, struct options *options)
{
    const char *value;
    uint64_t number;
    for (int option; (option = command_next(line, &value)) != COMMAND_END;) {
        if (option == COMMAND_WRONG)
            return false;
        if (option == 'n') {
            options->name = value;
        } else if (option == 'p') {
            if (command_number(&command_company, "partitions", value, 1, PARTITIONS_MAX, &number) !=
                0)
                return false;
            options->partitions = (int32_t)number;
        } else {
            options->json = true;
        }
    }
    options->arguments = command_arguments(line);
    return true;
}

/* NULL: all is well, as far as the settings tell; otherwise what is wrong. */
static const char *check_use(const struct config *config, const struct options *options)
{
    struct company tried;
    if (options->name != NULL && !is_name(options->name))
        return "--name must be 1 to 400 bytes of text without control characters";
    if (options->partitions > config->kafka_partitions)
        return "--partitions is above KAFKA_PARTITIONS";
    return *options->arguments != NULL ? set_all(&tried, options->arguments + 1) : NULL;
}

static int run(struct command_line *line, const struct config *config)
{
    struct options options = {0};
    AUTO_DB *db = NULL;
    if (!read_options(line, &options))
        return EXIT_USAGE;
    const char *id = options.arguments[0], *problem = check_use(config, &options);
    if (id != NULL && !admin_company_id(&command_company, id))
        return EXIT_USAGE;
    if (problem != NULL)
        return command_wrong(&command_company, "%s", problem);
    if (admin_open(config, verb, &db) != 0)
        return EXIT_FAILED;
    return runs[command_action_index(line)](db, config, &options);
}

static const struct command_option known_options[] = {
    {'n', "name", "TEXT", "what people call it (default: its ID)", "add"},
    {'p', "partitions", "N", "over how many partitions its keys spread", "add"},
    {'j', "json", NULL, "the result as JSON on standard output"},
    {0},
};

const struct command command_company = {
    .name = "company",
    .summary = "Add companies, list them, set what is set for each.",
    .description =
        "Companies are who sends records and asks; each sees its own only. Running "
        "servers learn of a change within 5 s, at once after SIGHUP. Keys: `tipster key`.",
    .actions = actions,
    .options = known_options,
    .examples = "tipster company add acme --name 'Acme Bets' && tipster key add acme --scope "
                "ingest,read",
    .with_database = true,
    .run = run,
};
