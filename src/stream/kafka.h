/*
 * What producer, consumer and topics share: building a librdkafka configuration from the settings,
 * topic names, log lines. Inside stream/ only.
 */
#ifndef TIPSTER_STREAM_KAFKA_H
#define TIPSTER_STREAM_KAFKA_H

#include "base/buf.h"
#include "config/config.h"
#include "domain/record.h"
#include "stream/message.h"
#include "stream/topics.h"

#include <librdkafka/rdkafka.h>

struct kafka_option {
    const char *name, *value;
};

/*
 * A configuration with the brokers, client id, log callback and the options given (ended by a NULL
 * name). NULL with ret_problem on a refused option. Owned by the caller until a client takes it.
 */
rd_kafka_conf_t *kafka_conf(const struct config *config, const struct kafka_option *options,
                            struct buf *ret_problem);
/* A client of the type, which takes conf; NULL with ret_problem, conf is then freed. */
rd_kafka_t *kafka_client(rd_kafka_type_t type, rd_kafka_conf_t *conf, struct buf *ret_problem);

/* Takes the library's message over as ours. */
void message_take(rd_kafka_message_t *message, enum record_kind kind,
                  struct consumer_message *ret_message);

/* A list of all partitions of all topics, with an offset of `offset` each. */
rd_kafka_topic_partition_list_t *kafka_all_partitions(const struct config *config, int64_t offset);

static inline void kafka_list_release(rd_kafka_topic_partition_list_t **list)
{
    if (*list != NULL)
        rd_kafka_topic_partition_list_destroy(*list);
}
#define AUTO_PARTITIONS __attribute__((cleanup(kafka_list_release))) rd_kafka_topic_partition_list_t

static inline void kafka_client_release(rd_kafka_t **client)
{
    if (*client != NULL)
        rd_kafka_destroy(*client);
}
#define AUTO_CLIENT __attribute__((cleanup(kafka_client_release))) rd_kafka_t

#endif
