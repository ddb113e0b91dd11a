/* Making and checking topics; see topics.h. */
#include "stream/topics.h"

#include "base/clock.h"
#include "base/err.h"
#include "stream/kafka.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const struct kafka_option no_options[] = {{NULL, NULL}};

static rd_kafka_t *admin_client(const struct config *config, struct buf *ret_problem)
{
    rd_kafka_conf_t *conf = kafka_conf(config, no_options, ret_problem);
    return conf != NULL ? kafka_client(RD_KAFKA_PRODUCER, conf, ret_problem) : NULL;
}

static int unavailable(const struct config *config, const char *what, rd_kafka_resp_err_t err,
                       struct buf *ret_problem)
{
    buf_addf(ret_problem, "%s: Kafka at %s: %s", what, config->kafka_bootstrap_servers,
             rd_kafka_err2str(err));
    return TIP_EUNAVAIL;
}

/* Partitions of a topic by the brokers' word; 0 when it does not exist. */
static int partition_count(rd_kafka_t *client, const char *name, int timeout_ms,
                           rd_kafka_resp_err_t *ret_err)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(client, name, NULL);
    *ret_err = rd_kafka_metadata(client, 0, topic, &metadata, timeout_ms);
    rd_kafka_topic_destroy(topic);
    if (*ret_err != RD_KAFKA_RESP_ERR_NO_ERROR)
        return 0;
    bool known = metadata->topic_cnt == 1 && metadata->topics[0].err == 0;
    int count = known ? metadata->topics[0].partition_cnt : 0;
    rd_kafka_metadata_destroy(metadata);
    return count;
}

/* 0: as the settings say; TIP_ENOTFOUND: not there. */
static int check_topic(const struct config *config, rd_kafka_t *client, const char *name,
                       int timeout_ms, struct buf *ret_problem)
{
    rd_kafka_resp_err_t err;
    int count = partition_count(client, name, timeout_ms, &err);
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
        return unavailable(config, "cannot read the topics", err, ret_problem);
    if (count == 0)
        return TIP_ENOTFOUND;
    if (count == config->kafka_partitions)
        return 0;
    buf_addf(ret_problem, "topic %s has %d partitions, KAFKA_PARTITIONS says %lld", name, count,
             (long long)config->kafka_partitions);
    return TIP_ECONFIG;
}

int topics_check(const struct config *config, int timeout_ms, struct buf *ret_problem)
{
    AUTO_CLIENT *client = admin_client(config, ret_problem);
    if (client == NULL)
        return TIP_ECONFIG;
    for (int kind = 0; kind < RECORD_KINDS; kind++) {
        char name[TOPIC_NAME_SIZE];
        topic_name(config, (enum record_kind)kind, name);
        int err = check_topic(config, client, name, timeout_ms, ret_problem);
        if (err == TIP_ENOTFOUND)
            buf_addf(ret_problem, "topic %s does not exist: run `tipster migrate`", name);
        if (err != 0)
            return err;
    }
    return 0;
}

static rd_kafka_NewTopic_t *new_topic(const struct config *config, const char *name)
{
    char retention_ms[32], error[256];
    snprintf(retention_ms, sizeof(retention_ms), "%lld",
             (long long)config->kafka_retention_hours * 3600 * 1000);
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(
        name, (int)config->kafka_partitions, (int)config->kafka_replication, error, sizeof(error));
    if (topic == NULL)
        return NULL;
    rd_kafka_NewTopic_set_config(topic, "retention.ms", retention_ms);
    rd_kafka_NewTopic_set_config(topic, "cleanup.policy", "delete");
    /* The broker's own clock: a server whose clock is an hour ahead would be refused by it. */
    rd_kafka_NewTopic_set_config(topic, "message.timestamp.type", "LogAppendTime");
    if (config->kafka_replication >= 3)
        rd_kafka_NewTopic_set_config(topic, "min.insync.replicas", "2");
    return topic;
}

static int read_create_event(const struct config *config, rd_kafka_event_t *event,
                             struct buf *ret_problem)
{
    if (event == NULL)
        return unavailable(config, "cannot create topics", RD_KAFKA_RESP_ERR__TIMED_OUT,
                           ret_problem);
    if (rd_kafka_event_error(event) != 0)
        return unavailable(config, "cannot create topics", rd_kafka_event_error(event),
                           ret_problem);
    size_t count = 0;
    const rd_kafka_topic_result_t **results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    for (size_t i = 0; i < count; i++) {
        rd_kafka_resp_err_t err = rd_kafka_topic_result_error(results[i]);
        if (err == 0 || err == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
            continue;
        buf_addf(ret_problem, "cannot create topic %s: %s", rd_kafka_topic_result_name(results[i]),
                 rd_kafka_topic_result_error_string(results[i]));
        return TIP_ECONFIG;
    }
    return 0;
}

static int create_topic(const struct config *config, rd_kafka_t *client, const char *name,
                        int timeout_ms, struct buf *ret_problem)
{
    rd_kafka_NewTopic_t *topic = new_topic(config, name);
    if (topic == NULL) {
        buf_addf(ret_problem, "%s is not a possible topic", name);
        return TIP_ECONFIG;
    }
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_CreateTopics(client, &topic, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, timeout_ms);
    int err = read_create_event(config, event, ret_problem);
    if (event != NULL)
        rd_kafka_event_destroy(event);
    rd_kafka_NewTopic_destroy(topic);
    rd_kafka_queue_destroy(queue);
    return err;
}

/* The controller answers before every broker knows the topic: waits until they do. */
static int wait_for_topic(const struct config *config, rd_kafka_t *client, const char *name,
                          int timeout_ms, struct buf *ret_problem)
{
    int64_t deadline_ms = clock_monotonic_ms() + timeout_ms;
    for (;;) {
        int err = check_topic(config, client, name, timeout_ms, ret_problem);
        if (err != TIP_ENOTFOUND)
            return err;
        if (clock_monotonic_ms() > deadline_ms)
            return unavailable(config, "a created topic does not appear",
                               RD_KAFKA_RESP_ERR__TIMED_OUT, ret_problem);
        nanosleep(&(struct timespec){.tv_nsec = 50 * 1000 * 1000}, NULL);
    }
}

int topics_create(const struct config *config, int timeout_ms, int *ret_created,
                  struct buf *ret_problem)
{
    int created = 0;
    AUTO_CLIENT *client = admin_client(config, ret_problem);
    if (client == NULL)
        return TIP_ECONFIG;
    for (int kind = 0; kind < RECORD_KINDS; kind++) {
        char name[TOPIC_NAME_SIZE];
        topic_name(config, (enum record_kind)kind, name);
        int err = check_topic(config, client, name, timeout_ms, ret_problem);
        if (err == TIP_ENOTFOUND) {
            created++;
            err = create_topic(config, client, name, timeout_ms, ret_problem);
            if (err == 0)
                err = wait_for_topic(config, client, name, timeout_ms, ret_problem);
        }
        if (err != 0)
            return err;
    }
    *ret_created = created;
    return 0;
}

static int read_describe_event(const struct config *config, rd_kafka_event_t *event,
                               struct topic_identity *ret_identity, struct buf *ret_problem)
{
    if (event == NULL || rd_kafka_event_error(event) != 0)
        return unavailable(config, "cannot describe the topics",
                           event != NULL ? rd_kafka_event_error(event)
                                         : RD_KAFKA_RESP_ERR__TIMED_OUT,
                           ret_problem);
    size_t count = 0;
    const rd_kafka_TopicDescription_t **topics =
        rd_kafka_DescribeTopics_result_topics(rd_kafka_event_DescribeTopics_result(event), &count);
    for (size_t i = 0; i < count; i++) {
        const char *name = rd_kafka_TopicDescription_name(topics[i]);
        const rd_kafka_error_t *error = rd_kafka_TopicDescription_error(topics[i]);
        enum record_kind kind = topic_kind(config, name);
        if (error != NULL || kind == RECORD_KINDS) {
            buf_addf(ret_problem, "topic %s: %s", name, rd_kafka_error_string(error));
            return TIP_EUNAVAIL;
        }
        snprintf(ret_identity[kind].topic_id, sizeof(ret_identity[kind].topic_id), "%s",
                 rd_kafka_Uuid_base64str(rd_kafka_TopicDescription_topic_id(topics[i])));
    }
    return 0;
}

int topics_identify(const struct config *config, int timeout_ms,
                    struct topic_identity ret_identity[static RECORD_KINDS],
                    struct buf *ret_problem)
{
    struct topic_identity identity[RECORD_KINDS] = {0};
    char names[RECORD_KINDS][TOPIC_NAME_SIZE];
    const char *list[RECORD_KINDS];
    AUTO_CLIENT *client = admin_client(config, ret_problem);
    if (client == NULL)
        return TIP_ECONFIG;
    char *own_id = rd_kafka_clusterid(client, timeout_ms);
    if (own_id == NULL)
        return unavailable(config, "cannot read the cluster's id", RD_KAFKA_RESP_ERR__TIMED_OUT,
                           ret_problem);
    for (int kind = 0; kind < RECORD_KINDS; kind++) {
        topic_name(config, (enum record_kind)kind, names[kind]);
        list[kind] = names[kind];
        snprintf(identity[kind].cluster_id, sizeof(identity[kind].cluster_id), "%s", own_id);
    }
    rd_kafka_mem_free(client, own_id);
    rd_kafka_TopicCollection_t *topics =
        rd_kafka_TopicCollection_of_topic_names(list, RECORD_KINDS);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_DescribeTopics(client, topics, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, timeout_ms);
    int err = read_describe_event(config, event, identity, ret_problem);
    if (event != NULL)
        rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_TopicCollection_destroy(topics);
    if (err == 0)
        memcpy(ret_identity, identity, sizeof(identity));
    return err;
}
