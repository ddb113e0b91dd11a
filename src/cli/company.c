/* `tipster company`: adds companies, lists them, and changes what is set for each. */
#include "base/err.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "cli/admin.h"
#include "cli/verbs.h"

#include <getopt.h>
#include <stdlib.h>

static const char help[] =
    "Usage: tipster company add ID [--name TEXT] [--partitions N] [--json]\n"
    "       tipster company set ID NAME=VALUE…\n"
    "       tipster company list [--json]\n"
    "       tipster company disable|enable ID\n\n"
    "add      makes a company. ID is 1 to 32 of a-z, 0-9, - and _, and is never changed. Its keys "
    "spread over\n"
    "         N partitions of each topic (default COMPANY_PARTITIONS), for ever.\n"
    "set      name=TEXT; include_started=0|1: whether events that have begun are recommended;\n"
    "         limit_ingest, limit_read, limit_admin: records and requests per second of each of "
    "its keys,\n"
    "         a number, 'none' or 'default' (RATE_LIMIT_INGEST and so on).\n"
    "disable  all its keys get 401 until it is enabled again; what it sent stays.\n\n"
    "Running servers learn of it within 5 s, at once after SIGHUP. Keys: `tipster key`.\n\n"
    "  --json   the result as JSON on standard output\n\n"
    "Example:\n  tipster company add acme --name 'Acme Bets' && tipster key add acme --scope "
    "ingest,read\n";

static const char verb[] = "company";

struct options {
    const char *name;
    int32_t partitions; /* 0: as the settings say */
    bool json;
    const char *arguments[16];
    size_t argument_count;
};

static int wrong_use(const char *problem)
{
    fprintf(stderr, "tipster company: %s (tipster company --help)\n", problem);
    return EXIT_USAGE;
}

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
    int64_t spread = options->partitions > 0 ? options->partitions : config->company_partitions;
    if (spread > config->kafka_partitions)
        spread = config->kafka_partitions;
    const char *name = options->name != NULL ? options->name : id;
    if (company_add(db, id, name, (int32_t)spread, &added) != 0)
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
        if (*value == '\0' || !admin_text_is_valid(value, COMPANY_NAME_MAX_BYTES))
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

static int run_set(struct db *db, const struct config *config, const struct options *options)
{
    (void)config;
    struct company company;
    if (admin_company(db, verb, options->arguments[0], &company) != 0)
        return EXIT_FAILED;
    for (size_t i = 1; i < options->argument_count; i++) {
        const char *problem = set_one(&company, options->arguments[i]);
        if (problem != NULL)
            return wrong_use(problem);
    }
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
    return EXIT_DONE;
}

static const struct {
    const char *name, *options; /* that it takes, by their letters */
    size_t arguments_min, arguments_max;
    int (*run)(struct db *db, const struct config *config, const struct options *options);
} actions[] = {
    {"add", "npj", 1, 1, run_add},     {"set", "j", 2, 16, run_set},
    {"list", "j", 0, 0, run_list},     {"disable", "j", 1, 1, run_disable},
    {"enable", "j", 1, 1, run_enable},
};
enum { ACTIONS = sizeof(actions) / sizeof(actions[0]) };

/* 0, or an exit code after it was said what is wrong. */
static int parse_options(int argc, char **argv, const char *allowed, struct options *options)
{
    static const struct option known[] = {{"name", required_argument, NULL, 'n'},
                                          {"partitions", required_argument, NULL, 'p'},
                                          {"json", no_argument, NULL, 'j'},
                                          {NULL, 0, NULL, 0}};
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (option != '?' && strchr(allowed, option) == NULL)
            return wrong_use("this option belongs to another command");
        if (option == 'n') {
            options->name = optarg;
            if (*optarg == '\0' || !admin_text_is_valid(optarg, COMPANY_NAME_MAX_BYTES))
                return wrong_use(
                    "--name must be 1 to 400 bytes of text without control characters");
        } else if (option == 'p') {
            char *end;
            long number = strtol(optarg, &end, 10);
            if (end == optarg || *end != '\0' || number < 1 || number > PARTITIONS_MAX)
                return wrong_use("--partitions must be a number from 1 to 1024");
            options->partitions = (int32_t)number;
        } else if (option == 'j') {
            options->json = true;
        } else {
            return wrong_use("wrong options");
        }
    }
    while (optind < argc) {
        if (options->argument_count == sizeof(options->arguments) / sizeof(options->arguments[0]))
            return wrong_use("too many arguments");
        options->arguments[options->argument_count++] = argv[optind++];
    }
    return 0;
}

static int run(const struct config *config, int action, const struct options *options)
{
    AUTO_DB *db = NULL;
    if (options->argument_count < actions[action].arguments_min ||
        options->argument_count > actions[action].arguments_max)
        return wrong_use(actions[action].arguments_max == 0 ? "too many arguments"
                                                            : "the arguments are not complete");
    if (options->argument_count > 0 && !company_id_is_valid(options->arguments[0]))
        return wrong_use("a company's id is 1 to 32 of a-z, 0-9, - and _");
    if (options->partitions > config->kafka_partitions)
        return wrong_use("--partitions is above KAFKA_PARTITIONS");
    if (admin_open(config, verb, &db) != 0)
        return EXIT_FAILED;
    return actions[action].run(db, config, options);
}

int verb_company(int argc, char **argv, const struct config *config)
{
    struct options options = {0};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            fputs(help, stdout);
            return EXIT_DONE;
        }
    }
    for (int i = 0; argc > 1 && i < ACTIONS; i++) {
        if (strcmp(argv[1], actions[i].name) != 0)
            continue;
        int code = parse_options(argc - 1, argv + 1, actions[i].options, &options);
        return code != 0 ? code : run(config, i, &options);
    }
    return wrong_use("add, set, list, disable or enable?");
}
