/* Shared set-up of Kafka clients; see kafka.h. */
#include "stream/kafka.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>

enum { LOG_WINDOW_MS = 10000, LOG_LINES_MAX = 5 };

#define TOPIC_VERSION ".v1"

void topic_name(const struct config *config, enum record_kind kind,
                char ret_name[static TOPIC_NAME_SIZE])
{
    snprintf(ret_name, TOPIC_NAME_SIZE, "%s.%s" TOPIC_VERSION, config->kafka_topic_prefix,
             record_kind_plural(kind));
}

enum record_kind topic_kind(const struct config *config, const char *name)
{
    /* Asked for each record that comes: compares in place, where making the names cost more. */
    size_t prefix = strlen(config->kafka_topic_prefix);
    if (strncmp(name, config->kafka_topic_prefix, prefix) != 0 || name[prefix] != '.')
        return RECORD_KINDS;
    name += prefix + 1;
    for (int kind = 0; kind < RECORD_KINDS; kind++) {
        const char *plural = record_kind_plural((enum record_kind)kind);
        size_t len = strlen(plural);
        if (strncmp(name, plural, len) == 0 && strcmp(name + len, TOPIC_VERSION) == 0)
            return (enum record_kind)kind;
    }
    return RECORD_KINDS;
}

/* The client repeats itself twenty times a second while the brokers are away. Any thread. */
static bool is_flood(void)
{
    static int64_t window_ms;
    static int lines;
    int64_t now_ms = clock_monotonic_ms(), start_ms = __atomic_load_n(&window_ms, __ATOMIC_RELAXED);
    if (now_ms - start_ms >= LOG_WINDOW_MS &&
        __atomic_compare_exchange_n(&window_ms, &start_ms, now_ms, false, __ATOMIC_RELAXED,
                                    __ATOMIC_RELAXED)) {
        int dropped = __atomic_exchange_n(&lines, 0, __ATOMIC_RELAXED) - LOG_LINES_MAX;
        if (dropped > 0)
            log_warn("kafka", "%d more lines like these", dropped);
    }
    return __atomic_add_fetch(&lines, 1, __ATOMIC_RELAXED) > LOG_LINES_MAX;
}

static void log_kafka(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
    (void)client;
    enum log_level own = level <= 3 ? LOG_LEVEL_WARN /* a lost broker is not yet an error of ours */
                         : level <= 5 ? LOG_LEVEL_INFO
                                      : LOG_LEVEL_DEBUG;
    if (own == LOG_LEVEL_DEBUG || !is_flood())
        log_line(own, "kafka", "%s: %s", facility, text);
}

rd_kafka_conf_t *kafka_conf(const struct config *config, const struct kafka_option *options,
                            struct buf *ret_problem)
{
    const struct kafka_option common[] = {
        {"bootstrap.servers", config->kafka_bootstrap_servers},
        {"client.id", "tipster"},
        {"socket.keepalive.enable", "true"},
        {"socket.nagle.disable", "true"},
        /* Come back within seconds after the broker does: the default backs off to 10 s. */
        {"reconnect.backoff.ms", "100"},
        {"reconnect.backoff.max.ms", "1000"},
        {"log.connection.close", "false"},
        {NULL, NULL},
    };
    const struct kafka_option *const lists[] = {common, options};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    for (int list = 0; list < 2; list++) {
        for (const struct kafka_option *option = lists[list]; option->name != NULL; option++) {
            char error[256];
            if (rd_kafka_conf_set(conf, option->name, option->value, error, sizeof(error)) !=
                RD_KAFKA_CONF_OK) {
                buf_addf(ret_problem, "Kafka client: %s", error);
                rd_kafka_conf_destroy(conf);
                return NULL;
            }
        }
    }
    rd_kafka_conf_set_log_cb(conf, log_kafka);
    return conf;
}

rd_kafka_t *kafka_client(rd_kafka_type_t type, rd_kafka_conf_t *conf, struct buf *ret_problem)
{
    char error[256];
    rd_kafka_t *client = rd_kafka_new(type, conf, error, sizeof(error));
    if (client == NULL) {
        buf_addf(ret_problem, "Kafka client: %s", error);
        rd_kafka_conf_destroy(conf);
    }
    return client;
}

rd_kafka_topic_partition_list_t *kafka_all_partitions(const struct config *config, int64_t offset)
{
    int count = (int)config->kafka_partitions;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(count * RECORD_KINDS);
    for (int kind = 0; kind < RECORD_KINDS; kind++) {
        char name[TOPIC_NAME_SIZE];
        topic_name(config, (enum record_kind)kind, name);
        for (int32_t partition = 0; partition < count; partition++)
            rd_kafka_topic_partition_list_add(list, name, partition)->offset = offset;
    }
    return list;
}
