/* Checks of the database and of Kafka; see doctor.h. */
#include "cli/doctor.h"

#include "base/clock.h"
#include "base/err.h"
#include "store/company.h"
#include "store/migrations.h"
#include "stream/topics.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
    KAFKA_TIMEOUT_MS = 5000,
    CLOCK_WARN_MS = 1000,
    CLOCK_FAIL_MS = 30000,
    CONNECTIONS_BESIDE = 20, /* commands, whoever looks after it */
    PACKET_MIN_BYTES = 16 << 20,
};

/* --- the database */

static const char *why_not_connected(const char *problem)
{
    /* The server's own numbers stand in what it says. */
    if (strstr(problem, " 1045 ") != NULL || strstr(problem, " 1698 ") != NULL)
        return "user or password is wrong: correct DATABASE_URL (special characters as %40 and so "
               "on), or create the user";
    if (strstr(problem, " 1044 ") != NULL)
        return "the user may not use this database: grant all on it";
    if (strstr(problem, " 1049 ") != NULL)
        return "create the database, then run `tipster migrate`";
    if (strstr(problem, " 1040 ") != NULL)
        return "the server has no connection left: raise max_connections";
    return "start the server, or correct host and port in DATABASE_URL";
}

void doctor_database(struct doctor *doctor)
{
    AUTO_BUF problem = {0};
    int err = db_open(&doctor->config, DB_API, &doctor->db, &problem);
    if (err == TIP_ECONFIG) {
        buf_add_str(doctor_note(doctor, "database", VERDICT_FAIL, "correct DATABASE_URL"),
                    buf_str(&problem));
        return;
    }
    if (err == 0 && server_facts_read(doctor->db, &doctor->server) != 0) {
        buf_addf(&problem, "cannot ask it: %s", db_error(doctor->db));
        db_close(doctor->db);
        err = TIP_EUNAVAIL;
    }
    if (err == 0) {
        buf_addf(doctor_note(doctor, "database", VERDICT_OK, NULL), "answers: %s",
                 doctor->server.version);
        return;
    }
    doctor->db = NULL;
    const char *remedy = why_not_connected(buf_cstr(&problem));
    buf_add_str(doctor_note(doctor, "database", VERDICT_FAIL, remedy), buf_str(&problem));
}

void doctor_schema(struct doctor *doctor)
{
    AUTO_BUF problem = {0};
    if (doctor->db == NULL)
        return;
    if (migrations_check(doctor->db, migrations_directory(), &problem) != 0)
        buf_add_str(doctor_note(doctor, "schema", VERDICT_FAIL,
                                "run `tipster migrate` of the version that is to run"),
                    buf_str(&problem));
    else
        buf_addf(doctor_note(doctor, "schema", VERDICT_OK, NULL), "as in %s",
                 migrations_directory());
}

void doctor_company(struct doctor *doctor)
{
    struct company company;
    const char *id = doctor->config.anonymous_company;
    if (doctor->db == NULL || *id == '\0')
        return;
    int err = company_read(doctor->db, id, &company);
    if (err == 0)
        buf_addf(doctor_note(doctor, "company", VERDICT_OK, NULL),
                 "%s: calls without a key act for it", id);
    else if (err == TIP_ENOTFOUND)
        buf_addf(doctor_note(doctor, "company", VERDICT_FAIL, "`tipster company add` or migrate"),
                 "there is no company '%s', which ANONYMOUS_COMPANY names", id);
}

static int version_number(const char *text)
{
    char *dot;
    long major = strtol(text, &dot, 10);
    long minor = *dot == '.' ? strtol(dot + 1, NULL, 10) : 0;
    return (int)(major * 100 + minor);
}

static void check_version(struct doctor *doctor)
{
    bool mariadb = db_is_mariadb(doctor->db);
    int oldest = mariadb ? 1006 : 800;
    if (version_number(doctor->server.version) >= oldest)
        return; /* the check "database" has named it */
    buf_addf(doctor_note(doctor, "database version", VERDICT_WARN,
                         "tested are MariaDB 10.11 and MySQL 8.0: use one of those"),
             "%s is older than what this is tested on", doctor->server.version);
}

static void check_clock(struct doctor *doctor)
{
    int64_t off_ms = doctor->server.now_ms - doctor->server.read_at_ms;
    int64_t by_ms = llabs(off_ms);
    enum verdict verdict = by_ms > CLOCK_FAIL_MS   ? VERDICT_FAIL
                           : by_ms > CLOCK_WARN_MS ? VERDICT_WARN
                                                   : VERDICT_OK;
    struct buf *detail = doctor_note(doctor, "database clock", verdict,
                                     "set both machines' clocks (chrony, systemd-timesyncd)");
    buf_addf(detail, "%" PRId64 ".%03" PRId64 " s %s ours", by_ms / 1000, by_ms % 1000,
             off_ms < 0 ? "behind" : "ahead of");
}

static void check_connections(struct doctor *doctor)
{
    const struct config *config = &doctor->config;
    int64_t wanted = config->workers * (config->database_pool + 1) + config->ingest_consumers + 2 +
                     CONNECTIONS_BESIDE;
    enum verdict verdict = doctor->server.connections_max < wanted ? VERDICT_WARN : VERDICT_OK;
    buf_addf(doctor_note(doctor, "database connections", verdict,
                         "raise the server's max_connections, or lower WORKERS or DATABASE_POOL"),
             "max_connections is %" PRId64 ", one node takes up to %" PRId64,
             doctor->server.connections_max, wanted);
}

void doctor_database_settings(struct doctor *doctor)
{
    const struct server_facts *server = &doctor->server;
    if (doctor->db == NULL)
        return;
    check_version(doctor);
    check_clock(doctor);
    check_connections(doctor);
    if (server->other_charsets > 0)
        buf_addf(doctor_note(doctor, "database charset", VERDICT_FAIL,
                             "convert these tables to utf8mb4 with the collation utf8mb4_bin"),
                 "%" PRId64 " tables are not utf8mb4", server->other_charsets);
    else
        buf_add_text(doctor_note(doctor, "database charset", VERDICT_OK, NULL),
                     "all tables are utf8mb4, whatever the server's own default");
    if (server->packet_max_bytes < PACKET_MIN_BYTES)
        buf_addf(doctor_note(doctor, "database packets", VERDICT_WARN,
                             "set the server's max_allowed_packet to 16M or more"),
                 "max_allowed_packet is %" PRId64 " bytes", server->packet_max_bytes);
    if (server->flush_at_commit != 1)
        buf_addf(doctor_note(doctor, "database durability", VERDICT_WARN,
                             "set innodb_flush_log_at_trx_commit = 1"),
                 "innodb_flush_log_at_trx_commit is %" PRId64
                 ": a power cut may take what was stored last",
                 server->flush_at_commit);
}

/* --- Kafka */

void doctor_kafka(struct doctor *doctor)
{
    AUTO_BUF problem = {0};
    int err = topic_facts_read(&doctor->config, KAFKA_TIMEOUT_MS, doctor->topics, &problem);
    doctor->kafka_known = err == 0;
    if (err != 0)
        buf_add_str(doctor_note(doctor, "kafka", VERDICT_FAIL,
                                "start a broker, or correct KAFKA_BOOTSTRAP_SERVERS; the address "
                                "that it advertises must be reachable from here as well"),
                    buf_str(&problem));
    else
        buf_addf(doctor_note(doctor, "kafka", VERDICT_OK, NULL), "%s answers",
                 doctor->config.kafka_bootstrap_servers);
}

static void check_partitions(struct doctor *doctor, const char *name,
                             const struct topic_facts *topic)
{
    const struct config *config = &doctor->config;
    if (topic->partitions == 0)
        buf_addf(doctor_note(doctor, "topics", VERDICT_FAIL, "run `tipster migrate`"),
                 "there is no topic %s", name);
    else if (topic->partitions != config->kafka_partitions)
        buf_addf(doctor_note(doctor, "topics", VERDICT_FAIL,
                             "set KAFKA_PARTITIONS to what the topics have; it is fixed once they "
                             "exist"),
                 "%s has %d partitions, KAFKA_PARTITIONS says %" PRId64, name, topic->partitions,
                 config->kafka_partitions);
    else
        buf_addf(doctor_note(doctor, "topics", VERDICT_OK, NULL), "%s has %d partitions", name,
                 topic->partitions);
}

static void check_topic_settings(struct doctor *doctor, const char *name,
                                 const struct topic_facts *topic)
{
    const struct config *config = &doctor->config;
    int64_t retention_ms = config->kafka_retention_hours * 3600 * 1000;
    if (!topic->settings_known)
        buf_addf(doctor_note(doctor, "topic settings", VERDICT_WARN,
                             "allow DescribeConfigs on the topics, or look at retention.ms and "
                             "message.timestamp.type yourself"),
                 "Kafka does not show this user the settings of %s", name);
    else if (topic->retention_ms >= 0 && topic->retention_ms < retention_ms)
        buf_addf(doctor_note(doctor, "topic retention", VERDICT_FAIL,
                             "alter the topic's retention.ms, or lower KAFKA_RETENTION_HOURS: "
                             "serve stops accepting by this setting before records expire unread"),
                 "%s keeps records for %" PRId64 " h, KAFKA_RETENTION_HOURS says %" PRId64, name,
                 topic->retention_ms / 3600000, config->kafka_retention_hours);
    else if (topic->retention_ms != retention_ms)
        buf_addf(doctor_note(doctor, "topic retention", VERDICT_WARN,
                             "the erasure deadline is the topic's: make both the same"),
                 "%s keeps records longer than KAFKA_RETENTION_HOURS says", name);
    if (topic->settings_known && strcmp(topic->timestamp_type, "LogAppendTime") != 0)
        buf_addf(doctor_note(doctor, "topic timestamps", VERDICT_WARN,
                             "alter the topic's message.timestamp.type to LogAppendTime"),
                 "%s takes the senders' clocks (%s)", name, topic->timestamp_type);
    if (topic->in_sync < topic->replicas || topic->replicas < config->kafka_replication)
        buf_addf(doctor_note(doctor, "topic replicas", VERDICT_WARN,
                             "look for brokers that are down; topics keep the replication that "
                             "they were made with"),
                 "%s: %d of %d copies are in step, KAFKA_REPLICATION is %" PRId64, name,
                 topic->in_sync, topic->replicas, config->kafka_replication);
}

/* Kafka does not tell its time, but the newest record cannot be of the future. */
static void check_kafka_clock(struct doctor *doctor)
{
    int64_t ahead_ms = -1;
    for (int kind = 0; kind < RECORD_KINDS; kind++) {
        int64_t newest_ms = doctor->topics[kind].newest_record_ms;
        if (newest_ms >= 0 && newest_ms - clock_realtime_ms() > ahead_ms)
            ahead_ms = newest_ms - clock_realtime_ms();
    }
    if (ahead_ms > CLOCK_WARN_MS)
        buf_addf(doctor_note(doctor, "kafka clock", VERDICT_WARN,
                             "set both machines' clocks (chrony, systemd-timesyncd)"),
                 "the newest record is %" PRId64 " s ahead of our clock", ahead_ms / 1000);
}

void doctor_topics(struct doctor *doctor)
{
    if (!doctor->kafka_known)
        return;
    for (int kind = 0; kind < RECORD_KINDS; kind++) {
        char name[TOPIC_NAME_SIZE];
        topic_name(&doctor->config, (enum record_kind)kind, name);
        check_partitions(doctor, name, &doctor->topics[kind]);
        if (doctor->topics[kind].partitions > 0)
            check_topic_settings(doctor, name, &doctor->topics[kind]);
    }
    check_kafka_clock(doctor);
}
