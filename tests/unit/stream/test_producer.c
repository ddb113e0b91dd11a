/*
 * The producer against a broker that librdkafka itself plays in this process: the real client over
 * sockets, and a broker that counts requests and can be made slow. How records are grouped, what
 * becomes of those that a full queue does not take, and that each is reported once.
 */
#include "tests/unit/unit.h"

#include "base/clock.h"
#include "base/err.h"
#include "stream/producer.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    RECORDS_MAX = 4000,
    BROKERS = 2, /* the first leads, unless a test says otherwise */
    PARTITIONS = 4,
    PATIENCE_MS = 20000,
    API_PRODUCE = 0, /* Kafka's number of the request */
};

struct record_state {
    int reports, err;
    int64_t offset;
    int32_t partition;
};

static struct {
    rd_kafka_t *owner;
    rd_kafka_mock_cluster_t *cluster;
    struct config config;
    struct producer *producer;
    struct record_state records[RECORDS_MAX];
    int sent, reported;
} world;

static void note(void *opaque, int err, enum record_kind kind, int32_t partition, int64_t offset)
{
    struct record_state *record = opaque;
    assert_int_equal(kind, RECORD_COUPON);
    record->reports++;
    record->err = err;
    record->offset = offset;
    record->partition = partition;
    world.reported++;
}

static int start(void **state)
{
    (void)state;
    char error[256];
    AUTO_BUF problem = {0};
    memset(&world, 0, sizeof(world));
    world.owner = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), error, sizeof(error));
    world.cluster = rd_kafka_mock_cluster_new(world.owner, BROKERS);
    setenv("KAFKA_BOOTSTRAP_SERVERS", rd_kafka_mock_cluster_bootstraps(world.cluster), 1);
    assert_int_equal(config_load(NULL, &world.config, &problem), 0);
    world.config.request_deadline_ms = 60000;
    for (int kind = 0; kind < RECORD_KINDS; kind++) {
        char topic[64];
        snprintf(topic, sizeof(topic), "tipster.%s.v1", record_kind_plural((enum record_kind)kind));
        assert_int_equal(rd_kafka_mock_topic_create(world.cluster, topic, PARTITIONS, BROKERS), 0);
        for (int i = 0; i < PARTITIONS; i++)
            rd_kafka_mock_partition_set_leader(world.cluster, topic, i, 1);
    }
    return 0;
}

static int stop(void **state)
{
    (void)state;
    if (world.producer != NULL)
        producer_destroy(world.producer);
    config_release(&world.config);
    rd_kafka_mock_cluster_destroy(world.cluster);
    rd_kafka_destroy(world.owner);
    return 0;
}

/* Makes the producer; from here on the broker counts. */
static void open_producer(void)
{
    AUTO_BUF problem = {0};
    assert_int_equal(producer_create(&world.config, -1, note, &world.producer, &problem), 0);
    producer_begin(world.producer, str_of("acme"), CHANGE_PUT, str_of("request"));
    rd_kafka_mock_start_request_tracking(world.cluster);
}

static void post(int count, int32_t partition, struct str value)
{
    for (int i = 0; i < count; i++) {
        char key[32];
        snprintf(key, sizeof(key), "key-%d", world.sent);
        assert_int_equal(producer_send(world.producer, RECORD_COUPON, partition, str_of(key), value,
                                       &world.records[world.sent]),
                         0);
        world.sent++;
    }
}

static void poll_until_reported(int count)
{
    int64_t end_ms = clock_monotonic_ms() + PATIENCE_MS;
    while (world.reported < count && clock_monotonic_ms() < end_ms) {
        producer_poll(world.producer);
        usleep(500);
    }
    assert_true(world.reported >= count);
}

static void poll_for_ms(int64_t duration_ms)
{
    int64_t end_ms = clock_monotonic_ms() + duration_ms;
    while (clock_monotonic_ms() < end_ms) {
        producer_poll(world.producer);
        usleep(500);
    }
}

static int produce_requests(void)
{
    size_t count = 0;
    int found = 0;
    rd_kafka_mock_request_t **requests = rd_kafka_mock_get_requests(world.cluster, &count);
    for (size_t i = 0; i < count; i++)
        found += rd_kafka_mock_request_api_key(requests[i]) == API_PRODUCE;
    rd_kafka_mock_request_destroy_array(requests, count);
    return found;
}

/* Each record was reported once, and those that Kafka has stand there in the order of sending. */
static void assert_each_once_in_order(void)
{
    int64_t last[PARTITIONS];
    for (int i = 0; i < PARTITIONS; i++)
        last[i] = -1;
    for (int i = 0; i < world.sent; i++) {
        const struct record_state *record = &world.records[i];
        assert_int_equal(record->reports, 1);
        if (record->err != 0)
            continue;
        assert_true(record->offset > last[record->partition]);
        last[record->partition] = record->offset;
    }
}

static int count_of(int err)
{
    int count = 0;
    for (int i = 0; i < world.sent; i++)
        count += world.records[i].err == err;
    return count;
}

/* The records are all that Kafka has, none of them twice. */
static void assert_nothing_else_is_there(void)
{
    int64_t ends[PARTITIONS] = {0}, counts[PARTITIONS] = {0};
    for (int i = 0; i < world.sent; i++) {
        const struct record_state *record = &world.records[i];
        assert_int_equal(record->err, 0);
        counts[record->partition]++;
        if (record->offset >= ends[record->partition])
            ends[record->partition] = record->offset + 1;
    }
    assert_memory_equal(ends, counts, sizeof(ends));
}

static void post_to_all_partitions(int count, const char *value)
{
    for (int i = 0; i < count; i++)
        post(1, i % PARTITIONS, str_of(value));
}

static void what_comes_while_a_group_is_under_way_is_the_next_group(void **state)
{
    (void)state;
    world.config.kafka_linger_us = 5000000;
    open_producer();
    post(1, 0, str_of("alone"));
    int64_t began_ms = clock_monotonic_ms();
    poll_until_reported(1); /* not held back by the linger */
    assert_int_equal(produce_requests(), 1);
    for (int turn = 0; turn < 10; turn++) { /* as requests come in, one after the other */
        post(10, 0, str_of("together"));
        poll_for_ms(5);
    }
    if (clock_monotonic_ms() - began_ms < 4500) /* else this machine has slept through the linger */
        assert_int_equal(world.reported, 1);
    poll_until_reported(101);
    assert_int_equal(produce_requests(), 2);
    assert_int_equal(count_of(0), 101);
    assert_each_once_in_order();
}

/* conf/librdkafka/produce-together.patch */
static void a_group_for_several_partitions_is_one_request(void **state)
{
    (void)state;
    world.config.kafka_linger_us = 4000000;
    open_producer();
    post(1, 0, str_of("alone"));
    poll_until_reported(1);
    int before = produce_requests();
    post_to_all_partitions(50, "together");
    poll_until_reported(51);
    assert_int_equal(produce_requests() - before, 1);
    assert_each_once_in_order();
    assert_nothing_else_is_there();
}

static void a_partition_that_moves_holds_up_no_other(void **state)
{
    (void)state;
    enum { BEFORE = PARTITIONS, EACH = 10 };
    open_producer();
    post_to_all_partitions(BEFORE, "before");
    poll_until_reported(BEFORE);
    rd_kafka_mock_broker_set_down(world.cluster, 2);
    rd_kafka_mock_partition_set_leader(world.cluster, "tipster.coupons.v1", 1, 2);
    post_to_all_partitions(EACH * PARTITIONS, "one of four waits");
    poll_until_reported(BEFORE + EACH * (PARTITIONS - 1));
    poll_for_ms(300);
    for (int i = BEFORE; i < world.sent; i++)
        assert_int_equal(world.records[i].reports, i % PARTITIONS != 1);
    rd_kafka_mock_broker_set_up(world.cluster, 2);
    poll_until_reported(world.sent);
    assert_each_once_in_order();
    assert_nothing_else_is_there();
}

/* conf/librdkafka/first-answer-first.patch: the second record's success is not the first one's. */
static void nothing_is_lost_when_a_partition_refuses_its_first_request(void **state)
{
    (void)state;
    world.config.kafka_linger_us = 1000;
    open_producer();
    post(1, 1, str_of("elsewhere")); /* it is connected, and new to partition 0 */
    poll_until_reported(1);
    rd_kafka_mock_broker_set_rtt(world.cluster, 1, 200);
    rd_kafka_mock_push_request_errors(world.cluster, API_PRODUCE, 1,
                                      RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION);
    post(1, 0, str_of("first"));
    for (int turn = 0; turn < 8; turn++) {
        poll_for_ms(50);
        post(1, 0, str_of("after it"));
    }
    poll_until_reported(world.sent);
    assert_each_once_in_order();
    assert_nothing_else_is_there();
}

static void what_a_request_could_not_deliver_is_sent_again(void **state)
{
    static const rd_kafka_resp_err_t errors[] = {
        RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        RD_KAFKA_RESP_ERR__TRANSPORT,          RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR,
        RD_KAFKA_RESP_ERR__TRANSPORT,
    };
    (void)state;
    world.config.kafka_linger_us = 1000;
    open_producer();
    post_to_all_partitions(PARTITIONS, "before");
    poll_until_reported(PARTITIONS);
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        rd_kafka_mock_push_request_errors(world.cluster, API_PRODUCE, 1, errors[i]);
        for (int turn = 0; turn < 20; turn++) {
            post_to_all_partitions(5, "again");
            poll_for_ms(1);
        }
        poll_until_reported(world.sent);
        assert_each_once_in_order();
        assert_nothing_else_is_there();
    }
}

/* At the linger's distance groups would be of forty; they grow until they are thrice as far apart.
 */
static void many_that_wait_make_the_groups_follow_further_apart(void **state)
{
    (void)state;
    enum { PER_MS = 16, LINGER_US = 2500, MOST = 3900 };
    world.config.kafka_linger_us = LINGER_US;
    open_producer();
    post(1, 0, str_of("alone"));
    poll_until_reported(1);
    int64_t began_us = clock_monotonic_us(), took_us = 0;
    while (world.sent < MOST) {
        took_us = clock_monotonic_us() - began_us;
        int64_t due = took_us * PER_MS / 1000;
        if (due > world.sent)
            post((int)(due < MOST ? due : MOST) - world.sent, 0, str_of("together"));
        producer_poll(world.producer);
        usleep(300);
    }
    poll_until_reported(MOST);
    assert_true(produce_requests() < took_us / LINGER_US * 2 / 3);
    assert_each_once_in_order();
}

static void a_group_is_never_larger_than_what_may_be_held(void **state)
{
    (void)state;
    world.config.kafka_linger_us = 1000000;
    open_producer();
    post(1, 0, str_of("alone"));
    producer_poll(world.producer); /* the gate is closed for a second now */
    post(3500, 1, str_of("many"));
    assert_true(producer_pending(world.producer) <= 3501);
    poll_until_reported(3501);
    assert_int_equal(count_of(0), 3501);
    assert_each_once_in_order();
}

static void what_a_full_queue_does_not_take_is_reported_and_the_rest_delivered(void **state)
{
    (void)state;
    static char bytes[10000];
    memset(bytes, 'x', sizeof(bytes));
    world.config.kafka_queue_bytes = 1048576;
    open_producer();
    post(1, 0, str_of("alone"));
    poll_until_reported(1);
    rd_kafka_mock_broker_set_rtt(world.cluster, 1, 2000); /* a broker that takes its time */
    post(300, 0, str_from(bytes, sizeof(bytes)));
    producer_poll(world.producer);
    int refused = count_of(TIP_EFULL);
    assert_in_range(refused, 300 - 1048576 / 10000, 300 - 1048576 / 11000);
    rd_kafka_mock_broker_set_rtt(world.cluster, 1, 0);
    poll_until_reported(301);
    assert_int_equal(count_of(0), 301 - refused);
    assert_int_equal(count_of(TIP_EFULL), refused);
    post(5, 0, str_from(bytes, sizeof(bytes))); /* there is room again */
    poll_until_reported(306);
    assert_int_equal(count_of(0), 306 - refused);
    assert_each_once_in_order();
}

static void what_is_pending_at_the_end_is_reported_as_not_delivered(void **state)
{
    (void)state;
    open_producer();
    post(1, 0, str_of("alone"));
    poll_until_reported(1);
    rd_kafka_mock_broker_set_rtt(world.cluster, 1, 30000);
    post(20, 0, str_of("under way"));
    producer_poll(world.producer);
    post(20, 1, str_of("held"));
    assert_int_equal(producer_pending(world.producer), 40);
    producer_destroy(world.producer);
    world.producer = NULL;
    assert_int_equal(count_of(TIP_EUNAVAIL), 40);
    assert_each_once_in_order();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_comes_while_a_group_is_under_way_is_the_next_group,
                                        start, stop),
        cmocka_unit_test_setup_teardown(a_group_for_several_partitions_is_one_request, start, stop),
        cmocka_unit_test_setup_teardown(a_partition_that_moves_holds_up_no_other, start, stop),
        cmocka_unit_test_setup_teardown(nothing_is_lost_when_a_partition_refuses_its_first_request,
                                        start, stop),
        cmocka_unit_test_setup_teardown(what_a_request_could_not_deliver_is_sent_again, start,
                                        stop),
        cmocka_unit_test_setup_teardown(many_that_wait_make_the_groups_follow_further_apart, start,
                                        stop),
        cmocka_unit_test_setup_teardown(a_group_is_never_larger_than_what_may_be_held, start, stop),
        cmocka_unit_test_setup_teardown(
            what_a_full_queue_does_not_take_is_reported_and_the_rest_delivered, start, stop),
        cmocka_unit_test_setup_teardown(what_is_pending_at_the_end_is_reported_as_not_delivered,
                                        start, stop),
    };
    return RUN_TESTS(tests);
}
