/* Records into Kafka; see writer.h. */
#include "http/writer.h"

#include "base/err.h"
#include "base/hash.h"
#include "base/log.h"
#include "http/directory.h"
#include "http/loop.h"
#include "http/metrics.h"
#include "stream/producer.h"

static const struct config *config;
static struct producer *producer;
static int wake_fd;

/* The partitions of the companies that called last, each at the place its id hashes to. */
enum { CACHED_COMPANIES = 64 };
static struct cached {
    struct str company; /* in id; len 0: none */
    char id[COMPANY_MAX_BYTES];
    int32_t spread; /* what they were chosen for */
    struct partition_set partitions;
} cache[CACHED_COMPANIES];
static const struct partition_set *partitions; /* of the call that is being sent */

static void delivered(void *opaque, int err, enum record_kind kind, int32_t partition,
                      int64_t offset)
{
    if (err == TIP_EFULL)
        metrics_add(METRIC_KAFKA_FULL, 1);
    call_delivered(opaque, err, kind, partition, offset);
}

static int start(struct buf *ret_problem)
{
    return producer_create(config, wake_fd, delivered, &producer, ret_problem);
}

/* A new producer in place of a dead one. The old one's pending records are reported from here. */
static void replace(void)
{
    AUTO_BUF problem = {0};
    struct producer *dead = producer;
    metrics_add(METRIC_KAFKA_FATAL, 1);
    if (start(&problem) != 0) {
        log_error("http", "no new producer: %s", buf_cstr(&problem));
        producer = dead; /* refuses all; the next sweep tries again */
        return;
    }
    producer_destroy(dead);
    log_warn("http", "the Kafka producer was replaced");
}

static void serve(void)
{
    if (producer == NULL)
        return;
    producer_poll(producer);
    if (producer_is_fatal(producer))
        replace();
}

static void on_wakeup(void *arg)
{
    (void)arg;
    serve();
}

static void on_sweep(void *arg, int64_t now_ms)
{
    (void)arg;
    (void)now_ms;
    serve();
    metrics_set(METRIC_KAFKA_PENDING, producer != NULL ? producer_pending(producer) : 0);
}

int writer_setup(const struct config *settings, struct buf *ret_problem)
{
    config = settings;
    wake_fd = loop_wakeup_new(on_wakeup, NULL);
    int err = start(ret_problem);
    if (err == 0)
        loop_sweep_add(on_sweep, NULL);
    return err;
}

/* Choosing costs a sort of all partitions; hence the cache. */
static const struct partition_set *partitions_of(struct str company, int32_t spread)
{
    struct cached *cached = &cache[hash_bytes(company) % CACHED_COMPANIES];
    if (!str_equal(cached->company, company) || cached->spread != spread) {
        memcpy(cached->id, company.data, company.len);
        cached->company = str_from(cached->id, company.len);
        cached->spread = spread;
        partition_set_choose(company, (int32_t)config->kafka_partitions, spread,
                             &cached->partitions);
    }
    return &cached->partitions;
}

bool writer_is_open(void)
{
    return producer != NULL;
}

int writer_begin(const struct call *call, enum change_kind kind)
{
    struct directory_company row;
    int err = call_company_row(call, &row);
    if (err != 0)
        return err;
    partitions = partitions_of(call_company(call), row.partitions);
    producer_begin(producer, call_company(call), kind, call_request_id(call));
    return 0;
}

int writer_send(struct call *call, enum record_kind kind, struct str key_id, struct str key,
                struct str value)
{
    int err = producer_send(producer, kind, partition_of(partitions, key_id), key, value, call);
    if (err == 0)
        call_expect(call);
    return err;
}

void writer_close(int timeout_ms)
{
    if (producer == NULL)
        return;
    producer_flush(producer, timeout_ms);
    producer_destroy(producer);
    producer = NULL;
}
