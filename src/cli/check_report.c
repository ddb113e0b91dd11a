/* What the checker found, as a table or as JSON; see check.h. */
#include "cli/check.h"

#include "base/mem.h"
#include "domain/codec.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

static const char *const kind_texts[FINDING_KINDS] = {
#define X(name, text, meaning) [FINDING_##name] = text,
    FINDINGS(X)
#undef X
};

static const char *const kind_meanings[FINDING_KINDS] = {
#define X(name, text, meaning) [FINDING_##name] = meaning,
    FINDINGS(X)
#undef X
};

/* An id as text; one that is none (of a record that could not be read) without its odd bytes. */
static char *id_text(struct str id)
{
    char *text = xmemdup0(id.data, id.len);
    for (size_t i = 0; !id_is_valid(id) && i < id.len; i++)
        if (text[i] < ' ' || text[i] > '~')
            text[i] = '?';
    return text;
}

void report_find(struct report *report, enum finding_kind kind, const char *what,
                 struct str user_id, struct str id, const char *format, ...)
{
    report->found[kind]++;
    if (report->shown_count == FINDINGS_SHOWN)
        return;
    char detail[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(detail, sizeof(detail), format, arguments);
    va_end(arguments);
    report->shown[report->shown_count++] = (struct finding){.kind = kind,
                                                            .what = what,
                                                            .user_id = id_text(user_id),
                                                            .id = id_text(id),
                                                            .detail = xstrdup(detail)};
}

uint64_t report_total(const struct report *report)
{
    uint64_t total = 0;
    for (int kind = 0; kind < FINDING_KINDS; kind++)
        total += report->found[kind];
    return total;
}

/* One line of the table of tallies. */
#define TALLIES(X)                                                                                 \
    X(attempted)                                                                                   \
    X(acknowledged)                                                                                \
    X(unknown)                                                                                     \
    X(refused)                                                                                     \
    X(stored)                                                                                      \
    X(absorbed)                                                                                    \
    X(rejected)                                                                                    \
    X(database_rejected)

/* An id with its quotes and escapes, so that any bytes of it can be seen. */
static void print_id(const struct finding *finding, FILE *out)
{
    AUTO_BUF text = {0};
    if (*finding->user_id != '\0') {
        buf_add_json(&text, str_of(finding->user_id));
        buf_add_char(&text, ' ');
    }
    buf_add_json(&text, str_of(finding->id));
    fputs(buf_cstr(&text), out);
}

void report_print(const struct report *report, const char *company, FILE *out)
{
    const struct tally *tallies = report->tallies;
    fprintf(out, "company %s\n%-18s %12s %12s %12s\n", company, "", "coupons", "users", "events");
#define X(field)                                                                                   \
    fprintf(out, "%-18s %12" PRIu64 " %12" PRIu64 " %12" PRIu64 "\n", #field,                      \
            tallies[RECORD_COUPON].field, tallies[RECORD_USER].field,                              \
            tallies[RECORD_EVENT].field);
    TALLIES(X)
#undef X
    fputc('\n', out);
    for (int kind = 0; kind < FINDING_KINDS; kind++)
        fprintf(out, "%-18s %12" PRIu64 "%s%s\n", kind_texts[kind], report->found[kind],
                report->found[kind] > 0 ? "  " : "",
                report->found[kind] > 0 ? kind_meanings[kind] : "");
    if (report->shown_count > 0)
        fprintf(out, "\nthe first %zu findings:\n", report->shown_count);
    for (size_t i = 0; i < report->shown_count; i++) {
        const struct finding *finding = &report->shown[i];
        fprintf(out, "%s: %s ", kind_texts[finding->kind], finding->what);
        print_id(finding, out);
        fprintf(out, ": %s\n", finding->detail);
    }
    fputs(report_total(report) == 0 ? "\nclean\n" : "\nNOT clean\n", out);
}

static void add_tally(struct buf *text, const char *name, const struct tally *tally)
{
    buf_addf(text, "\"%s\":{", name);
    const char *comma = "";
#define X(field)                                                                                   \
    buf_addf(text, "%s\"%s\":%" PRIu64, comma, #field, tally->field);                              \
    comma = ",";
    TALLIES(X)
#undef X
    buf_add_text(text, "},");
}

static void add_finding(struct buf *text, const struct finding *finding)
{
    buf_addf(text, "{\"kind\":\"%s\",\"what\":\"%s\",\"user_id\":", kind_texts[finding->kind],
             finding->what);
    buf_add_json(text, str_of(finding->user_id));
    buf_add_text(text, ",\"id\":");
    buf_add_json(text, str_of(finding->id));
    buf_add_text(text, ",\"detail\":");
    buf_add_json(text, str_of(finding->detail));
    buf_add_char(text, '}');
}

void report_print_json(const struct report *report, const char *company, FILE *out)
{
    AUTO_BUF text = {0};
    buf_add_text(&text, "{\"company\":");
    buf_add_json(&text, str_of(company));
    buf_addf(&text, ",\"clean\":%s,", report_total(report) == 0 ? "true" : "false");
    add_tally(&text, "coupons", &report->tallies[RECORD_COUPON]);
    add_tally(&text, "users", &report->tallies[RECORD_USER]);
    add_tally(&text, "events", &report->tallies[RECORD_EVENT]);
    buf_add_text(&text, "\"found\":{");
    for (int kind = 0; kind < FINDING_KINDS; kind++)
        buf_addf(&text, "%s\"%s\":%" PRIu64, kind > 0 ? "," : "", kind_texts[kind],
                 report->found[kind]);
    buf_add_text(&text, "},\"findings\":[");
    for (size_t i = 0; i < report->shown_count; i++) {
        if (i > 0)
            buf_add_char(&text, ',');
        add_finding(&text, &report->shown[i]);
    }
    buf_add_text(&text, "]}\n");
    fwrite(text.data, 1, text.len, out);
}

void report_release(struct report *report)
{
    for (size_t i = 0; i < report->shown_count; i++) {
        free(report->shown[i].user_id);
        free(report->shown[i].id);
        free(report->shown[i].detail);
    }
    report->shown_count = 0;
}
