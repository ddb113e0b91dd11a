/* Log line and metrics; see index_report.h. */
#include "view/index_report.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

enum { SAY_EVERY_MS = 10000, PUBLISH_EVERY_MS = 2000 };

struct index_report {
    const struct config *config;
    int64_t say_at_ms, said_at_ms, publish_at_ms; /* monotonic */
    uint64_t applied_before;
    uint64_t builds; /* since the process started */
    bool was_building;
};

struct index_report *index_report_new(const struct config *config)
{
    struct index_report *report = xcalloc(1, sizeof(*report));
    report->config = config;
    report->said_at_ms = clock_monotonic_ms();
    report->say_at_ms = report->said_at_ms + SAY_EVERY_MS;
    return report;
}

void index_report_free(struct index_report *report)
{
    free(report);
}

static void say(struct index_report *report, const struct life_status *status, int64_t now_ms)
{
    double seconds = (double)(now_ms - report->said_at_ms) / 1000.0;
    uint64_t applied = status->counters.applied;
    uint64_t before = applied < report->applied_before ? 0 : report->applied_before;
    log_info("index",
             "lag %lld%s, behind %lld ms, %.0f records/s; total: applied %llu absorbed %llu "
             "superseded %llu rejected %llu; %llu MB",
             (long long)status->lag, status->is_cut_off ? " (no broker can be reached)" : "",
             (long long)(clock_realtime_ms() - status->heartbeat_ms),
             (double)(applied - before) / seconds, (unsigned long long)applied,
             (unsigned long long)status->counters.absorbed,
             (unsigned long long)status->counters.superseded,
             (unsigned long long)status->counters.rejected,
             (unsigned long long)status->size.used_bytes >> 20);
    report->applied_before = applied;
    report->said_at_ms = now_ms;
}

static void add(struct buf *out, const char *name, const char *type, const char *help,
                uint64_t value)
{
    buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n%s %llu\n", name, help, name, type, name,
             (unsigned long long)value);
}

static void render(const struct index_report *report, const struct life_status *status,
                   bool serving, struct buf *out)
{
    add(out, "tipster_index_serving", "gauge", "1: there is a view that is kept current.", serving);
    add(out, "tipster_index_building", "gauge", "1: a new view is being built.",
        report->was_building);
    add(out, "tipster_index_builds_total", "counter", "Views begun to be built.", report->builds);
    add(out, "tipster_index_lag_records", "gauge", "Records in Kafka that the view does not have.",
        (uint64_t)status->lag);
    buf_addf(out,
             "# HELP tipster_index_heartbeat_timestamp_seconds When the view last held everything "
             "that was in Kafka.\n# TYPE tipster_index_heartbeat_timestamp_seconds gauge\n"
             "tipster_index_heartbeat_timestamp_seconds %.3f\n",
             (double)status->heartbeat_ms / 1000.0);
    add(out, "tipster_index_used_bytes", "gauge", "Size of what the view holds.",
        status->size.used_bytes);
    add(out, "tipster_index_map_bytes", "gauge", "Address space of the view.",
        status->size.map_bytes);
#define X(field, metric, help) add(out, metric, "counter", help, status->counters.field);
    FOLLOW_COUNTERS(X)
#undef X
}

/* In one step, so that no half of it is read. */
static void publish(const struct index_report *report, const struct life_status *status,
                    bool serving)
{
    AUTO_BUF text = {0}, fresh = {0}, path = {0};
    render(report, status, serving, &text);
    buf_addf(&path, "%s/metrics", report->config->view_dir);
    buf_addf(&fresh, "%s/metrics.new", report->config->view_dir);
    FILE *file = fopen(buf_cstr(&fresh), "w");
    if (file == NULL)
        return;
    bool written = fwrite(text.data, 1, text.len, file) == text.len;
    if (fclose(file) == 0 && written)
        (void)rename(buf_cstr(&fresh), buf_cstr(&path));
}

void index_report_tick(struct index_report *report, struct life *live, struct life *building)
{
    int64_t now_ms = clock_monotonic_ms();
    if (building != NULL && !report->was_building)
        report->builds++;
    report->was_building = building != NULL;
    struct life_status status = {0};
    if (now_ms < report->publish_at_ms && now_ms < report->say_at_ms)
        return;
    if (live != NULL)
        status = life_status(live);
    bool serving = status.phase == LIFE_SERVING;
    if (now_ms >= report->publish_at_ms) {
        publish(report, &status, serving);
        report->publish_at_ms = now_ms + PUBLISH_EVERY_MS;
    }
    if (now_ms >= report->say_at_ms) {
        if (serving)
            say(report, &status, now_ms);
        report->say_at_ms = now_ms + SAY_EVERY_MS;
    }
}
