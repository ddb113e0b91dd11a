/*
 * What became of the records of a run: counts per kind, bad lines with their reasons, retries,
 * latencies; shown at the end as text and, when asked, as JSON.
 */
#ifndef TIPSTER_CLI_LOAD_REPORT_H
#define TIPSTER_CLI_LOAD_REPORT_H

#include "base/buf.h"
#include "base/histogram.h"
#include "cli/progress.h"
#include "domain/record.h"

enum { BAD_LINES_SHOWN = 20, REASONS_MAX = 24, REASON_SIZE = 80 };

/* Where a record comes from: a file's line, or the number of a made record. */
struct origin {
    const char *file; /* outlives the report */
    int64_t line;
};

struct load_report {
    struct progress *progress; /* its bar makes way for lines; may be NULL */
    uint64_t accepted[RECORD_KINDS];
    uint64_t bad_lines, not_sent; /* refused for good; given up when the server stayed away */
    uint64_t requests, retries;
    size_t shown; /* bad lines printed so far */
    struct {
        char text[REASON_SIZE];
        uint64_t count;
    } reasons[REASONS_MAX]; /* of failed attempts and of bad lines */
    size_t reason_count;
    struct histogram latency; /* of answered requests */
    int64_t started_ms;
};

void load_report_begin(struct load_report *report, struct progress *progress);

/* A line that will not be sent (again). reason is for the counts ("range", "csv"); pointer and
 * detail for people. */
void load_report_bad_line(struct load_report *report, const struct origin *origin,
                          const char *reason, const char *pointer, const char *detail);
/* A failed attempt: "503", "Connection refused". */
void load_report_reason(struct load_report *report, const char *text, uint64_t count);

uint64_t load_report_accepted(const struct load_report *report);
/* The end of a run: text to stderr, and one JSON object to stdout when json. */
void load_report_print(const struct load_report *report, const char *verb, bool json);
/* 0 all in, 1 some not, 2 none of those there were. */
int load_report_exit_code(const struct load_report *report);

#endif
