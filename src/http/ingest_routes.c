/*
 * The routes that take records: /v1 POST, PUT and DELETE, and the older /register_*. A request is
 * checked whole before anything of it is sent; the answer waits until Kafka has acknowledged all of
 * it.
 */
#include "http/routes.h"

#include "base/err.h"
#include "domain/change.h"
#include "domain/ndjson.h"
#include "http/backlog.h"
#include "http/directory.h"
#include "http/metrics.h"
#include "http/position.h"
#include "http/reply.h"
#include "http/servers.h"
#include "http/traffic.h"
#include "http/writer.h"

#include <stdlib.h>

enum { BATCH_LINES_MAX = 1000, SCRATCH_KEPT_BYTES = 4 << 20 };

/* One record of a batch: where its parts end in the scratch buffer (they follow each other). */
struct item {
    size_t key_id_end, key_end, value_end;
};

/* A batch that is being checked; the loop handles one request at a time, so one is enough. */
static struct {
    struct buf bytes;
    struct item items[BATCH_LINES_MAX];
    size_t count;
    struct violations violations;
} batch;

static void batch_clear(void)
{
    if (batch.bytes.capacity > SCRATCH_KEPT_BYTES)
        buf_release(&batch.bytes);
    buf_clear(&batch.bytes);
    batch.count = 0;
    violations_clear(&batch.violations);
}

/* Adds a checked record in the form it has in Kafka. */
static void batch_add(struct str company, const struct record *record)
{
    struct item *item = &batch.items[batch.count++];
    struct str key_id = record_key_id(record);
    buf_add_str(&batch.bytes, key_id);
    item->key_id_end = batch.bytes.len;
    change_key(company, key_id, &batch.bytes);
    item->key_end = batch.bytes.len;
    record_canonical(record, &batch.bytes);
    item->value_end = batch.bytes.len;
}

static void answer_failure(struct call *call, int err)
{
    if (err == TIP_EFULL)
        reply_problem(call, PROBLEM_OVERLOADED, NULL);
    else
        reply_problem(call, PROBLEM_UNAVAILABLE,
                      "Kafka did not acknowledge; what was sent may have been stored");
}

/* Begins to send records of this call. False: no writes now, and that is answered. */
static bool begin_write(struct call *call, enum change_kind kind)
{
    AUTO_BUF problem = {0};
    if (!writer_is_open()) {
        buf_add_text(&problem, "this server is ending");
    } else if (backlog_is_expiring()) {
        buf_add_text(&problem, "storing is too far behind to accept more");
    } else if (servers_take_writes(&problem) == 0) {
        int err = writer_begin(call, kind);
        if (err == 0)
            return true;
        directory_problem(call_company(call), err, &problem);
    }
    reply_problem(call, PROBLEM_UNAVAILABLE, "%s", buf_cstr(&problem));
    return false;
}

/* Sends the batch. False: answered. */
static bool batch_send(struct call *call, enum record_kind kind)
{
    size_t start = 0;
    if (!begin_write(call, CHANGE_PUT))
        return false;
    for (size_t i = 0; i < batch.count; i++) {
        const struct item *item = &batch.items[i];
        const char *bytes = batch.bytes.data;
        int err = writer_send(call, kind, str_from(bytes + start, item->key_id_end - start),
                              str_from(bytes + item->key_id_end, item->key_end - item->key_id_end),
                              str_from(bytes + item->key_end, item->value_end - item->key_end));
        if (err != 0) {
            answer_failure(call, err);
            return false;
        }
        start = item->value_end;
    }
    return true;
}

static void answer_accepted(struct call *call, int err, int count)
{
    if (err != 0) {
        answer_failure(call, err);
        return;
    }
    metrics_add(METRIC_RECORDS_ACCEPTED, count);
    traffic_accepted(call_company(call), count);
    static struct buf body, header; /* reused: the bytes of an answer are copied */
    buf_clear(&body);
    buf_clear(&header);
    buf_add_text(&body, "{\"accepted\":");
    buf_add_int(&body, count);
    buf_add_char(&body, '}');
    buf_add_text(&header, "tipster-position: ");
    bool has_position = position_write(call_position(call), &header);
    buf_add_text(&header, "\r\n");
    reply_bytes(call, 202, "application/json", buf_str(&body),
                has_position ? buf_cstr(&header) : NULL);
}

static void accepted(struct call *call, int err)
{
    answer_accepted(call, err, call_record_count(call));
}

/* The older clients get their own bytes back. */
static void accepted_older(struct call *call, int err)
{
    struct str body;
    if (err != 0) {
        answer_failure(call, err);
        return;
    }
    if (call_body(call, BODY_JSON, &body) == BODY_NONE)
        return; /* cannot be: it was there before */
    metrics_add(METRIC_RECORDS_ACCEPTED, 1);
    traffic_accepted(call_company(call), 1);
    reply_json(call, 200, body);
}

static int parse_line(struct call *call, enum record_kind kind, enum generation generation,
                      struct str text)
{
    AUTO_RECORD record;
    record.json = NULL; /* the rest is large, and is set by the parser */
    int err = record_parse(kind, generation, text, call_now_ms(call), &record, &batch.violations);
    /* Once something is wrong nothing will be sent; the rest is only checked. */
    if (err == 0 && batch.violations.total == 0)
        batch_add(call_company(call), &record);
    return err;
}

/* Checks all lines. 0, TIP_EINVAL (see the violations) or TIP_EFULL: too many lines. */
static int parse_lines(struct call *call, enum record_kind kind, struct str body)
{
    struct ndjson cursor = {.rest = body};
    struct str line;
    while (ndjson_next(&cursor, &line)) {
        if (cursor.line > BATCH_LINES_MAX)
            return TIP_EFULL;
        batch.violations.line = cursor.line;
        parse_line(call, kind, GENERATION_V1, line);
    }
    return batch.violations.total > 0 ? TIP_EINVAL : 0;
}

static void answer_invalid(struct call *call, int err)
{
    metrics_add(METRIC_RECORDS_INVALID, 1);
    if (err == TIP_EFULL)
        reply_problem(call, PROBLEM_TOO_LARGE, "a batch has at most %d lines", BATCH_LINES_MAX);
    else
        reply_violations(call, err == TIP_ESYNTAX ? PROBLEM_BAD_JSON : PROBLEM_INVALID_RECORD,
                         &batch.violations);
}

static void post(struct call *call, enum record_kind kind)
{
    struct str body;
    enum body_type type = call_body(call, BODY_JSON | BODY_NDJSON, &body);
    if (type == BODY_NONE)
        return;
    batch_clear();
    int err = type == BODY_NDJSON ? parse_lines(call, kind, body)
                                  : parse_line(call, kind, GENERATION_V1, body);
    if (err != 0)
        answer_invalid(call, err);
    else if (batch_send(call, kind))
        call_await_records(call, accepted);
}

static void post_older(struct call *call, enum record_kind kind)
{
    struct str body;
    if (call_body(call, BODY_JSON, &body) == BODY_NONE)
        return;
    batch_clear();
    int err = parse_line(call, kind, GENERATION_OLDER, body);
    if (err != 0)
        answer_invalid(call, err);
    else if (batch_send(call, kind))
        call_await_records(call, accepted_older);
}

/* The id of the path; false: it is none, and that is answered. */
static bool path_id(struct call *call, struct str *ret_id)
{
    struct str id = call_capture(call, 0);
    if (!id_is_valid(id)) {
        reply_problem(call, PROBLEM_INVALID_RECORD,
                      "the id in the path must have 1 to %d bytes of UTF-8 without control or "
                      "bidirectional characters",
                      ID_MAX_BYTES);
        return false;
    }
    *ret_id = id;
    return true;
}

static void put(struct call *call, enum record_kind kind)
{
    struct str body, id;
    if (!path_id(call, &id) || call_body(call, BODY_JSON, &body) == BODY_NONE)
        return;
    batch_clear();
    AUTO_RECORD record = {0};
    int err = record_parse_put(kind, id, body, call_now_ms(call), &record, &batch.violations);
    if (err != 0) {
        answer_invalid(call, err);
        return;
    }
    batch_add(call_company(call), &record);
    if (batch_send(call, kind))
        call_await_records(call, accepted);
}

/* ?version=: VERSION_NONE when absent. False: it is no version, and that is answered. */
static bool version_parameter(struct call *call, int64_t *ret_version)
{
    static const char *const names[] = {"version", NULL};
    struct str text;
    const struct query *query = call_query(call);
    if (query == NULL)
        return false;
    if (query->count > 1 || query_unknown(query, names) != NULL) {
        reply_problem(call, PROBLEM_BAD_PARAMETER,
                      "version is the only parameter here, given once");
        return false;
    }
    *ret_version = VERSION_NONE;
    if (!query_get(query, "version", &text))
        return true;
    int64_t version = 0;
    size_t i = 0;
    while (i < text.len && i < 17 && text.data[i] >= '0' && text.data[i] <= '9')
        version = version * 10 + (text.data[i++] - '0');
    if (text.len == 0 || i < text.len || version > VERSION_MAX) {
        reply_problem(call, PROBLEM_BAD_PARAMETER, "version must be an integer from 0 to %lld",
                      (long long)VERSION_MAX);
        return false;
    }
    *ret_version = version;
    return true;
}

/* False: there are some, and that is answered. */
static bool no_parameters(struct call *call)
{
    const struct query *query = call_query(call);
    if (query != NULL && query->count > 0)
        reply_problem(call, PROBLEM_BAD_PARAMETER, "this route takes no parameters");
    return query != NULL && query->count == 0;
}

void event_delete(struct call *call)
{
    struct str id;
    int64_t version;
    if (!path_id(call, &id) || !version_parameter(call, &version) ||
        !begin_write(call, CHANGE_DELETE))
        return;
    AUTO_BUF key = {0}, value = {0};
    change_key(call_company(call), id, &key);
    change_delete_value(id, version, &value);
    int err = writer_send(call, RECORD_EVENT, id, buf_str(&key), buf_str(&value));
    if (err != 0)
        answer_failure(call, err);
    else
        call_await_records(call, accepted);
}

static void erased(struct call *call, int err)
{
    answer_accepted(call, err, 1);
}

/* One record in each topic that has something of the user; both or a 503, and then it is repeated.
 */
void user_delete(struct call *call)
{
    struct str id;
    if (!path_id(call, &id) || !no_parameters(call) || !begin_write(call, CHANGE_ERASE))
        return;
    AUTO_BUF key = {0}, value = {0};
    change_key(call_company(call), id, &key);
    change_erase_value(id, &value);
    int err = writer_send(call, RECORD_USER, id, buf_str(&key), buf_str(&value));
    if (err == 0)
        err = writer_send(call, RECORD_COUPON, id, buf_str(&key), buf_str(&value));
    if (err != 0)
        answer_failure(call, err);
    else
        call_await_records(call, erased);
}

void users_post(struct call *call)
{
    post(call, RECORD_USER);
}

void events_post(struct call *call)
{
    post(call, RECORD_EVENT);
}

void coupons_post(struct call *call)
{
    post(call, RECORD_COUPON);
}

void user_put(struct call *call)
{
    put(call, RECORD_USER);
}

void event_put(struct call *call)
{
    put(call, RECORD_EVENT);
}

void register_user_post(struct call *call)
{
    post_older(call, RECORD_USER);
}

void register_event_post(struct call *call)
{
    post_older(call, RECORD_EVENT);
}

void register_coupon_post(struct call *call)
{
    post_older(call, RECORD_COUPON);
}
