/* A queue for each partition; see lanes.h. */
#include "stream/lanes.h"

#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>

/* A partition with more than this waits for its turn. */
enum { FEW_RECORDS = 100 };

struct lanes {
    rd_kafka_t *client;
    int wake_fd;
    rd_kafka_queue_t **queues;
    size_t count;
    /* First a round over all lanes, in which each gives what it has if that is few … */
    size_t at;
    size_t left; /* of lane `at`, in this round */
    bool entered;
    bool gave_few; /* in this batch */
    /* … then the backlogs: `filled` lanes from `turn` on have given all they had. */
    size_t turn, filled;
};

struct lanes *lanes_new(rd_kafka_t *client, int wake_fd)
{
    struct lanes *lanes = xcalloc(1, sizeof(*lanes));
    lanes->client = client;
    lanes->wake_fd = wake_fd;
    return lanes;
}

void lanes_open(struct lanes *lanes, const rd_kafka_topic_partition_list_t *list)
{
    static const uint64_t one = 1;
    lanes_close(lanes);
    lanes->queues = xcalloc((size_t)list->cnt, sizeof(rd_kafka_queue_t *));
    for (int i = 0; i < list->cnt; i++) {
        rd_kafka_queue_t *queue = rd_kafka_queue_get_partition(lanes->client, list->elems[i].topic,
                                                               list->elems[i].partition);
        rd_kafka_queue_forward(queue, NULL);
        rd_kafka_queue_io_event_enable(queue, lanes->wake_fd, &one, sizeof(one));
        lanes->queues[lanes->count++] = queue;
    }
}

void lanes_close(struct lanes *lanes)
{
    for (size_t i = 0; i < lanes->count; i++) {
        rd_kafka_queue_io_event_enable(lanes->queues[i], -1, NULL, 0);
        rd_kafka_queue_destroy(lanes->queues[i]);
    }
    free(lanes->queues);
    *lanes = (struct lanes){.client = lanes->client, .wake_fd = lanes->wake_fd};
}

void lanes_free(struct lanes *lanes)
{
    if (lanes == NULL)
        return;
    lanes_close(lanes);
    free(lanes);
}

static rd_kafka_message_t *take_few(struct lanes *lanes)
{
    for (; lanes->at < lanes->count; lanes->at++) {
        rd_kafka_queue_t *queue = lanes->queues[lanes->at];
        if (!lanes->entered) {
            size_t waiting = rd_kafka_queue_length(queue);
            lanes->left = waiting <= FEW_RECORDS ? waiting : 0;
            lanes->entered = true;
        }
        while (lanes->left > 0) {
            lanes->left--;
            rd_kafka_message_t *message = rd_kafka_consume_queue(queue, 0);
            if (message == NULL)
                continue;
            lanes->gave_few = true;
            return message;
        }
        lanes->entered = false;
    }
    return NULL;
}

static rd_kafka_message_t *take_backlog(struct lanes *lanes)
{
    for (; lanes->filled < lanes->count; lanes->filled++) {
        size_t lane = (lanes->turn + lanes->filled) % lanes->count;
        rd_kafka_message_t *message = rd_kafka_consume_queue(lanes->queues[lane], 0);
        if (message != NULL)
            return message;
    }
    return NULL;
}

rd_kafka_message_t *lanes_take(struct lanes *lanes)
{
    rd_kafka_message_t *message = take_few(lanes);
    if (message == NULL)
        message = take_backlog(lanes);
    if (message == NULL) { /* all are empty: from the beginning */
        lanes->at = 0;
        lanes->filled = 0;
    }
    return message;
}

bool lanes_gave_few(const struct lanes *lanes)
{
    return lanes->gave_few;
}

void lanes_turn(struct lanes *lanes)
{
    lanes->gave_few = false;
    if (lanes->at < lanes->count || lanes->count == 0)
        return; /* the few alone filled the batch: on with those that had no place in it */
    lanes->at = 0;
    lanes->turn = (lanes->turn + lanes->filled + 1) % lanes->count;
    lanes->filled = 0;
}
