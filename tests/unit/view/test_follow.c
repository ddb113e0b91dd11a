/*
 * How old a view says it is while records keep coming: the real client, a broker that librdkafka
 * plays in this process, and a follower that always has records before it.
 */
#include "tests/unit/unit.h"

#include "base/clock.h"
#include "view/follow.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PARTITIONS = 2, BACKLOG = 100, SLOW_MS = 500, PATIENCE_MS = 30000 };

static struct {
    rd_kafka_t *client;
    rd_kafka_mock_cluster_t *cluster;
    struct config config;
    char dir[64];
    struct view_writer *writer;
    struct follow *follow;
} world;

static void topic_of(int kind, char *ret_topic, size_t size)
{
    snprintf(ret_topic, size, "tipster.%s.v1", record_kind_plural((enum record_kind)kind));
}

static void start_broker(void)
{
    char error[256], topic[64];
    AUTO_BUF problem = {0};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "test.mock.num.brokers", "1", error, sizeof(error));
    rd_kafka_conf_set(conf, "linger.ms", "0", error, sizeof(error));
    world.client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
    world.cluster = rd_kafka_handle_mock_cluster(world.client);
    for (int kind = 0; kind < RECORD_KINDS; kind++) {
        topic_of(kind, topic, sizeof(topic));
        assert_int_equal(rd_kafka_mock_topic_create(world.cluster, topic, PARTITIONS, 1), 0);
    }
    setenv("KAFKA_BOOTSTRAP_SERVERS", rd_kafka_mock_cluster_bootstraps(world.cluster), 1);
    assert_int_equal(config_load(NULL, &world.config, &problem), 0);
    world.config.kafka_partitions = PARTITIONS;
    world.config.index_batch_records = 1;
}

/* An empty view that begins with the first record of each partition. */
static void make_view(void)
{
    char topic[64];
    AUTO_BUF problem = {0};
    const struct view_writer_options options = {
        .dir = world.dir, .boot_id = "boot-1", .half_life_ms = 1000, .create = true};
    assert_int_equal(view_writer_open(&options, &world.writer, &problem), 0);
    assert_int_equal(view_writer_begin(world.writer), 0);
    for (int i = 0; i < RECORD_KINDS * PARTITIONS; i++) {
        topic_of(i / PARTITIONS, topic, sizeof(topic));
        const struct view_partition partition = {.topic = str_of(topic),
                                                 .partition = i % PARTITIONS,
                                                 .generation = 1,
                                                 .cluster_id = str_of("cluster"),
                                                 .topic_id = str_of("topic")};
        assert_int_equal(view_writer_set_offset(world.writer, &partition), 0);
    }
    assert_int_equal(view_writer_commit(world.writer), 0);
}

static int start(void **state)
{
    (void)state;
    memset(&world, 0, sizeof(world));
    snprintf(world.dir, sizeof(world.dir), "/tmp/tipster-follow-test-XXXXXX");
    assert_non_null(mkdtemp(world.dir));
    start_broker();
    make_view();
    return 0;
}

static int stop(void **state)
{
    char path[128];
    (void)state;
    follow_free(world.follow);
    view_writer_close(world.writer);
    config_release(&world.config);
    rd_kafka_destroy(world.client);
    snprintf(path, sizeof(path), "%s/data.mdb", world.dir);
    unlink(path);
    snprintf(path, sizeof(path), "%s/lock.mdb", world.dir);
    unlink(path);
    return rmdir(world.dir);
}

/* Records that the follower passes over: what they say does not matter here. */
static void produce(int count)
{
    for (int i = 0; i < count; i++)
        assert_int_equal(rd_kafka_producev(world.client, RD_KAFKA_V_TOPIC("tipster.coupons.v1"),
                                           RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_VALUE("{}", 2),
                                           RD_KAFKA_V_END),
                         0);
    assert_int_equal(rd_kafka_flush(world.client, PATIENCE_MS), 0);
}

/* One record comes for each that is taken, until the heartbeat is another one. */
static int64_t await_heartbeat_after(int64_t before_ms)
{
    AUTO_BUF problem = {0};
    int64_t end_ms = clock_monotonic_ms() + PATIENCE_MS;
    while (follow_heartbeat_ms(world.follow) == before_ms && clock_monotonic_ms() < end_ms) {
        produce(1);
        assert_int_equal(follow_step(world.follow, &problem), 0);
        if (follow_counters(world.follow).batches > 0)
            assert_true(follow_lag(world.follow) > 0);
    }
    return follow_heartbeat_ms(world.follow);
}

static void a_view_under_a_steady_stream_says_how_old_it_is(void **state)
{
    (void)state;
    AUTO_BUF problem = {0};
    int64_t began_ms = clock_realtime_ms();
    produce(BACKLOG);
    rd_kafka_mock_broker_set_rtt(world.cluster, 1, SLOW_MS); /* it is asked before it has heard */
    assert_int_equal(follow_create(&world.config, world.writer, &world.follow, &problem), 0);
    assert_int_equal(follow_step(world.follow, &problem), 0);
    assert_int_equal(follow_counters(world.follow).batches, 0);
    assert_int_equal(follow_heartbeat_ms(world.follow), 0);
    rd_kafka_mock_broker_set_rtt(world.cluster, 1, 0);
    int64_t first_ms = await_heartbeat_after(0);
    assert_true(first_ms >= began_ms);
    int64_t second_ms = await_heartbeat_after(first_ms);
    assert_true(second_ms > first_ms && second_ms <= clock_realtime_ms());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_view_under_a_steady_stream_says_how_old_it_is, start,
                                        stop),
    };
    return RUN_TESTS(tests);
}
