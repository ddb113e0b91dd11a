/* A follower of all partitions; see tail.h. */
#include "stream/tail.h"

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "stream/kafka.h"

#include <stdlib.h>

struct tail {
    rd_kafka_t *client;
    const struct config *config;
    char topics[RECORD_KINDS][TOPIC_NAME_SIZE];
    int64_t *next; /* by kind, then by partition: the first that was not handed out */
    int64_t *mark; /* the ends as they were known */
    bool cut_off;
};

/* Not on the way of the records: says that no broker can be reached. Called by tail_poll. */
static void on_error(rd_kafka_t *client, int err, const char *reason, void *opaque)
{
    struct tail *tail = opaque;
    (void)client;
    if (err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
        tail->cut_off = true;
    log_debug("tail", "%s", reason);
}

static rd_kafka_conf_t *tail_conf(const struct config *config, struct buf *ret_problem)
{
    const struct kafka_option options[] = {
        /* The client wants a name to assign partitions; nobody ever joins this group. */
        {"group.id", "tipster-index"},
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"auto.offset.reset", "error"},
        {"check.crcs", "true"},
        {"fetch.wait.max.ms", "100"},
        {"fetch.min.bytes", "1"},
        {"fetch.error.backoff.ms", "50"},
        /* Of a queue that was full and is not: until the next fetch the ends are old ones. */
        {"fetch.queue.backoff.ms", "20"},
        {"queued.min.messages", "50000"},
        {"queued.max.messages.kbytes", "32768"},
        {"fetch.message.max.bytes", "262144"},
        {"fetch.max.bytes", "8388608"},
        {NULL, NULL},
    };
    return kafka_conf(config, options, ret_problem);
}

static int assign(struct tail *tail, struct buf *ret_problem)
{
    AUTO_PARTITIONS *list = kafka_all_partitions(tail->config, 0);
    for (int i = 0; i < list->cnt; i++)
        list->elems[i].offset = tail->next[i];
    rd_kafka_resp_err_t err = rd_kafka_assign(tail->client, list);
    if (err == 0)
        return 0;
    buf_addf(ret_problem, "cannot read the topics: %s", rd_kafka_err2str(err));
    return TIP_ECONFIG;
}

int tail_create(const struct config *config, const int64_t *next_offsets, struct tail **ret_tail,
                struct buf *ret_problem)
{
    rd_kafka_conf_t *conf = tail_conf(config, ret_problem);
    if (conf == NULL)
        return TIP_ECONFIG;
    struct tail *tail = xcalloc(1, sizeof(*tail));
    rd_kafka_conf_set_opaque(conf, tail);
    rd_kafka_conf_set_error_cb(conf, on_error);
    tail->client = kafka_client(RD_KAFKA_CONSUMER, conf, ret_problem);
    if (tail->client == NULL) {
        free(tail);
        return TIP_ECONFIG;
    }
    rd_kafka_poll_set_consumer(tail->client);
    size_t count = (size_t)config->kafka_partitions * RECORD_KINDS;
    tail->config = config;
    tail->next = xcalloc(count, sizeof(*tail->next));
    tail->mark = xcalloc(count, sizeof(*tail->mark));
    memcpy(tail->next, next_offsets, count * sizeof(*tail->next));
    for (int kind = 0; kind < RECORD_KINDS; kind++)
        topic_name(config, (enum record_kind)kind, tail->topics[kind]);
    int err = assign(tail, ret_problem);
    if (err == 0)
        *ret_tail = tail;
    else
        tail_destroy(tail);
    return err;
}

/* An error that came in place of a message: 1 when reading goes on by itself. */
static int judge_error(const struct tail *tail, const rd_kafka_message_t *message,
                       struct buf *ret_problem)
{
    char text[256];
    if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
        message->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE) {
        buf_addf(ret_problem, "the next offset of %s [%d] is not in Kafka any more: %s",
                 message->rkt != NULL ? rd_kafka_topic_name(message->rkt) : "a topic",
                 message->partition, rd_kafka_message_errstr(message));
        return TIP_ENOTFOUND;
    }
    if (rd_kafka_fatal_error(tail->client, text, sizeof(text)) != 0) {
        buf_addf(ret_problem, "the Kafka client failed for good: %s", text);
        return TIP_EFATAL;
    }
    log_debug("tail", "%s", rd_kafka_message_errstr(message));
    return 1;
}

/* The topic names are few and the library hands out one string per topic. */
static enum record_kind kind_of(const struct tail *tail, const char *topic)
{
    int kind = 0;
    while (kind < RECORD_KINDS && strcmp(topic, tail->topics[kind]) != 0)
        kind++;
    return (enum record_kind)kind;
}

static int64_t *next_of(struct tail *tail, enum record_kind kind, int32_t partition)
{
    return &tail->next[(int64_t)kind * tail->config->kafka_partitions + partition];
}

int tail_poll(struct tail *tail, int timeout_ms, struct consumer_message *ret_message,
              struct buf *ret_problem)
{
    rd_kafka_message_t *message = rd_kafka_consumer_poll(tail->client, timeout_ms);
    if (message == NULL)
        return 1;
    if (message->err != 0) {
        int err = judge_error(tail, message, ret_problem);
        rd_kafka_message_destroy(message);
        return err;
    }
    enum record_kind kind = kind_of(tail, rd_kafka_topic_name(message->rkt));
    int64_t *next = next_of(tail, kind, message->partition);
    tail->cut_off = false;
    if (message->offset < *next) { /* handed out before */
        rd_kafka_message_destroy(message);
        return 1;
    }
    *next = message->offset + 1;
    message_take(message, kind, ret_message);
    return 0;
}

/* The end of a partition as of the last fetch; negative: never heard. */
static int64_t end_of(struct tail *tail, int kind, int32_t partition)
{
    int64_t low = -1, high = -1;
    rd_kafka_get_watermark_offsets(tail->client, tail->topics[kind], partition, &low, &high);
    return high;
}

bool tail_mark(struct tail *tail)
{
    for (int kind = 0; kind < RECORD_KINDS; kind++) {
        for (int32_t partition = 0; partition < tail->config->kafka_partitions; partition++) {
            int64_t end = end_of(tail, kind, partition);
            if (end < 0)
                return false;
            tail->mark[kind * tail->config->kafka_partitions + partition] = end;
        }
    }
    return true;
}

bool tail_is_past_mark(const struct tail *tail)
{
    for (int64_t i = 0; i < RECORD_KINDS * tail->config->kafka_partitions; i++)
        if (tail->next[i] < tail->mark[i])
            return false;
    return true;
}

bool tail_is_current(struct tail *tail)
{
    if (tail->cut_off)
        return true;
    for (int kind = 0; kind < RECORD_KINDS; kind++) {
        for (int32_t partition = 0; partition < tail->config->kafka_partitions; partition++) {
            int64_t end = end_of(tail, kind, partition);
            if (end < 0 || *next_of(tail, (enum record_kind)kind, partition) < end)
                return false;
        }
    }
    return true;
}

bool tail_is_cut_off(const struct tail *tail)
{
    return tail->cut_off;
}

int64_t tail_lag(struct tail *tail)
{
    int64_t lag = 0;
    for (int kind = 0; kind < RECORD_KINDS; kind++) {
        for (int32_t partition = 0; partition < tail->config->kafka_partitions; partition++) {
            int64_t end = end_of(tail, kind, partition);
            int64_t next = *next_of(tail, (enum record_kind)kind, partition);
            lag += end > next ? end - next : 0;
        }
    }
    return lag;
}

void tail_destroy(struct tail *tail)
{
    if (tail == NULL)
        return;
    rd_kafka_consumer_close(tail->client);
    rd_kafka_destroy(tail->client);
    free(tail->next);
    free(tail->mark);
    free(tail);
}
