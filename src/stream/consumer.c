/* The group consumer; see consumer.h. */
#include "stream/consumer.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "stream/kafka.h"
#include "stream/lanes.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct consumer {
    rd_kafka_t *client;
    rd_kafka_queue_t *common; /* what concerns no partition: the group's rebalances, errors */
    struct lanes *lanes;
    int wake_fd; /* written when one of all these queues fills */
    bool common_is_due;
    const struct config *config;
    const struct consumer_events *events;
    int64_t
        outage_at_ms; /* monotonic; when the group was last lost without anybody else; 0: never */
};

enum {
    OUTAGE_ECHO_MS = 60000,
    LEAVE_ROUND_MS = 100,
    LEAVE_ROUNDS = 50,
    /* What waits in memory of all partitions together; a fetch may bring as much again. */
    QUEUED_TOTAL_KIB = 24 * 1024,
    QUEUED_MIN_KIB = 64,
    QUEUED_MAX_KIB = 512,
};

static void assign(struct consumer *consumer, rd_kafka_topic_partition_list_t *list)
{
    size_t count = (size_t)list->cnt;
    AUTO_FREE struct partition *partitions = xcalloc(count, sizeof(*partitions));
    for (size_t i = 0; i < count; i++) {
        partitions[i].kind = topic_kind(consumer->config, list->elems[i].topic);
        partitions[i].number = list->elems[i].partition;
    }
    if (consumer->events->assigned(consumer->events->arg, partitions, count) != 0) {
        rd_kafka_assign(consumer->client, NULL);
        return;
    }
    for (size_t i = 0; i < count; i++)
        list->elems[i].offset = partitions[i].offset;
    lanes_open(consumer->lanes, list);
    rd_kafka_assign(consumer->client, list);
}

static void on_rebalance(rd_kafka_t *client, rd_kafka_resp_err_t err,
                         rd_kafka_topic_partition_list_t *list, void *opaque)
{
    struct consumer *consumer = opaque;
    if (err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        assign(consumer, list);
        return;
    }
    bool lost = rd_kafka_assignment_lost(client) != 0;
    if (lost && rd_kafka_fatal_error(client, NULL, 0) == 0)
        consumer->outage_at_ms = clock_monotonic_ms();
    consumer->events->revoked(consumer->events->arg, lost);
    lanes_close(consumer->lanes);
    rd_kafka_assign(client, NULL);
}

/* Of one partition: enough for much of a batch, as long as there are not too many of them. */
static int64_t queued_kib(const struct config *config)
{
    int64_t kib = QUEUED_TOTAL_KIB / (RECORD_KINDS * config->kafka_partitions);
    return kib < QUEUED_MIN_KIB ? QUEUED_MIN_KIB : kib > QUEUED_MAX_KIB ? QUEUED_MAX_KIB : kib;
}

static rd_kafka_conf_t *consumer_conf(const struct config *config, const char *instance_id,
                                      struct buf *ret_problem)
{
    char session_ms[32], kib[32], bytes[32];
    snprintf(session_ms, sizeof(session_ms), "%lld", (long long)config->ingest_session_ms);
    snprintf(kib, sizeof(kib), "%lld", (long long)queued_kib(config));
    snprintf(bytes, sizeof(bytes), "%lld", (long long)queued_kib(config) * 1024);
    const struct kafka_option options[] = {
        {"group.id", config->kafka_group},
        {"group.instance.id", instance_id},
        {"session.timeout.ms", session_ms},
        {"max.poll.interval.ms", "600000"}, /* assigning waits for the database */
        {"partition.assignment.strategy", "range"},
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"auto.offset.reset", "error"},
        {"check.crcs", "true"},
        {"fetch.wait.max.ms", "50"},
        /* Of each partition: one that has less than about a batch waiting is fetched from. */
        {"queued.min.messages", "2000"},
        {"queued.max.messages.kbytes", kib},
        {"fetch.queue.backoff.ms", "5"},
        {"fetch.message.max.bytes", bytes},
        {"fetch.max.bytes", "8388608"},
        {NULL, NULL},
    };
    return kafka_conf(config, options, ret_problem);
}

static int subscribe(struct consumer *consumer, struct buf *ret_problem)
{
    AUTO_PARTITIONS *topics = rd_kafka_topic_partition_list_new(RECORD_KINDS);
    for (int kind = 0; kind < RECORD_KINDS; kind++) {
        char name[TOPIC_NAME_SIZE];
        topic_name(consumer->config, (enum record_kind)kind, name);
        rd_kafka_topic_partition_list_add(topics, name, RD_KAFKA_PARTITION_UA);
    }
    rd_kafka_resp_err_t err = rd_kafka_subscribe(consumer->client, topics);
    if (err == 0)
        return 0;
    buf_addf(ret_problem, "cannot subscribe: %s", rd_kafka_err2str(err));
    return TIP_ECONFIG;
}

/* The client's queues and what wakes us when one of them fills. */
static void open_queues(struct consumer *consumer)
{
    static const uint64_t one = 1;
    consumer->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (consumer->wake_fd < 0)
        abort(); /* no descriptors: nothing this program can do */
    consumer->lanes = lanes_new(consumer->client, consumer->wake_fd);
    consumer->common = rd_kafka_queue_get_consumer(consumer->client);
    rd_kafka_queue_io_event_enable(consumer->common, consumer->wake_fd, &one, sizeof(one));
}

static void close_queues(struct consumer *consumer)
{
    lanes_close(consumer->lanes);
    rd_kafka_queue_io_event_enable(consumer->common, -1, NULL, 0);
    rd_kafka_queue_destroy(consumer->common);
}

int consumer_create(const struct config *config, const char *instance_id,
                    const struct consumer_events *events, struct consumer **ret_consumer,
                    struct buf *ret_problem)
{
    rd_kafka_conf_t *conf = consumer_conf(config, instance_id, ret_problem);
    if (conf == NULL)
        return TIP_ECONFIG;
    struct consumer *consumer = xcalloc(1, sizeof(*consumer));
    consumer->config = config;
    consumer->events = events;
    rd_kafka_conf_set_opaque(conf, consumer);
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    consumer->client = kafka_client(RD_KAFKA_CONSUMER, conf, ret_problem);
    if (consumer->client == NULL) {
        free(consumer);
        return TIP_ECONFIG;
    }
    rd_kafka_poll_set_consumer(consumer->client);
    open_queues(consumer);
    int err = subscribe(consumer, ret_problem);
    if (err != 0) {
        consumer_destroy(consumer);
        return err;
    }
    *ret_consumer = consumer;
    return 0;
}

/* An error that came in place of a message: 1 when reading goes on by itself. */
static int judge_error(const struct consumer *consumer, const rd_kafka_message_t *message,
                       struct buf *ret_problem)
{
    char text[256];
    rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(consumer->client, text, sizeof(text));
    /* After an outage the client joins as a new member, and then repeats requests that it had sent
     * as the old one: it fences itself. */
    if (fatal == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID && consumer->outage_at_ms != 0 &&
        clock_monotonic_ms() - consumer->outage_at_ms < OUTAGE_ECHO_MS) {
        buf_add_text(ret_problem, "lost its place in the group during an outage");
        return TIP_ERETRY;
    }
    if (fatal == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID) {
        buf_add_text(ret_problem, "another process has this instance id");
        return TIP_EFENCED;
    }
    if (fatal != 0) {
        buf_addf(ret_problem, "the consumer failed for good: %s", text);
        return TIP_EFATAL;
    }
    if (message->err == RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT) {
        buf_addf(ret_problem,
                 "Kafka refuses INGEST_SESSION_MS=%lld: its group.min.session.timeout.ms and "
                 "group.max.session.timeout.ms are the limits",
                 (long long)consumer->config->ingest_session_ms);
        return TIP_EFATAL;
    }
    if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
        message->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE) {
        buf_addf(ret_problem,
                 "records are missing: the next offset of %s [%d] is not in Kafka any more: %s",
                 message->rkt != NULL ? rd_kafka_topic_name(message->rkt) : "a topic",
                 message->partition, rd_kafka_message_errstr(message));
        return TIP_EFATAL;
    }
    log_debug("consumer", "%s", rd_kafka_message_errstr(message));
    return 1;
}

/* Returns once a queue may have something. */
static void wait_for_more(struct consumer *consumer, int timeout_ms)
{
    uint64_t count;
    struct pollfd wake = {.fd = consumer->wake_fd, .events = POLLIN};
    if (poll(&wake, 1, timeout_ms) > 0) {
        ssize_t got = read(consumer->wake_fd, &count, sizeof(count));
        (void)got; /* nothing there: then there is nothing to take away */
    }
}

/*
 * The common queue is looked at once per batch, and when there is nothing else: the partitions'
 * records do not come by it, since their queues were taken before they were assigned.
 */
static rd_kafka_message_t *next_message(struct consumer *consumer, int timeout_ms)
{
    rd_kafka_message_t *message = NULL;
    if (consumer->common_is_due)
        message = rd_kafka_consumer_poll(consumer->client, 0);
    consumer->common_is_due = false;
    if (message == NULL)
        message = lanes_take(consumer->lanes);
    if (message != NULL)
        return message;
    wait_for_more(consumer, timeout_ms);
    return rd_kafka_consumer_poll(consumer->client, 0);
}

bool consumer_gave_few(const struct consumer *consumer)
{
    return lanes_gave_few(consumer->lanes);
}

void consumer_turn(struct consumer *consumer)
{
    lanes_turn(consumer->lanes);
    consumer->common_is_due = true;
}

int consumer_poll(struct consumer *consumer, int timeout_ms, struct consumer_message *ret_message,
                  struct buf *ret_problem)
{
    rd_kafka_message_t *message = next_message(consumer, timeout_ms);
    if (message == NULL)
        return 1;
    if (message->err != 0) {
        int err = judge_error(consumer, message, ret_problem);
        rd_kafka_message_destroy(message);
        return err;
    }
    message_take(message, topic_kind(consumer->config, rd_kafka_topic_name(message->rkt)),
                 ret_message);
    return 0;
}

void consumer_commit(struct consumer *consumer, const struct partition *partitions, size_t count)
{
    AUTO_PARTITIONS *list = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++) {
        char name[TOPIC_NAME_SIZE];
        topic_name(consumer->config, partitions[i].kind, name);
        rd_kafka_topic_partition_list_add(list, name, partitions[i].number)->offset =
            partitions[i].offset;
    }
    rd_kafka_commit(consumer->client, list, 1);
}

int64_t consumer_high_watermark(struct consumer *consumer, const struct partition *partition)
{
    char name[TOPIC_NAME_SIZE];
    int64_t low = -1, high = -1;
    topic_name(consumer->config, partition->kind, name);
    rd_kafka_get_watermark_offsets(consumer->client, name, partition->number, &low, &high);
    return high;
}

/* False: a broker that is silent has not answered the last commits; the client would wait on. */
static bool leave_group(struct consumer *consumer)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(consumer->client);
    rd_kafka_error_t *error = rd_kafka_consumer_close_queue(consumer->client, queue);
    bool is_closed = error != NULL; /* failed for good: it is no member any more */
    rd_kafka_error_destroy(error);
    for (int i = 0; !is_closed && i < LEAVE_ROUNDS; i++) {
        rd_kafka_message_t *message = rd_kafka_consume_queue(queue, LEAVE_ROUND_MS);
        if (message != NULL)
            rd_kafka_message_destroy(message);
        is_closed = rd_kafka_consumer_closed(consumer->client) != 0;
    }
    rd_kafka_queue_destroy(queue);
    return is_closed;
}

void consumer_destroy(struct consumer *consumer)
{
    if (!leave_group(consumer)) {
        log_warn("consumer", "Kafka does not answer; leaving without its word");
        return;
    }
    close_queues(consumer);
    rd_kafka_destroy(consumer->client);
    lanes_free(consumer->lanes);
    close(consumer->wake_fd); /* the client's threads may write to it until now */
    free(consumer);
}
