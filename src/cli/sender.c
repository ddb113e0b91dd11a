/*
 * See sender.h. A batch is open (being filled), waiting (ready, or in its back-off) or under way.
 */
#include "cli/sender.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "cli/http_client.h"
#include "cli/refusal.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
    BODY_LIMIT = 1000000, /* the server takes 1 MiB */
    BACKOFF_FIRST_MS = 50,
    BACKOFF_MAX_MS = 2000,
    RETRY_AFTER_MAX_MS = 5000,
    FIRST_CONTACT_MS = 5000, /* a server that never answered is not waited for longer */
    PUMP_MS = 50,
};

struct batch_line {
    size_t start, len; /* in the body, without the newline */
    struct origin origin;
};

struct batch {
    struct sender *sender;
    struct batch *next;
    enum record_kind kind;
    struct buf body;
    struct batch_line lines[SENDER_BATCH_MAX];
    int count;
    int attempts;
    int64_t first_ms, due_ms;
};

struct sender {
    struct sender_options options;
    struct load_report *report;
    struct http_client *client;
    struct batch *open, *waiting, *spare;
    int waiting_count, lines_max;
    uint64_t taken, jitter;
    int64_t started_ms;
    bool answered; /* the server ever did */
    int err;       /* why sending ended */
    char problem[400];
};

int sender_open(const struct sender_options *options, struct load_report *report,
                struct sender **ret_sender)
{
    struct http_client *client;
    int err = http_client_open(options->url, options->connections, &client);
    if (err != 0)
        return err;
    http_client_set_key(client, options->key);
    struct sender *sender = xcalloc(1, sizeof(*sender));
    sender->options = *options;
    sender->report = report;
    sender->client = client;
    sender->started_ms = clock_monotonic_ms();
    sender->lines_max = options->batch;
    /* A slow rate in large batches would be none: at least ten batches a second. */
    if (options->rate_per_s > 0 && options->rate_per_s / 10 < sender->lines_max)
        sender->lines_max = options->rate_per_s >= 10 ? (int)(options->rate_per_s / 10) : 1;
    *ret_sender = sender;
    return 0;
}

static void batch_free(struct batch *batch)
{
    while (batch != NULL) {
        struct batch *next = batch->next;
        buf_release(&batch->body);
        free(batch);
        batch = next;
    }
}

void sender_close(struct sender *sender)
{
    if (sender == NULL)
        return;
    http_client_close(sender->client);
    batch_free(sender->open);
    batch_free(sender->waiting);
    batch_free(sender->spare);
    free(sender);
}

const char *sender_problem(const struct sender *sender)
{
    return sender->problem;
}

static void stop(struct sender *sender, int err, const char *what, const char *detail)
{
    if (sender->err != 0)
        return;
    sender->err = err;
    snprintf(sender->problem, sizeof(sender->problem), "%s: %s%s%s", sender->options.url, what,
             *detail != '\0' ? ": " : "", detail);
}

/* --- batches */

static struct batch *batch_take(struct sender *sender, enum record_kind kind)
{
    struct batch *batch = sender->spare;
    if (batch != NULL)
        sender->spare = batch->next;
    else
        batch = xcalloc(1, sizeof(*batch));
    buf_clear(&batch->body);
    batch->sender = sender;
    batch->next = NULL;
    batch->kind = kind;
    batch->count = batch->attempts = 0;
    batch->first_ms = batch->due_ms = 0;
    return batch;
}

static void batch_give_back(struct batch *batch)
{
    batch->next = batch->sender->spare;
    batch->sender->spare = batch;
}

static void batch_append(struct batch *batch, struct str line, const struct origin *origin)
{
    batch->lines[batch->count++] =
        (struct batch_line){.start = batch->body.len, .len = line.len, .origin = *origin};
    buf_add_str(&batch->body, line);
    buf_add_char(&batch->body, '\n');
}

static struct str batch_line(const struct batch *batch, int index)
{
    return str_from(batch->body.data + batch->lines[index].start, batch->lines[index].len);
}

/* Behind the others: what waits longest is sent first. */
static void enqueue(struct sender *sender, struct batch *batch)
{
    struct batch **end = &sender->waiting;
    while (*end != NULL)
        end = &(*end)->next;
    *end = batch;
    batch->next = NULL;
    sender->waiting_count++;
}

static void enqueue_open(struct sender *sender)
{
    struct batch *batch = sender->open;
    if (batch == NULL)
        return;
    sender->open = NULL;
    if (sender->options.rate_per_s > 0)
        batch->due_ms = sender->started_ms +
                        (int64_t)(sender->taken * 1000 / (uint64_t)sender->options.rate_per_s);
    sender->taken += (uint64_t)batch->count;
    enqueue(sender, batch);
}

/* --- answers */

static void refuse_line(struct batch *batch, int index, const char *code, const char *pointer,
                        const char *detail)
{
    load_report_bad_line(batch->sender->report, &batch->lines[index].origin, code, pointer, detail);
}

/* The lines from..to-1 that are not marked bad, as a new batch; none when there is none. */
static void requeue_lines(struct batch *batch, int from, int to, const bool *bad)
{
    struct batch *rest = batch_take(batch->sender, batch->kind);
    for (int i = from; i < to; i++)
        if (bad == NULL || !bad[i])
            batch_append(rest, batch_line(batch, i), &batch->lines[i].origin);
    if (rest->count > 0)
        enqueue(batch->sender, rest);
    else
        batch_give_back(rest);
}

static void split(struct batch *batch)
{
    requeue_lines(batch, 0, batch->count / 2, NULL);
    requeue_lines(batch, batch->count / 2, batch->count, NULL);
}

/* The contract is broken by some lines: those are reported, the others sent again. */
static void handle_refusal(struct batch *batch, const struct http_reply *reply)
{
    struct refusal refusal;
    bool bad[SENDER_BATCH_MAX] = {false};
    bool any = false;
    refusal_read(reply->body, &refusal);
    for (size_t i = 0; i < refusal.count; i++) {
        int index = batch->count == 1 ? 0 : refusal.lines[i].line - 1;
        if (index < 0 || index >= batch->count || bad[index])
            continue;
        char detail[240];
        int others = refusal.lines[i].others;
        snprintf(detail, sizeof(detail), others > 0 ? "%s (and %d more)" : "%s",
                 refusal.lines[i].detail, others);
        refuse_line(batch, index, refusal.lines[i].code, refusal.lines[i].pointer, detail);
        bad[index] = any = true;
    }
    if (any)
        requeue_lines(batch, 0, batch->count, bad);
    else if (batch->count > 1)
        split(batch); /* it does not say which: the halves will */
    else
        refuse_line(batch, 0, "refused", "", refusal.detail);
}

static int64_t backoff_ms(struct sender *sender, const struct batch *batch, int64_t retry_after_ms)
{
    int64_t wait_ms = BACKOFF_MAX_MS;
    if (batch->attempts < 6)
        wait_ms = (int64_t)BACKOFF_FIRST_MS << batch->attempts;
    /* A server that comes back must not get all of them in one moment: half to one and a half. */
    wait_ms = wait_ms / 2 + (int64_t)(hash_mix(++sender->jitter) % (uint64_t)(wait_ms + 1));
    if (retry_after_ms > RETRY_AFTER_MAX_MS)
        retry_after_ms = RETRY_AFTER_MAX_MS;
    return wait_ms > retry_after_ms ? wait_ms : retry_after_ms;
}

/* Sends the batch again later, or ends the run when it has been tried for long enough. */
static void retry(struct batch *batch, const char *reason, const char *detail,
                  int64_t retry_after_ms)
{
    struct sender *sender = batch->sender;
    int64_t now_ms = clock_monotonic_ms();
    int64_t limit_ms = sender->options.retry_ms;
    if (!sender->answered && limit_ms > FIRST_CONTACT_MS)
        limit_ms = FIRST_CONTACT_MS;
    load_report_reason(sender->report, reason, 1);
    if (now_ms - batch->first_ms > limit_ms) {
        char what[120];
        snprintf(what, sizeof(what), "gave up after %" PRId64 " s: %s",
                 (now_ms - batch->first_ms) / 1000, reason);
        stop(sender, TIP_EUNAVAIL, what, detail);
    }
    batch->due_ms = now_ms + backoff_ms(sender, batch, retry_after_ms);
    batch->attempts++;
    sender->report->retries++;
    enqueue(sender, batch);
}

static bool is_transient(long status)
{
    return status == 408 || status == 425 || status == 429 || status >= 500;
}

static void on_reply(void *context, const struct http_reply *reply)
{
    struct batch *batch = context;
    struct sender *sender = batch->sender;
    if (reply->failure != NULL) {
        retry(batch, "connection", reply->failure, 0);
        return;
    }
    sender->answered = true;
    sender->report->requests++;
    histogram_add(&sender->report->latency, reply->latency_us);
    struct refusal refusal;
    char text[32];
    snprintf(text, sizeof(text), "status %ld%s", reply->status, refusal_setting(reply->status));
    if (reply->status >= 200 && reply->status < 300) {
        sender->report->accepted[batch->kind] += (uint64_t)batch->count;
    } else if (is_transient(reply->status)) {
        refusal_read(reply->body, &refusal);
        retry(batch, text, refusal.detail, reply->retry_after_ms);
        return;
    } else if (reply->status == 400 || reply->status == 422) {
        handle_refusal(batch, reply);
    } else if (reply->status == 413 && batch->count > 1) {
        split(batch);
    } else if (reply->status == 413) {
        refuse_line(batch, 0, "too_large", "", "is too large");
    } else {
        refusal_read(reply->body, &refusal);
        load_report_reason(sender->report, text, 1);
        stop(sender, TIP_EFATAL, text, refusal.detail);
        enqueue(sender, batch);
        return;
    }
    batch_give_back(batch);
}

/* --- sending */

static void start(struct sender *sender, struct batch *batch, int64_t now_ms)
{
    static const char *const paths[RECORD_KINDS] = {"/v1/users", "/v1/events", "/v1/coupons"};
    struct str body = buf_str(&batch->body);
    bool single = sender->options.batch == 1;
    if (single)
        body.len--; /* one object has no newline behind it */
    if (batch->first_ms == 0)
        batch->first_ms = now_ms;
    http_client_start(sender->client, paths[batch->kind],
                      single ? "application/json" : "application/x-ndjson", body, on_reply, batch);
}

/* Starts what is due and waits a little for answers. */
static void pump(struct sender *sender)
{
    int64_t now_ms = clock_monotonic_ms();
    int64_t wait_ms = PUMP_MS;
    struct batch **at = &sender->waiting;
    while (*at != NULL && sender->err == 0 && http_client_room(sender->client) > 0) {
        struct batch *batch = *at;
        int64_t left_ms = batch->due_ms - now_ms;
        if (left_ms > 0) {
            wait_ms = left_ms < wait_ms ? left_ms : wait_ms;
            at = &batch->next;
            continue;
        }
        *at = batch->next;
        sender->waiting_count--;
        start(sender, batch, now_ms);
    }
    http_client_run(sender->client, (int)wait_ms);
    if (sender->report->progress != NULL)
        progress_show(sender->report->progress,
                      load_report_accepted(sender->report) + sender->report->bad_lines);
}

int sender_add(struct sender *sender, enum record_kind kind, struct str line,
               const struct origin *origin)
{
    struct batch *batch = sender->open;
    if (batch != NULL && (batch->kind != kind || batch->body.len + line.len > BODY_LIMIT))
        enqueue_open(sender);
    if (sender->open == NULL)
        sender->open = batch_take(sender, kind);
    batch_append(sender->open, line, origin);
    if (sender->open->count >= sender->lines_max)
        enqueue_open(sender);
    /* As many prepared as there are connections; the rest stays with the caller. */
    while (sender->err == 0 && sender->waiting_count >= sender->options.connections)
        pump(sender);
    return sender->err;
}

static uint64_t count_lines(const struct batch *batch)
{
    uint64_t lines = 0;
    for (; batch != NULL; batch = batch->next)
        lines += (uint64_t)batch->count;
    return lines;
}

int sender_finish(struct sender *sender)
{
    enqueue_open(sender);
    while (http_client_busy(sender->client) > 0 || (sender->err == 0 && sender->waiting != NULL))
        pump(sender);
    sender->report->not_sent += count_lines(sender->waiting);
    return sender->err;
}
