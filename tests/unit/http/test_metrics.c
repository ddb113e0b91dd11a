/* Metrics in shared memory: see http/metrics.h. */
#include "http/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static const char *const names[] = {"GET /hello", "POST /v1/coupons"};

static void in_worker(int slot, void (*work)(void))
{
    pid_t pid = fork();
    if (pid == 0) {
        metrics_attach(slot);
        work();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void some_requests(void)
{
    metrics_add(METRIC_IN_FLIGHT, 3);
    metrics_add(METRIC_RECORDS_ACCEPTED, 10);
    metrics_add(METRIC_READS_SQL, 4);
    metrics_request(1, 202, 700);
    metrics_request(1, 503, 2000000);
    metrics_request(1, 202, 9000000);
}

static void nothing(void)
{
}

static void assert_has(const char *text, const char *line)
{
    if (strstr(text, line) == NULL)
        fail_msg("not in the output: %s", line);
}

static void test_slots_outlive_their_workers(void **state)
{
    (void)state;
    metrics_setup(2, names, 2);
    in_worker(0, some_requests);
    in_worker(1, some_requests);
    in_worker(0, nothing); /* a restart: gauges start anew, counters go on */
    AUTO_BUF out = {0};
    metrics_render(&out);
    const char *text = buf_cstr(&out);
    assert_has(text, "tipster_http_requests_in_flight{worker=\"1\"} 0\n");
    assert_has(text, "tipster_http_requests_in_flight{worker=\"2\"} 3\n");
    assert_has(text, "tipster_records_accepted_total{worker=\"1\"} 10\n");
    assert_has(text, "tipster_worker_starts_total{worker=\"1\"} 2\n");
    assert_has(text, "tipster_reads_total{worker=\"2\",served_by=\"view\"} 0\n"
                     "tipster_reads_total{worker=\"1\",served_by=\"sql\"} 4\n");
    assert_has(text, "tipster_http_requests_total{route=\"POST /v1/coupons\",status=\"2xx\"} 4\n");
    assert_has(text, "tipster_http_requests_total{route=\"POST /v1/coupons\",status=\"5xx\"} 2\n");
    assert_has(text, "_bucket{route=\"POST /v1/coupons\",le=\"0.0005\"} 0\n");
    assert_has(text, "_bucket{route=\"POST /v1/coupons\",le=\"0.001\"} 2\n");
    assert_has(text, "_bucket{route=\"POST /v1/coupons\",le=\"2.5\"} 4\n");
    assert_has(text, "_bucket{route=\"POST /v1/coupons\",le=\"+Inf\"} 6\n");
    assert_has(text, "_count{route=\"POST /v1/coupons\"} 6\n");
    assert_null(strstr(text, "GET /hello"));
}

static void test_labels_are_escaped(void **state)
{
    (void)state;
    AUTO_BUF out = {0};
    metrics_label(&out, str_of("a\"b\\c\nd"));
    assert_string_equal(buf_cstr(&out), "a\\\"b\\\\c\\nd");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_slots_outlive_their_workers),
                                       cmocka_unit_test(test_labels_are_escaped)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
