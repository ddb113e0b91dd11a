/* Three questions to Kafka: metadata, settings, newest records; see topic_facts.h. */
#include "stream/topic_facts.h"

#include "base/err.h"
#include "stream/kafka.h"

#include <stdlib.h>

const char *stream_library_version(void)
{
    return rd_kafka_version_str();
}

static int unavailable(const struct config *config, rd_kafka_resp_err_t err,
                       struct buf *ret_problem)
{
    buf_addf(ret_problem, "Kafka at %s: %s", config->kafka_bootstrap_servers,
             rd_kafka_err2str(err));
    return TIP_EUNAVAIL;
}

static void take_partitions(const rd_kafka_metadata_topic_t *topic, struct topic_facts *facts)
{
    facts->partitions = topic->err == 0 ? topic->partition_cnt : 0;
    for (int i = 0; i < facts->partitions; i++) {
        const rd_kafka_metadata_partition_t *partition = &topic->partitions[i];
        if (i == 0 || partition->replica_cnt < facts->replicas)
            facts->replicas = partition->replica_cnt;
        if (i == 0 || partition->isr_cnt < facts->in_sync)
            facts->in_sync = partition->isr_cnt;
    }
}

static rd_kafka_resp_err_t read_metadata(rd_kafka_t *client, const char *name, int timeout_ms,
                                         struct topic_facts *facts)
{
    const rd_kafka_metadata_t *metadata;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(client, name, NULL);
    rd_kafka_resp_err_t err = rd_kafka_metadata(client, 0, topic, &metadata, timeout_ms);
    rd_kafka_topic_destroy(topic);
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
        return err;
    if (metadata->topic_cnt == 1)
        take_partitions(&metadata->topics[0], facts);
    rd_kafka_metadata_destroy(metadata);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static void take_settings(const rd_kafka_ConfigResource_t *resource, struct topic_facts *facts)
{
    size_t count = 0;
    facts->settings_known = rd_kafka_ConfigResource_error(resource) == 0;
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resource, &count);
    for (size_t i = 0; i < count; i++) {
        const char *name = rd_kafka_ConfigEntry_name(entries[i]);
        const char *value = rd_kafka_ConfigEntry_value(entries[i]);
        if (value != NULL && strcmp(name, "retention.ms") == 0)
            facts->retention_ms = strtoll(value, NULL, 10);
        if (value != NULL && strcmp(name, "message.timestamp.type") == 0)
            snprintf(facts->timestamp_type, sizeof(facts->timestamp_type), "%s", value);
    }
}

static rd_kafka_resp_err_t read_settings(rd_kafka_t *client, const char *name, int timeout_ms,
                                         struct topic_facts *facts)
{
    rd_kafka_ConfigResource_t *topic = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, name);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_DescribeConfigs(client, &topic, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, timeout_ms);
    rd_kafka_resp_err_t err =
        event != NULL ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
    if (err == 0) {
        size_t count = 0;
        const rd_kafka_ConfigResource_t **resources = rd_kafka_DescribeConfigs_result_resources(
            rd_kafka_event_DescribeConfigs_result(event), &count);
        if (count == 1)
            take_settings(resources[0], facts);
    }
    if (event != NULL)
        rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_ConfigResource_destroy(topic);
    return err;
}

static void take_newest(rd_kafka_event_t *event, struct topic_facts *facts)
{
    size_t count = 0;
    const rd_kafka_ListOffsetsResultInfo_t **infos =
        rd_kafka_ListOffsets_result_infos(rd_kafka_event_ListOffsets_result(event), &count);
    for (size_t i = 0; i < count; i++) {
        int64_t time_ms = rd_kafka_ListOffsetsResultInfo_timestamp(infos[i]);
        if (time_ms > facts->newest_record_ms)
            facts->newest_record_ms = time_ms;
    }
}

/* A broker older than 3.0 cannot say; that is no failure. */
static void read_newest(rd_kafka_t *client, const char *name, int timeout_ms,
                        struct topic_facts *facts)
{
    AUTO_PARTITIONS *list = rd_kafka_topic_partition_list_new(facts->partitions);
    for (int i = 0; i < facts->partitions; i++)
        rd_kafka_topic_partition_list_add(list, name, i)->offset =
            RD_KAFKA_OFFSET_SPEC_MAX_TIMESTAMP;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_ListOffsets(client, list, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, timeout_ms);
    if (event != NULL && rd_kafka_event_error(event) == 0)
        take_newest(event, facts);
    if (event != NULL)
        rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
}

int topic_facts_read(const struct config *config, int timeout_ms,
                     struct topic_facts ret_facts[static RECORD_KINDS], struct buf *ret_problem)
{
    static const struct kafka_option none[] = {{NULL, NULL}};
    struct topic_facts facts[RECORD_KINDS] = {0};
    rd_kafka_conf_t *conf = kafka_conf(config, none, ret_problem);
    AUTO_CLIENT *client = conf != NULL ? kafka_client(RD_KAFKA_PRODUCER, conf, ret_problem) : NULL;
    if (client == NULL)
        return TIP_ECONFIG;
    for (int kind = 0; kind < RECORD_KINDS; kind++) {
        char name[TOPIC_NAME_SIZE];
        topic_name(config, (enum record_kind)kind, name);
        facts[kind].newest_record_ms = -1;
        rd_kafka_resp_err_t err = read_metadata(client, name, timeout_ms, &facts[kind]);
        if (err == 0 && facts[kind].partitions > 0)
            err = read_settings(client, name, timeout_ms, &facts[kind]);
        if (err == 0 && facts[kind].partitions > 0)
            read_newest(client, name, timeout_ms, &facts[kind]);
        if (err != 0)
            return unavailable(config, err, ret_problem);
    }
    memcpy(ret_facts, facts, sizeof(facts));
    return 0;
}
