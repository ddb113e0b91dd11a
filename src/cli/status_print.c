/* What was seen, for people and for programs; see status.h. */
#include "cli/status.h"

#include "base/timefmt.h"
#include "cli/terminal.h"

#include <inttypes.h>

static const char *const part_names[PART_KINDS] = {
#define X(name) [PART_##name] = #name,
    STATUS_PARTS(X)
#undef X
};

static const struct {
    const char *text, *json;
    enum colour colour;
} states[] = {
    [PART_UP] = {"up", "up", COLOUR_GREEN},
    [PART_LATE] = {"late", "late", COLOUR_YELLOW},
    [PART_DOWN] = {"DOWN", "down", COLOUR_RED},
    [PART_OFF] = {"off", "off", COLOUR_DIM},
};

/* A second's worth of the difference; -1: one of the two is not known. */
static double rate(double before, double now, const struct status *a, const struct status *b)
{
    double seconds = (double)(b->monotonic_ms - a->monotonic_ms) / 1000;
    return before < 0 || now < 0 || now < before || seconds <= 0 ? -1 : (now - before) / seconds;
}

static void print_number(FILE *out, double number, int decimals)
{
    if (number < 0)
        fprintf(out, " %12s", "-");
    else
        fprintf(out, " %12.*f", decimals, number);
}

static void print_parts(const struct status *now, FILE *out)
{
    for (int i = 0; i < PART_KINDS; i++) {
        const struct part *part = &now->parts[i];
        fprintf(out, "%-9s ", part_names[i]);
        terminal_print(out, states[part->state].colour, states[part->state].text, 5);
        fprintf(out, "%.*s", (int)part->detail.len, part->detail.data);
        terminal_print(out, COLOUR_DIM, "  <- ", 0);
        terminal_print(out, COLOUR_DIM, part->how, 0);
        fputc('\n', out);
    }
}

static void print_topics(const struct status *before, const struct status *now, FILE *out)
{
    fprintf(out, "\n%-9s %12s %12s %12s %12s\n", "topic", "lag", "accepted/s", "stored/s",
            "records");
    for (int kind = 0; kind < RECORD_KINDS; kind++) {
        const struct topic_status *a = &before->topics[kind], *b = &now->topics[kind];
        fprintf(out, "%-9s", record_kind_plural((enum record_kind)kind));
        print_number(out, (double)b->lag, 0);
        print_number(out, rate((double)a->end, (double)b->end, before, now), 1);
        print_number(out, rate((double)a->stored, (double)b->stored, before, now), 1);
        print_number(out, (double)b->end, 0);
        fputc('\n', out);
    }
    terminal_print(out, COLOUR_DIM, "lag: by ", 0);
    terminal_print(out, COLOUR_DIM, now->lag_how, 0);
    fputc('\n', out);
}

static void print_requests(const struct status *before, const struct status *now, FILE *out)
{
    double requests = rate(before->requests, now->requests, before, now);
    double errors = rate(before->server_errors, now->server_errors, before, now);
    if (now->requests < 0) {
        fputs("\nrequests  not known: serve does not answer\n", out);
        return;
    }
    fprintf(out, "\nrequests  %.1f/s, %.1f/s of them answered 5xx, %.0f being worked on\n",
            requests > 0 ? requests : 0, errors > 0 ? errors : 0, now->in_flight);
}

static void print_rejects(const struct status *now, FILE *out)
{
    char at[TIME_TEXT_SIZE];
    if (!now->rejects_known || now->reject_count == 0) {
        fprintf(out, "\nlast rejects: %s\n",
                now->rejects_known ? "none" : "not known: the database does not answer");
        return;
    }
    fputs("\nlast rejects\n", out);
    for (size_t i = 0; i < now->reject_count; i++) {
        const struct reject *reject = &now->rejects[i];
        time_format(reject->at_ms, at);
        fprintf(out, "  %s  %s  %s %s%s%s: %s\n", at, reject->company, reject->kind, reject->id,
                *reject->user_id != '\0' ? " of " : "", reject->user_id, reject->reason);
    }
}

void status_print(const struct status *before, const struct status *now, FILE *out)
{
    char at[TIME_TEXT_SIZE];
    time_format(now->now_ms, at);
    fprintf(out, "tipster " TIPSTER_VERSION "  %s\n\n", at);
    print_parts(now, out);
    print_topics(before, now, out);
    print_requests(before, now, out);
    print_rejects(now, out);
}

/* --- JSON */

static void add_number(struct buf *out, const char *name, double number, int decimals)
{
    if (number < 0)
        buf_addf(out, ",\"%s\":null", name);
    else
        buf_addf(out, ",\"%s\":%.*f", name, decimals, number);
}

static void add_text(struct buf *out, const char *name, struct str text)
{
    buf_addf(out, ",\"%s\":", name);
    buf_add_json(out, text);
}

static void add_parts(const struct status *now, struct buf *out)
{
    for (int i = 0; i < PART_KINDS; i++) {
        const struct part *part = &now->parts[i];
        buf_addf(out, "%s{\"name\":\"%s\",\"state\":\"%s\"", i > 0 ? "," : "", part_names[i],
                 states[part->state].json);
        add_text(out, "detail", buf_str(&part->detail));
        add_text(out, "how", str_of(part->how));
        buf_add_char(out, '}');
    }
}

static void add_topics(const struct status *before, const struct status *now, struct buf *out)
{
    for (int kind = 0; kind < RECORD_KINDS; kind++) {
        const struct topic_status *a = &before->topics[kind], *b = &now->topics[kind];
        buf_addf(out, "%s{\"topic\":\"%s\"", kind > 0 ? "," : "",
                 record_kind_plural((enum record_kind)kind));
        add_number(out, "lag", (double)b->lag, 0);
        add_number(out, "accepted_per_s", rate((double)a->end, (double)b->end, before, now), 1);
        add_number(out, "stored_per_s", rate((double)a->stored, (double)b->stored, before, now), 1);
        add_number(out, "records", (double)b->end, 0);
        buf_add_char(out, '}');
    }
}

static void add_rejects(const struct status *now, struct buf *out)
{
    char at[TIME_TEXT_SIZE];
    for (size_t i = 0; i < now->reject_count; i++) {
        const struct reject *reject = &now->rejects[i];
        time_format(reject->at_ms, at);
        buf_addf(out, "%s{\"time\":\"%s\",\"company\":\"%s\"", i > 0 ? "," : "", at,
                 reject->company);
        add_text(out, "kind", str_of(reject->kind));
        add_text(out, "id", str_of(reject->id));
        add_text(out, "user_id", str_of(reject->user_id));
        add_text(out, "reason", str_of(reject->reason));
        buf_add_char(out, '}');
    }
}

void status_print_json(const struct status *before, const struct status *now, FILE *out)
{
    AUTO_BUF text = {0};
    char at[TIME_TEXT_SIZE];
    time_format(now->now_ms, at);
    buf_addf(&text, "{\"as_of\":\"%s\",\"good\":%s,\"parts\":[", at,
             status_is_good(now) ? "true" : "false");
    add_parts(now, &text);
    buf_add_text(&text, "],\"topics\":[");
    add_topics(before, now, &text);
    buf_add_char(&text, ']');
    add_text(&text, "lag_how", str_of(now->lag_how));
    add_number(&text, "requests_per_s", rate(before->requests, now->requests, before, now), 1);
    add_number(&text, "server_errors_per_s",
               rate(before->server_errors, now->server_errors, before, now), 1);
    buf_add_text(&text, now->rejects_known ? ",\"rejects\":[" : ",\"rejects\":null");
    if (now->rejects_known) {
        add_rejects(now, &text);
        buf_add_char(&text, ']');
    }
    buf_add_text(&text, "}\n");
    fwrite(text.data, 1, text.len, out);
}
