/* `tipster migrate`: the database's schema, the default company and the Kafka topics. */
#include "base/err.h"
#include "cli/admin.h"
#include "cli/verbs.h"
#include "store/company.h"
#include "store/db_url.h"
#include "store/grants.h"
#include "store/migrations.h"
#include "stream/topics.h"

#include <stdio.h>
#include <string.h>

enum { KAFKA_TIMEOUT_MS = 15000 };

/* What was done. */
struct outcome {
    bool json;
    int migrations, topics; /* applied, made; -1: not looked at */
    bool company_made;
};

static int complain(struct buf *problem)
{
    fprintf(stderr, "tipster migrate: %s\n", buf_cstr(problem));
    return EXIT_FAILED;
}

static int migrate_database(const struct config *config, struct outcome *outcome)
{
    AUTO_BUF problem = {0};
    AUTO_DB *db = NULL;
    if (db_open(config, DB_MIGRATE, &db, &problem) != 0)
        return complain(&problem);
    if (migrations_apply(db, migrations_directory(), NULL, NULL, &outcome->migrations, &problem) !=
        0)
        return complain(&problem);
    if (!outcome->json)
        printf("database: %d migration%s applied\n", outcome->migrations,
               outcome->migrations == 1 ? "" : "s");
    const char *company = config->anonymous_company;
    if (*company == '\0')
        return EXIT_DONE;
    if (!company_id_is_valid(company)) {
        buf_addf(&problem, "ANONYMOUS_COMPANY must be 1 to 32 of a-z, 0-9, - and _, not '%s'",
                 company);
        return complain(&problem);
    }
    if (company_add(db, company, company, admin_spread(config, 0), &outcome->company_made) != 0) {
        buf_addf(&problem, "cannot make company %s: %s", company, db_error(db));
        return complain(&problem);
    }
    if (!outcome->json)
        printf("company %s: %s\n", company, outcome->company_made ? "made" : "there already");
    return EXIT_DONE;
}

static int migrate_kafka(const struct config *config, struct outcome *outcome)
{
    AUTO_BUF problem = {0};
    if (topics_create(config, KAFKA_TIMEOUT_MS, &outcome->topics, &problem) != 0)
        return complain(&problem);
    if (!outcome->json)
        printf("kafka: %d topic%s created\n", outcome->topics, outcome->topics == 1 ? "" : "s");
    return EXIT_DONE;
}

static void print_json(const struct outcome *outcome)
{
    const char *before = "{";
    if (outcome->migrations >= 0) {
        printf("{\"migrations_applied\":%d,\"company_made\":%s", outcome->migrations,
               outcome->company_made ? "true" : "false");
        before = ",";
    }
    if (outcome->topics >= 0)
        printf("%s\"topics_created\":%d", before, outcome->topics);
    puts("}");
}

/* Prints the statements for "API_USER,INGEST_USER" on the database that the migrations go to. */
static int print_grants(const struct config *config, const char *users)
{
    AUTO_BUF problem = {0}, sql = {0}, api_user = {0};
    struct db_url url;
    const char *own = config->migrate_database_url;
    const char *comma = strchr(users, ',');
    if (comma == NULL)
        return command_wrong(&command_migrate,
                             "--grants wants two users with a comma between them, not '%s'", users);
    buf_add(&api_user, users, (size_t)(comma - users));
    if (db_url_parse(*own != '\0' ? own : config->database_url, &url, &problem) != 0)
        return complain(&problem);
    if (grants_write(url.database, buf_cstr(&api_user), comma + 1, &sql) != 0)
        return command_wrong(&command_migrate, "--grants: not names of users: '%s' and '%s'",
                             buf_cstr(&api_user), comma + 1);
    fputs(buf_cstr(&sql), stdout);
    return EXIT_DONE;
}

static int run(struct command_line *line, const struct config *config)
{
    struct outcome outcome = {.migrations = -1, .topics = -1};
    const char *only = "", *grants = NULL, *value;
    for (int option; (option = command_next(line, &value)) != COMMAND_END;) {
        if (option == 'o')
            only = value;
        else if (option == 'j')
            outcome.json = true;
        else if (option == 'g')
            grants = value;
        else
            return EXIT_USAGE;
    }
    if (grants != NULL)
        return print_grants(config, grants);
    int code = strcmp(only, "kafka") != 0 ? migrate_database(config, &outcome) : EXIT_DONE;
    if (code == EXIT_DONE && strcmp(only, "database") != 0)
        code = migrate_kafka(config, &outcome);
    if (code == EXIT_DONE && outcome.json)
        print_json(&outcome);
    return code;
}

static const struct command_option options[] = {
    {'o', "only", "PART", "database or kafka alone", .words = "database kafka"},
    {'g', "grants", "API_USER,INGEST_USER",
     "print the statements that give these users of the database their rights; each at any host "
     "unless NAME@HOST"},
    {'j', "json", NULL, "the result as one JSON object on standard output"},
    {0},
};

const struct command command_migrate = {
    .name = "migrate",
    .summary = "Make or bring up to date the database's schema and the Kafka topics.",
    .description =
        "Applies the migrations of sql/ that MIGRATE_DATABASE_URL (or DATABASE_URL) lacks, makes "
        "the company of "
        "ANONYMOUS_COMPANY, and creates the Kafka topics (KAFKA_PARTITIONS, KAFKA_REPLICATION, "
        "KAFKA_RETENTION_HOURS). Can be run again at any time, also after an interruption. "
        "Refuses a database with tables of others.\n\n"
        "--grants changes nothing: what it prints is for an administrator of the database to run, "
        "one user for DATABASE_URL (serve), one for INGEST_DATABASE_URL.",
    .options = options,
    .examples = "DATABASE_URL=mysql://tipster:secret@127.0.0.1/tipster tipster migrate",
    .with_database = true,
    .run = run,
};
