/* See load_report.h. */
#include "cli/load_report.h"

#include "base/clock.h"
#include "cli/verbs.h"

#include <inttypes.h>

void load_report_begin(struct load_report *report, struct progress *progress)
{
    *report = (struct load_report){.progress = progress, .started_ms = clock_monotonic_ms()};
}

void load_report_reason(struct load_report *report, const char *text, uint64_t count)
{
    size_t i = 0;
    while (i < report->reason_count && strncmp(report->reasons[i].text, text, REASON_SIZE - 1) != 0)
        i++;
    if (i == REASONS_MAX) {
        i = REASONS_MAX - 1; /* many different ones: the last stands for all further */
        snprintf(report->reasons[i].text, REASON_SIZE, "other");
    } else if (i == report->reason_count) {
        snprintf(report->reasons[i].text, REASON_SIZE, "%s", text);
        report->reason_count++;
    }
    report->reasons[i].count += count;
}

void load_report_bad_line(struct load_report *report, const struct origin *origin,
                          const char *reason, const char *pointer, const char *detail)
{
    report->bad_lines++;
    load_report_reason(report, reason, 1);
    if (report->shown++ >= BAD_LINES_SHOWN)
        return;
    if (report->progress != NULL)
        progress_end(report->progress);
    fprintf(stderr, "%s:%" PRId64 ": %s%s%s\n", origin->file, origin->line, pointer,
            *pointer != '\0' ? " " : "", detail);
    if (report->shown == BAD_LINES_SHOWN)
        fputs("(further bad lines are counted, not shown)\n", stderr);
}

uint64_t load_report_accepted(const struct load_report *report)
{
    uint64_t sum = 0;
    for (int kind = 0; kind < RECORD_KINDS; kind++)
        sum += report->accepted[kind];
    return sum;
}

static double spent_s(const struct load_report *report)
{
    int64_t spent_ms = clock_monotonic_ms() - report->started_ms;
    return (double)(spent_ms > 0 ? spent_ms : 1) / 1000;
}

static void print_text(const struct load_report *report, const char *verb)
{
    static const double percents[] = {50, 90, 99};
    double seconds = spent_s(report);
    fprintf(stderr, "%s: %" PRIu64 " accepted (", verb, load_report_accepted(report));
    const char *separator = "";
    for (int kind = 0; kind < RECORD_KINDS; kind++)
        if (report->accepted[kind] > 0) {
            fprintf(stderr, "%s%" PRIu64 " %s", separator, report->accepted[kind],
                    record_kind_plural((enum record_kind)kind));
            separator = ", ";
        }
    fprintf(stderr, "%s) in %.1f s, %.0f/s; %" PRIu64 " bad lines, %" PRIu64 " not sent\n",
            *separator == '\0' ? "nothing" : "", seconds,
            (double)load_report_accepted(report) / seconds, report->bad_lines, report->not_sent);
    fprintf(stderr, "%s: %" PRIu64 " requests, %" PRIu64 " retries; latency", verb,
            report->requests, report->retries);
    for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++)
        fprintf(stderr, " p%.0f %.1f ms,", percents[i],
                (double)histogram_percentile_us(&report->latency, percents[i]) / 1000);
    fprintf(stderr, " max %.1f ms\n", (double)report->latency.max_us / 1000);
    for (size_t i = 0; i < report->reason_count; i++)
        fprintf(stderr, "%s: failed because of %s: %" PRIu64 "\n", verb, report->reasons[i].text,
                report->reasons[i].count);
}

static void print_json(const struct load_report *report)
{
    AUTO_BUF out = {0};
    double seconds = spent_s(report);
    buf_add_text(&out, "{\"accepted\":{");
    for (int kind = 0; kind < RECORD_KINDS; kind++)
        buf_addf(&out, "%s\"%s\":%" PRIu64, kind > 0 ? "," : "",
                 record_kind_plural((enum record_kind)kind), report->accepted[kind]);
    buf_addf(&out,
             "},\"bad_lines\":%" PRIu64 ",\"not_sent\":%" PRIu64 ",\"requests\":%" PRIu64
             ",\"retries\":%" PRIu64 ",\"seconds\":%.3f,\"rate_per_s\":%.1f,\"failures\":{",
             report->bad_lines, report->not_sent, report->requests, report->retries, seconds,
             (double)load_report_accepted(report) / seconds);
    for (size_t i = 0; i < report->reason_count; i++) {
        buf_add_text(&out, i > 0 ? "," : "");
        buf_add_json(&out, str_of(report->reasons[i].text));
        buf_addf(&out, ":%" PRIu64, report->reasons[i].count);
    }
    buf_addf(&out,
             "},\"latency_us\":{\"p50\":%" PRId64 ",\"p90\":%" PRId64 ",\"p99\":%" PRId64
             ",\"max\":%" PRId64 "}}\n",
             histogram_percentile_us(&report->latency, 50),
             histogram_percentile_us(&report->latency, 90),
             histogram_percentile_us(&report->latency, 99), report->latency.max_us);
    fwrite(out.data, 1, out.len, stdout);
    fflush(stdout);
}

void load_report_print(const struct load_report *report, const char *verb, bool json)
{
    print_text(report, verb);
    if (json)
        print_json(report);
}

int load_report_exit_code(const struct load_report *report)
{
    if (report->bad_lines == 0 && report->not_sent == 0)
        return EXIT_DONE;
    return load_report_accepted(report) > 0 ? EXIT_FAILED : EXIT_USAGE;
}
