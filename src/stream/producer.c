/* The idempotent producer; see producer.h. */
#include "stream/producer.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "stream/kafka.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    COMPLAIN_EVERY_MS = 5000,
    HELD_MAX = 1000,
    FLUSH_STEP_MS = 10,
    PUSH_MAX_MS = 20,
    PENDING_USUAL = 32,
    LINGERS_MOST = 3,
    LONGER_MAX_US = 5000,
    GROUP_LARGE = 256,
    HELD_KEPT_BYTES = 1 << 20
};

/* A group leaves at once by push(); this is for the records of one that could not. */
#define CLIENT_LINGER_MS "5"

/* A record that waits for those before it; see gate_is_open. */
struct held {
    enum record_kind kind;
    int32_t partition;
    size_t key_len, value_len; /* its bytes follow those of the one before */
    rd_kafka_headers_t *headers;
    void *opaque;
};

struct producer {
    rd_kafka_t *client;
    rd_kafka_queue_t *queue;
    rd_kafka_topic_t *topics[RECORD_KINDS];
    /* What the records of the request being sent have in common. */
    char company[COMPANY_MAX_BYTES], request_id[REQUEST_ID_MAX_BYTES];
    size_t company_len, request_id_len;
    enum change_kind kind;
    producer_delivered_fn delivered;
    int wake_fd;

    struct held held[HELD_MAX];
    size_t held_count;
    struct buf held_bytes;

    pthread_t pusher;
    sem_t push;
    int64_t linger_us;
    bool pushing, ending; /* atomic */
    int pending; /* records unreported as a group left, if that is not large; set before pushing */

    bool fatal;
    int64_t complained_at_ms;
};

/* Of which topic a report speaks. */
static enum record_kind kind_of(const struct producer *producer, const rd_kafka_message_t *message)
{
    int kind = 0;
    while (kind + 1 < RECORD_KINDS && producer->topics[kind] != message->rkt)
        kind++;
    return (enum record_kind)kind;
}

static void on_delivered(struct producer *producer, const rd_kafka_message_t *message)
{
    if (message->err != 0)
        log_debug("producer", "delivery failed: %s", rd_kafka_err2str(message->err));
    producer->delivered(message->_private, message->err == 0 ? 0 : TIP_EUNAVAIL,
                        kind_of(producer, message), message->partition, message->offset);
}

static void on_error(struct producer *producer, int code, const char *reason)
{
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
    rd_kafka_resp_err_t original = rd_kafka_fatal_error(producer->client, text, sizeof(text));
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
    char timeout_ms[32], queue_kib[32];
    snprintf(timeout_ms, sizeof(timeout_ms), "%lld", (long long)message_timeout_ms(config));
    snprintf(queue_kib, sizeof(queue_kib), "%lld", (long long)config->kafka_queue_bytes / 1024);
    const struct kafka_option options[] = {
        {"enable.idempotence", "true"},
        {"acks", "all"},
        {"linger.ms", CLIENT_LINGER_MS},
        {"message.timeout.ms", timeout_ms},
        {"socket.timeout.ms", timeout_ms},
        {"queue.buffering.max.kbytes", queue_kib},
        {"queue.buffering.max.messages", "200000"},
        {"topic.metadata.refresh.fast.interval.ms", "100"},
        {NULL, NULL},
    };
    return kafka_conf(config, options, ret_problem);
}

static void wake(const struct producer *producer)
{
    static const uint64_t one = 1;
    if (producer->wake_fd >= 0)
        (void)!write(producer->wake_fd, &one, sizeof(one)); /* full: it is awake */
}

/*
 * From one group to the next: the linger, and up to three times that when many requests wait, but
 * no more than 5 ms longer. Small groups would cost so much processor time that the requests waited
 * longer for that. A large group, of batches, costs little per record however soon it follows.
 */
static int64_t interval_us(const struct producer *producer)
{
    int64_t least_us = producer->linger_us, longer_us = least_us * (LINGERS_MOST - 1);
    int64_t most_us = least_us + (longer_us < LONGER_MAX_US ? longer_us : LONGER_MAX_US);
    int64_t by_load_us = least_us * producer->pending / PENDING_USUAL;
    return by_load_us < least_us ? least_us : by_load_us > most_us ? most_us : by_load_us;
}

/*
 * The client has no call that says "send now what you have" and returns: flush says it, and waits
 * until all of it is reported. So a thread of its own makes that call. The client's own linger is
 * longer than it takes to hand a group over, so that the group leaves as a whole.
 */
static void *push(void *arg)
{
    struct producer *producer = arg;
    pthread_setname_np(pthread_self(), "push");
    for (;;) {
        while (sem_wait(&producer->push) != 0)
            ;
        if (__atomic_load_n(&producer->ending, __ATOMIC_ACQUIRE))
            return NULL;
        int64_t begun_us = clock_monotonic_us();
        rd_kafka_flush(producer->client, PUSH_MAX_MS);
        int64_t rest_us = begun_us + interval_us(producer) - clock_monotonic_us();
        if (rest_us > 0)
            usleep((useconds_t)rest_us);
        __atomic_store_n(&producer->pushing, false, __ATOMIC_RELEASE);
        wake(producer);
    }
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
    producer->wake_fd = wake_fd;
    producer->linger_us = config->kafka_linger_us;
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR);
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
    sem_init(&producer->push, 0, 0);
    int failed = pthread_create(&producer->pusher, NULL, push, producer);
    if (failed != 0) {
        log_error("producer", "no thread: %s", strerror(failed));
        abort();
    }
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

/* Hands one record to the client; its headers are gone in any case. */
static int hand_over(struct producer *producer, const struct held *record, const char *bytes)
{
    rd_kafka_resp_err_t err = rd_kafka_producev(
        producer->client, RD_KAFKA_V_RKT(producer->topics[record->kind]),
        RD_KAFKA_V_PARTITION(record->partition), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_KEY(bytes, record->key_len),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)(bytes + record->key_len), record->value_len),
        RD_KAFKA_V_HEADERS(record->headers), RD_KAFKA_V_OPAQUE(record->opaque), RD_KAFKA_V_END);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
        return 0;
    rd_kafka_headers_destroy(record->headers);
    if (err == RD_KAFKA_RESP_ERR__FATAL)
        producer->fatal = true;
    return err == RD_KAFKA_RESP_ERR__QUEUE_FULL ? TIP_EFULL : TIP_EUNAVAIL;
}

/* Hands all that is held to the client; what it does not take is reported. Returns how many. */
static int release_held(struct producer *producer)
{
    const char *bytes = producer->held_bytes.data;
    int reported = 0;
    for (size_t i = 0; i < producer->held_count; i++) {
        const struct held *record = &producer->held[i];
        int err = hand_over(producer, record, bytes);
        bytes += record->key_len + record->value_len;
        if (err != 0) {
            producer->delivered(record->opaque, err, record->kind, record->partition, -1);
            reported++;
        }
    }
    if (!producer->pushing) {
        producer->pending =
            producer->held_count < GROUP_LARGE ? rd_kafka_outq_len(producer->client) : 0;
        __atomic_store_n(&producer->pushing, true, __ATOMIC_RELEASE);
        sem_post(&producer->push);
    }
    producer->held_count = 0;
    if (producer->held_bytes.capacity > HELD_KEPT_BYTES)
        buf_release(&producer->held_bytes);
    buf_clear(&producer->held_bytes);
    return reported;
}

/*
 * Records go to Kafka in groups: what comes in while a group is under way, and at least for the
 * linger, is the next one. So the groups are as large as the load makes them, and a record that
 * comes alone waits for nobody. When a group takes longer than PUSH_MAX_MS (one partition may be
 * without a leader) the next does not wait for its end.
 */
static bool gate_is_open(const struct producer *producer)
{
    return !__atomic_load_n(&producer->pushing, __ATOMIC_ACQUIRE) ||
           producer->held_count == HELD_MAX;
}

int producer_send(struct producer *producer, enum record_kind kind, int32_t partition,
                  struct str key, struct str value, void *opaque)
{
    if (producer->fatal)
        return TIP_EUNAVAIL;
    if (fault_is_due("producer-fatal"))
        rd_kafka_test_fatal_error(producer->client, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER,
                                  "a fault asked for by TIPSTER_FAULT");
    if (producer->held_count == HELD_MAX)
        release_held(producer);
    if (producer->held_count == 0 && gate_is_open(producer))
        wake(producer); /* for all that comes in this round of the loop */
    producer->held[producer->held_count++] =
        (struct held){kind, partition, key.len, value.len, new_headers(producer), opaque};
    buf_add_str(&producer->held_bytes, key);
    buf_add_str(&producer->held_bytes, value);
    return 0;
}

/* Serves one event; how many records it reported. */
static int serve_event(struct producer *producer, rd_kafka_event_t *event)
{
    const rd_kafka_message_t *message;
    int count = 0;
    switch (rd_kafka_event_type(event)) {
    case RD_KAFKA_EVENT_DR:
        for (; (message = rd_kafka_event_message_next(event)) != NULL; count++)
            on_delivered(producer, message);
        break;
    case RD_KAFKA_EVENT_ERROR:
        on_error(producer, rd_kafka_event_error(event), rd_kafka_event_error_string(event));
        break;
    default:
        break;
    }
    rd_kafka_event_destroy(event);
    return count;
}

int producer_poll(struct producer *producer)
{
    rd_kafka_event_t *event;
    int count = 0;
    while ((event = rd_kafka_queue_poll(producer->queue, 0)) != NULL)
        count += serve_event(producer, event);
    if (producer->held_count > 0 && gate_is_open(producer))
        count += release_held(producer);
    return count;
}

bool producer_is_fatal(const struct producer *producer)
{
    return producer->fatal;
}

int producer_pending(const struct producer *producer)
{
    return rd_kafka_outq_len(producer->client) + (int)producer->held_count;
}

void producer_flush(struct producer *producer, int timeout_ms)
{
    int64_t end_ms = clock_monotonic_ms() + timeout_ms;
    release_held(producer);
    producer_poll(producer);
    while (producer_pending(producer) > 0 && clock_monotonic_ms() < end_ms) {
        rd_kafka_flush(producer->client, FLUSH_STEP_MS);
        producer_poll(producer);
    }
}

void producer_destroy(struct producer *producer)
{
    __atomic_store_n(&producer->ending, true, __ATOMIC_RELEASE);
    sem_post(&producer->push);
    pthread_join(producer->pusher, NULL);
    sem_destroy(&producer->push);
    release_held(producer);
    rd_kafka_purge(producer->client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    producer_flush(producer, 100);
    for (int kind = 0; kind < RECORD_KINDS; kind++)
        rd_kafka_topic_destroy(producer->topics[kind]);
    rd_kafka_queue_destroy(producer->queue);
    rd_kafka_destroy(producer->client);
    buf_release(&producer->held_bytes);
    free(producer);
}
