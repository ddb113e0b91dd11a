/*
 * The partitions of a consumer, each with a queue of its own, and the order in which they are read.
 * The client library would hand everything over in one line, in which a few records of one
 * partition stand behind all that was fetched of the others. Here what there is of partitions with
 * few records is taken first, for each batch; a backlog fills the rest of the batch, of one
 * partition where it is enough, and in the next batch of the next one.
 */
#ifndef TIPSTER_STREAM_LANES_H
#define TIPSTER_STREAM_LANES_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

struct lanes;

/* For the client's life. wake_fd: an eventfd, non-blocking, which is written when a queue fills. */
struct lanes *lanes_new(rd_kafka_t *client, int wake_fd);
void lanes_free(struct lanes *lanes);

/*
 * Takes the queues of these partitions. Before they are assigned: what is fetched before goes to
 * the common queue.
 */
void lanes_open(struct lanes *lanes, const rd_kafka_topic_partition_list_t *list);
/* Gives them back, with what waits in them. */
void lanes_close(struct lanes *lanes);

/* The next message, or NULL when all are empty. The caller destroys it. */
rd_kafka_message_t *lanes_take(struct lanes *lanes);

/* Whether this batch has records of partitions with few: the longer it grows, the longer they wait.
 */
bool lanes_gave_few(const struct lanes *lanes);

/* A batch is complete: the next one begins with what is few, and another partition fills it. */
void lanes_turn(struct lanes *lanes);

#endif
