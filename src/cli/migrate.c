/* `tipster migrate`: the database's schema, the default company and the Kafka topics. */
#include "base/err.h"
#include "cli/verbs.h"
#include "store/company.h"
#include "store/migrations.h"
#include "stream/topics.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

enum { KAFKA_TIMEOUT_MS = 15000 };

static const char help[] =
    "Usage: tipster migrate [--only database|kafka]\n\n"
    "Applies the migrations of sql/ that DATABASE_URL lacks, makes the company of "
    "ANONYMOUS_COMPANY, and\n"
    "creates the Kafka topics (KAFKA_PARTITIONS, KAFKA_REPLICATION, KAFKA_RETENTION_HOURS). Can be "
    "run again\n"
    "at any time, also after an interruption. Refuses a database with tables of others.\n\n"
    "Example:\n  DATABASE_URL=mysql://tipster:secret@127.0.0.1/tipster tipster migrate\n";

static int complain(struct buf *problem)
{
    fprintf(stderr, "tipster migrate: %s\n", buf_cstr(problem));
    return EXIT_FAILED;
}

static int migrate_database(const struct config *config)
{
    AUTO_BUF problem = {0};
    AUTO_DB *db = NULL;
    int applied = 0;
    bool added = false;
    if (db_open(config, DB_MIGRATE, &db, &problem) != 0)
        return complain(&problem);
    if (migrations_apply(db, migrations_directory(), NULL, NULL, &applied, &problem) != 0)
        return complain(&problem);
    printf("database: %d migration%s applied\n", applied, applied == 1 ? "" : "s");
    const char *company = config->anonymous_company;
    if (*company == '\0')
        return EXIT_DONE;
    if (!company_id_is_valid(company)) {
        buf_addf(&problem, "ANONYMOUS_COMPANY must be 1 to 32 of a-z, 0-9, - and _, not '%s'",
                 company);
        return complain(&problem);
    }
    int64_t spread = config->company_partitions < config->kafka_partitions
                         ? config->company_partitions
                         : config->kafka_partitions;
    if (company_add(db, company, company, (int32_t)spread, &added) != 0) {
        buf_addf(&problem, "cannot make company %s: %s", company, db_error(db));
        return complain(&problem);
    }
    printf("company %s: %s\n", company, added ? "made" : "there already");
    return EXIT_DONE;
}

static int migrate_kafka(const struct config *config)
{
    AUTO_BUF problem = {0};
    int created = 0;
    if (topics_create(config, KAFKA_TIMEOUT_MS, &created, &problem) != 0)
        return complain(&problem);
    printf("kafka: %d topic%s created\n", created, created == 1 ? "" : "s");
    return EXIT_DONE;
}

int verb_migrate(int argc, char **argv, const struct config *config)
{
    static const struct option options[] = {{"only", required_argument, NULL, 'o'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char *only = "";
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 'h') {
            fputs(help, stdout);
            return EXIT_DONE;
        }
        if (option != 'o' || (strcmp(optarg, "database") != 0 && strcmp(optarg, "kafka") != 0)) {
            fputs(help, stderr);
            return EXIT_USAGE;
        }
        only = optarg;
    }
    if (optind < argc) {
        fputs(help, stderr);
        return EXIT_USAGE;
    }
    int code = strcmp(only, "kafka") != 0 ? migrate_database(config) : EXIT_DONE;
    if (code == EXIT_DONE && strcmp(only, "database") != 0)
        code = migrate_kafka(config);
    return code;
}
