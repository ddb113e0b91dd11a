/* The idempotent producer; see producer.h. */
#include "stream/producer.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "stream/kafka.h"

#include <stdio.h>
#include <stdlib.h>

struct producer {
    rd_kafka_t *client;
    rd_kafka_queue_t *queue;
    rd_kafka_topic_t *topics[RECORD_KINDS];
    /* What the records of the request being sent have in common. */
    char company[COMPANY_MAX_BYTES], request_id[REQUEST_ID_MAX_BYTES];
    size_t company_len, request_id_len;
    enum change_kind kind;
    producer_delivered_fn delivered;
    bool fatal;
    int64_t complained_at_ms;
};

enum { COMPLAIN_EVERY_MS = 5000 };

/* Of which topic a report speaks. */
static enum record_kind kind_of(const struct producer *producer, const rd_kafka_message_t *message)
{
    int kind = 0;
    while (kind + 1 < RECORD_KINDS && producer->topics[kind] != message->rkt)
        kind++;
    return (enum record_kind)kind;
}

static void on_delivered(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    (void)client;
    struct producer *producer = opaque;
    if (message->err != 0)
        log_debug("producer", "delivery failed: %s", rd_kafka_err2str(message->err));
    producer->delivered(message->_private, message->err == 0 ? 0 : TIP_EUNAVAIL,
                        kind_of(producer, message), message->partition, message->offset);
}

static void on_error(rd_kafka_t *client, int code, const char *reason, void *opaque)
{
    struct producer *producer = opaque;
    int64_t now_ms = clock_monotonic_ms();
    if (code != RD_KAFKA_RESP_ERR__FATAL) {
        /* The client repeats itself many times a second while the brokers are away. */
        if (now_ms - producer->complained_at_ms >= COMPLAIN_EVERY_MS) {
            producer->complained_at_ms = now_ms;
            log_warn("producer", "%s", reason);
        }
        return;
    }
    char text[256];
    rd_kafka_resp_err_t original = rd_kafka_fatal_error(client, text, sizeof(text));
    producer->fatal = true;
    log_error("producer", "failed for good: %s: %s", rd_kafka_err2name(original), text);
}

/* The time Kafka gets: shorter than the request's deadline, so that the report comes before the
 * answer. */
static int64_t message_timeout_ms(const struct config *config)
{
    return config->request_deadline_ms * 3 / 4;
}

static rd_kafka_conf_t *producer_conf(const struct config *config, struct buf *ret_problem)
{
    char linger_ms[32], timeout_ms[32], queue_kib[32];
    snprintf(linger_ms, sizeof(linger_ms), "%.3f", (double)config->kafka_linger_us / 1000.0);
    snprintf(timeout_ms, sizeof(timeout_ms), "%lld", (long long)message_timeout_ms(config));
    snprintf(queue_kib, sizeof(queue_kib), "%lld", (long long)config->kafka_queue_bytes / 1024);
    const struct kafka_option options[] = {
        {"enable.idempotence", "true"},
        {"acks", "all"},
        {"linger.ms", linger_ms},
        {"message.timeout.ms", timeout_ms},
        {"socket.timeout.ms", timeout_ms},
        {"queue.buffering.max.kbytes", queue_kib},
        {"queue.buffering.max.messages", "200000"},
        {"topic.metadata.refresh.fast.interval.ms", "100"},
        {NULL, NULL},
    };
    return kafka_conf(config, options, ret_problem);
}

int producer_create(const struct config *config, int wake_fd, producer_delivered_fn delivered,
                    struct producer **ret_producer, struct buf *ret_problem)
{
    static const uint64_t one = 1;
    rd_kafka_conf_t *conf = producer_conf(config, ret_problem);
    if (conf == NULL)
        return TIP_ECONFIG;
    struct producer *producer = xcalloc(1, sizeof(*producer));
    producer->delivered = delivered;
    rd_kafka_conf_set_opaque(conf, producer);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivered);
    rd_kafka_conf_set_error_cb(conf, on_error);
    producer->client = kafka_client(RD_KAFKA_PRODUCER, conf, ret_problem);
    if (producer->client == NULL) {
        free(producer);
        return TIP_ECONFIG;
    }
    for (int kind = 0; kind < RECORD_KINDS; kind++) {
        char name[TOPIC_NAME_SIZE];
        topic_name(config, (enum record_kind)kind, name);
        producer->topics[kind] = rd_kafka_topic_new(producer->client, name, NULL);
    }
    producer->queue = rd_kafka_queue_get_main(producer->client);
    if (wake_fd >= 0)
        rd_kafka_queue_io_event_enable(producer->queue, wake_fd, &one, sizeof(one));
    *ret_producer = producer;
    return 0;
}

/* Copies a text of which no more than size bytes can be; returns its length. */
static size_t keep_text(char *out, size_t size, struct str text)
{
    size_t len = text.len < size ? text.len : size;
    memcpy(out, text.data, len);
    return len;
}

void producer_begin(struct producer *producer, struct str company, enum change_kind kind,
                    struct str request_id)
{
    producer->kind = kind;
    producer->company_len = keep_text(producer->company, sizeof(producer->company), company);
    producer->request_id_len =
        keep_text(producer->request_id, sizeof(producer->request_id), request_id);
}

/* Each record owns its headers. */
static rd_kafka_headers_t *new_headers(const struct producer *producer)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(4);
    rd_kafka_header_add(headers, "company", 7, producer->company, (ssize_t)producer->company_len);
    rd_kafka_header_add(headers, "kind", 4, change_kind_name(producer->kind), -1);
    rd_kafka_header_add(headers, "schema", 6, "1", 1);
    rd_kafka_header_add(headers, "request_id", 10, producer->request_id,
                        (ssize_t)producer->request_id_len);
    return headers;
}

int producer_send(struct producer *producer, enum record_kind kind, int32_t partition,
                  struct str key, struct str value, void *opaque)
{
    if (producer->fatal)
        return TIP_EUNAVAIL;
    rd_kafka_headers_t *headers = new_headers(producer);
    rd_kafka_resp_err_t err = rd_kafka_producev(
        producer->client, RD_KAFKA_V_RKT(producer->topics[kind]), RD_KAFKA_V_PARTITION(partition),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key.data, key.len),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)value.data, value.len), RD_KAFKA_V_HEADERS(headers),
        RD_KAFKA_V_OPAQUE(opaque), RD_KAFKA_V_END);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
        return 0;
    rd_kafka_headers_destroy(headers);
    if (err == RD_KAFKA_RESP_ERR__FATAL)
        producer->fatal = true;
    return err == RD_KAFKA_RESP_ERR__QUEUE_FULL ? TIP_EFULL : TIP_EUNAVAIL;
}

int producer_poll(struct producer *producer)
{
    int count = 0, served;
    while ((served = rd_kafka_poll(producer->client, 0)) > 0)
        count += served;
    return count;
}

bool producer_is_fatal(const struct producer *producer)
{
    return producer->fatal;
}

int producer_pending(const struct producer *producer)
{
    return rd_kafka_outq_len(producer->client);
}

void producer_flush(struct producer *producer, int timeout_ms)
{
    rd_kafka_flush(producer->client, timeout_ms);
}

void producer_destroy(struct producer *producer)
{
    rd_kafka_purge(producer->client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_flush(producer->client, 100);
    producer_poll(producer);
    for (int kind = 0; kind < RECORD_KINDS; kind++)
        rd_kafka_topic_destroy(producer->topics[kind]);
    rd_kafka_queue_destroy(producer->queue);
    rd_kafka_destroy(producer->client);
    free(producer);
}
