/* Lag from outside; see watch.h. */
#include "stream/watch.h"

#include "base/err.h"
#include "base/mem.h"
#include "stream/kafka.h"

#include <stdlib.h>

struct watch {
    rd_kafka_t *client;
    const struct config *config;
};

/* In a ListOffsets request a time of -1 asks for the end, -2 for the beginning. */
#define TIME_LATEST   (-1)
#define TIME_EARLIEST (-2)

int watch_create(const struct config *config, struct watch **ret_watch, struct buf *ret_problem)
{
    const struct kafka_option options[] = {
        {"group.id", config->kafka_group}, {"enable.auto.commit", "false"}, {NULL, NULL}};
    rd_kafka_conf_t *conf = kafka_conf(config, options, ret_problem);
    rd_kafka_t *client = conf != NULL ? kafka_client(RD_KAFKA_CONSUMER, conf, ret_problem) : NULL;
    if (client == NULL)
        return TIP_ECONFIG;
    struct watch *watch = xcalloc(1, sizeof(*watch));
    watch->client = client;
    watch->config = config;
    *ret_watch = watch;
    return 0;
}

/* What ingest has not stored of a partition. Never committed: everything that is there. */
static void judge(const rd_kafka_topic_partition_t *end, const rd_kafka_topic_partition_t *start,
                  const rd_kafka_topic_partition_t *stored,
                  const rd_kafka_topic_partition_t *half_age, struct lag *lag)
{
    lag->records = -1;
    lag->expiring = false;
    if (end->err != 0 || start->err != 0 || stored->err != 0)
        return;
    int64_t next = stored->offset >= 0 ? stored->offset : start->offset;
    lag->records = end->offset > next ? end->offset - next : 0;
    /* The first record younger than half the retention; none: all there are are older. */
    int64_t first_young =
        half_age->err == 0 && half_age->offset >= 0 ? half_age->offset : end->offset;
    lag->expiring = lag->records > 0 && next < first_young;
}

int watch_read(struct watch *watch, int64_t now_ms, int timeout_ms, struct lag *ret_lags)
{
    int64_t half_age_ms = now_ms - watch->config->kafka_retention_hours * 3600 * 1000 / 2;
    AUTO_PARTITIONS *end = kafka_all_partitions(watch->config, TIME_LATEST);
    AUTO_PARTITIONS *start = kafka_all_partitions(watch->config, TIME_EARLIEST);
    AUTO_PARTITIONS *half_age = kafka_all_partitions(watch->config, half_age_ms);
    AUTO_PARTITIONS *stored = kafka_all_partitions(watch->config, RD_KAFKA_OFFSET_INVALID);
    if (rd_kafka_offsets_for_times(watch->client, end, timeout_ms) != 0 ||
        rd_kafka_offsets_for_times(watch->client, start, timeout_ms) != 0 ||
        rd_kafka_offsets_for_times(watch->client, half_age, timeout_ms) != 0 ||
        rd_kafka_committed(watch->client, stored, timeout_ms) != 0)
        return TIP_EUNAVAIL;
    int count = (int)watch->config->kafka_partitions * RECORD_KINDS;
    for (int i = 0; i < count; i++) {
        ret_lags[i].kind = (enum record_kind)(i / (int)watch->config->kafka_partitions);
        ret_lags[i].partition = i % (int32_t)watch->config->kafka_partitions;
        judge(&end->elems[i], &start->elems[i], &stored->elems[i], &half_age->elems[i],
              &ret_lags[i]);
    }
    return 0;
}

int watch_ends(struct watch *watch, int timeout_ms, int64_t *ret_ends)
{
    AUTO_PARTITIONS *end = kafka_all_partitions(watch->config, TIME_LATEST);
    if (rd_kafka_offsets_for_times(watch->client, end, timeout_ms) != 0)
        return TIP_EUNAVAIL;
    for (int i = 0; i < end->cnt; i++)
        if (end->elems[i].err != 0 || end->elems[i].offset < 0)
            return TIP_EUNAVAIL;
    for (int i = 0; i < end->cnt; i++)
        ret_ends[i] = end->elems[i].offset;
    return 0;
}

void watch_destroy(struct watch *watch)
{
    rd_kafka_destroy(watch->client);
    free(watch);
}
