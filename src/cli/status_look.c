/* Looking at the parts; see status.h. */
#include "cli/status.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "cli/http_client.h"
#include "cli/metrics_text.h"
#include "cli/servers.h"
#include "store/company.h"
#include "store/ingest_status.h"
#include "store/read_lists.h"
#include "store/server_facts.h"
#include "stream/topics.h"
#include "stream/watch.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <sys/stat.h>

enum {
    KAFKA_TIMEOUT_MS = 2000,
    KAFKA_AWAY_MS = 3000,
    SILENT_MS = 10000, /* ingest and index say something every two seconds */
    INGESTS_MAX = 32,
    INGESTS_SINCE_MS = 3600 * 1000,
    COMPANIES_LOOKED_AT = 100,
};

struct status_eyes {
    const struct config *config;
    const char *company;
    struct http_client *client; /* NULL: OPS_BIND is no address */
    struct buf metrics;         /* serve's, of this look; empty: it did not answer */
    struct db *db;              /* NULL: away */
    struct watch *watch;
    struct buf kafka_problem;    /* as it was seen last */
    int64_t kafka_away_until_ms; /* it is not asked again before: each question takes its whole time
                                    limit */
};

struct status_eyes *status_eyes_new(const struct config *config, const char *company)
{
    struct status_eyes *eyes = xcalloc(1, sizeof(*eyes));
    AUTO_BUF problem = {0}, url = {0};
    eyes->config = config;
    eyes->company = company;
    servers_ops_url(config, &url);
    if (http_client_open(buf_cstr(&url), 1, &eyes->client) != 0)
        eyes->client = NULL;
    if (watch_create(config, &eyes->watch, &problem) != 0)
        eyes->watch = NULL;
    return eyes;
}

void status_eyes_free(struct status_eyes *eyes)
{
    http_client_close(eyes->client);
    buf_release(&eyes->metrics);
    buf_release(&eyes->kafka_problem);
    db_close(eyes->db);
    if (eyes->watch != NULL)
        watch_destroy(eyes->watch);
    free(eyes);
}

static void set_how(struct part *part, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void set_how(struct part *part, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(part->how, sizeof(part->how), format, arguments);
    va_end(arguments);
}

/* --- serve */

/* What /readyz says beside "ok". */
static void add_problems(struct str body, struct buf *out)
{
    json_t *json = json_loadb(body.data, body.len, 0, NULL), *value;
    const char *name;
    json_object_foreach(json, name, value)
    {
        const char *text = json_string_value(value);
        if (text != NULL && strcmp(text, "ok") != 0)
            buf_addf(out, ", %s: %s", name, text);
    }
    json_decref(json);
}

static void look_at_serve(struct status_eyes *eyes, struct status *status)
{
    struct part *part = &status->parts[PART_serve];
    AUTO_BUF url = {0}, ready = {0};
    long code = 0;
    status->requests = -1;
    buf_clear(&eyes->metrics);
    servers_ops_url(eyes->config, &url);
    set_how(part, "%s", buf_cstr(&url));
    part->state = PART_DOWN;
    if (eyes->client == NULL ||
        http_client_get(eyes->client, "/metrics", &code, &eyes->metrics) != 0) {
        buf_addf(&part->detail, "no answer: %s", buf_cstr(&eyes->metrics));
        buf_clear(&eyes->metrics);
        return;
    }
    struct str text = buf_str(&eyes->metrics);
    size_t workers = metrics_each(text, "tipster_worker_starts_total", NULL, NULL);
    double starts = metrics_sum(text, "tipster_worker_starts_total", "");
    status->requests = metrics_sum(text, "tipster_http_requests_total", "");
    status->server_errors = metrics_sum(text, "tipster_http_requests_total", "status=\"5xx\"");
    status->in_flight = metrics_sum(text, "tipster_http_requests_in_flight", "");
    buf_addf(&part->detail, "%zu workers", workers);
    if (starts > (double)workers)
        buf_addf(&part->detail, " (%.0f started again)", starts - (double)workers);
    bool answered = http_client_get(eyes->client, "/readyz", &code, &ready) == 0;
    part->state = answered && code == 200 ? PART_UP : PART_LATE;
    buf_add_text(&part->detail, part->state == PART_UP ? ", ready" : ", not ready");
    if (answered)
        add_problems(buf_str(&ready), &part->detail);
}

/* --- the database, and ingest by what it wrote there */

static void look_at_database(struct status_eyes *eyes, struct status *status)
{
    struct part *part = &status->parts[PART_database];
    struct server_facts facts;
    AUTO_BUF problem = {0};
    set_how(part, "DATABASE_URL");
    if (eyes->db != NULL && db_ping(eyes->db) != 0) {
        db_close(eyes->db);
        eyes->db = NULL;
    }
    int err = eyes->db == NULL ? db_open(eyes->config, DB_API, &eyes->db, &problem) : 0;
    part->state = PART_DOWN;
    if (err != 0) {
        eyes->db = NULL;
        buf_add_str(&part->detail, buf_str(&problem));
    } else if (server_facts_read(eyes->db, &facts) != 0) {
        buf_addf(&part->detail, "%s", db_error(eyes->db));
    } else {
        part->state = PART_UP;
        buf_addf(&part->detail, "%s", facts.version);
    }
}

static void add_ingest(struct part *part, struct str instance, int64_t silent_ms)
{
    if (silent_ms > SILENT_MS && part->detail.len > 0)
        return; /* older ones are of interest only when there is no other */
    buf_addf(&part->detail, "%s%.*s", part->detail.len > 0 ? ", " : "", (int)instance.len,
             instance.data);
    if (silent_ms > SILENT_MS)
        buf_addf(&part->detail, " (silent for %" PRId64 " s)", silent_ms / 1000);
    else
        part->state = PART_UP;
}

struct seen {
    struct part *part;
    int64_t now_ms;
};

static void see_ingest(void *context, struct str labels, double value)
{
    struct seen *seen = context;
    static const char before[] = INGEST_LABEL "=\"";
    size_t skip = sizeof(before) - 1;
    if (labels.len > skip)
        add_ingest(seen->part, str_from(labels.data + skip, labels.len - skip - 1),
                   seen->now_ms - (int64_t)(value * 1000));
}

static void look_at_ingest(struct status_eyes *eyes, struct status *status)
{
    struct part *part = &status->parts[PART_ingest];
    AUTO_FREE struct ingest_status *rows = xcalloc(INGESTS_MAX, sizeof(*rows));
    size_t found = 0;
    part->state = PART_DOWN;
    set_how(part, "table ingest_status");
    if (eyes->db != NULL && ingest_status_read(eyes->db, status->now_ms - INGESTS_SINCE_MS, rows,
                                               INGESTS_MAX, &found) == 0) {
        for (int late = 0; late < 2; late++) /* those that live first */
            for (size_t i = 0; i < found; i++)
                if ((status->now_ms - rows[i].updated_at_ms > SILENT_MS) == late)
                    add_ingest(part, str_of(rows[i].instance),
                               status->now_ms - rows[i].updated_at_ms);
    } else if (eyes->metrics.len > 0) {
        struct seen seen = {part, status->now_ms};
        set_how(part, "serve's /metrics, as the database is away");
        metrics_each(buf_str(&eyes->metrics), "tipster_ingest_last_seen_timestamp_seconds",
                     see_ingest, &seen);
    } else {
        part->state = PART_LATE;
        set_how(part, "nobody");
        buf_add_text(&part->detail, "not known: neither the database nor serve answers");
    }
    if (part->detail.len == 0)
        buf_add_text(&part->detail, "none was heard of in the last hour");
}

/* --- Kafka, and how far what it has is stored */

/* By what the group has committed, which Kafka knows without the database. */
static bool lag_by_kafka(struct status_eyes *eyes, struct status *status)
{
    size_t all = (size_t)eyes->config->kafka_partitions * RECORD_KINDS;
    AUTO_FREE struct lag *lags = xcalloc(all, sizeof(*lags));
    if (watch_read(eyes->watch, status->now_ms, KAFKA_TIMEOUT_MS, lags) != 0)
        return false;
    for (int kind = 0; kind < RECORD_KINDS; kind++)
        status->topics[kind].lag = 0;
    for (size_t i = 0; i < all; i++)
        if (lags[i].records > 0)
            status->topics[lags[i].kind].lag += lags[i].records;
    snprintf(status->lag_how, sizeof(status->lag_how), "the group's offsets in Kafka");
    return true;
}

/* The numbers of one topic; ends and next may be NULL: not known. */
static struct topic_status sum_topic(size_t partitions, const int64_t *ends, const int64_t *next)
{
    struct topic_status topic = {
        .end = ends != NULL ? 0 : -1,
        .stored = next != NULL ? 0 : -1,
        .lag = ends != NULL && next != NULL ? 0 : -1,
    };
    for (size_t i = 0; i < partitions; i++) {
        topic.end += ends != NULL ? ends[i] : 0;
        topic.stored += next != NULL ? next[i] : 0;
        if (ends != NULL && next != NULL && ends[i] > next[i])
            topic.lag += ends[i] - next[i];
    }
    return topic;
}

static void compare(struct status_eyes *eyes, struct status *status, const int64_t *ends)
{
    size_t partitions = (size_t)eyes->config->kafka_partitions;
    AUTO_FREE int64_t *next = xcalloc(partitions * RECORD_KINDS, sizeof(*next));
    bool known = eyes->db != NULL && servers_stored(eyes->db, eyes->config, next) == 0;
    for (size_t kind = 0; kind < RECORD_KINDS; kind++)
        status->topics[kind] = sum_topic(partitions, ends != NULL ? ends + kind * partitions : NULL,
                                         known ? next + kind * partitions : NULL);
    if (ends != NULL && known)
        snprintf(status->lag_how, sizeof(status->lag_how), "stream_offsets against Kafka's ends");
    else if (ends == NULL || !lag_by_kafka(eyes, status))
        snprintf(status->lag_how, sizeof(status->lag_how), "nobody: %s",
                 ends == NULL ? "Kafka does not answer" : "Kafka does not know the group");
}

static void ask_what_is_wrong(struct status_eyes *eyes)
{
    buf_clear(&eyes->kafka_problem);
    if (topics_check(eyes->config, KAFKA_TIMEOUT_MS, &eyes->kafka_problem) == 0)
        buf_add_text(&eyes->kafka_problem, "does not say how long its topics are");
    eyes->kafka_away_until_ms = clock_realtime_ms() + KAFKA_AWAY_MS;
}

static void look_at_kafka(struct status_eyes *eyes, struct status *status)
{
    struct part *part = &status->parts[PART_kafka];
    size_t all = (size_t)eyes->config->kafka_partitions * RECORD_KINDS;
    AUTO_FREE int64_t *ends = xcalloc(all, sizeof(*ends));
    set_how(part, "%s", eyes->config->kafka_bootstrap_servers);
    bool asked = status->now_ms >= eyes->kafka_away_until_ms;
    bool known =
        asked && eyes->watch != NULL && watch_ends(eyes->watch, KAFKA_TIMEOUT_MS, ends) == 0;
    part->state = known ? PART_UP : PART_DOWN;
    if (known) {
        buf_addf(&part->detail, "3 topics of %" PRId64 " partitions",
                 eyes->config->kafka_partitions);
    } else {
        if (asked)
            ask_what_is_wrong(eyes);
        buf_add_str(&part->detail, buf_str(&eyes->kafka_problem));
    }
    compare(eyes, status, known ? ends : NULL);
}

/* --- index, by the file it writes */

static bool read_file(const char *path, struct buf *out, int64_t *ret_changed_ms)
{
    struct stat state;
    char piece[4096];
    size_t got;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    while ((got = fread(piece, 1, sizeof(piece), file)) > 0)
        buf_add(out, piece, got);
    bool read = fstat(fileno(file), &state) == 0;
    if (read)
        *ret_changed_ms = state.st_mtim.tv_sec * 1000 + state.st_mtim.tv_nsec / 1000000;
    fclose(file);
    return read;
}

static void describe_view(struct status *status, struct part *part, struct str text,
                          int64_t limit_ms)
{
    bool serving = metrics_sum(text, "tipster_index_serving", "") > 0;
    bool building = metrics_sum(text, "tipster_index_building", "") > 0;
    int64_t heartbeat_ms =
        (int64_t)(metrics_sum(text, "tipster_index_heartbeat_timestamp_seconds", "") * 1000);
    int64_t behind_ms = status->now_ms - heartbeat_ms;
    part->state = serving && behind_ms <= limit_ms + SILENT_MS / 2 ? PART_UP : PART_LATE;
    buf_add_text(&part->detail, serving ? "serves" : "no view yet");
    if (building)
        buf_add_text(&part->detail, ", builds a new one");
    if (serving)
        buf_addf(&part->detail, ", lag %.0f, %" PRId64 " ms behind, %.0f MB",
                 metrics_sum(text, "tipster_index_lag_records", ""), behind_ms,
                 metrics_sum(text, "tipster_index_used_bytes", "") / 1048576);
}

static void look_at_index(struct status_eyes *eyes, struct status *status)
{
    struct part *part = &status->parts[PART_index];
    AUTO_BUF text = {0}, path = {0};
    int64_t changed_ms = 0;
    if (*eyes->config->view_dir == '\0') {
        part->state = PART_OFF;
        set_how(part, "VIEW_DIR is not set");
        buf_add_text(&part->detail, "not used: SQL answers");
        return;
    }
    buf_addf(&path, "%s/metrics", eyes->config->view_dir);
    set_how(part, "%s", buf_cstr(&path));
    part->state = PART_DOWN;
    if (!read_file(buf_cstr(&path), &text, &changed_ms)) {
        buf_add_text(&part->detail, "has never run here");
        return;
    }
    int64_t silent_ms = status->now_ms - changed_ms;
    if (silent_ms > SILENT_MS)
        buf_addf(&part->detail, "silent for %" PRId64 " s", silent_ms / 1000);
    else
        describe_view(status, part, buf_str(&text), eyes->config->view_behind_ms);
}

/* --- what could not be stored */

struct taker {
    struct status *status;
    const char *company;
};

static void copy(struct str text, char *out, size_t size)
{
    size_t len = text.len < size ? text.len : size - 1;
    memcpy(out, text.data, len);
    out[len] = '\0';
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)out[i] < ' ' || out[i] == 0x7f)
            out[i] = '?';
}

/* Keeps the newest ones, newest first. */
static int take_reject(void *context, const struct rejected_item *item)
{
    struct taker *taker = context;
    struct status *status = taker->status;
    size_t at = status->reject_count;
    while (at > 0 && status->rejects[at - 1].at_ms < item->place.rejected_at_ms)
        at--;
    if (at == STATUS_REJECTS_SHOWN)
        return 1; /* the rest of this company is older still */
    if (status->reject_count < STATUS_REJECTS_SHOWN)
        status->reject_count++;
    memmove(&status->rejects[at + 1], &status->rejects[at],
            (status->reject_count - at - 1) * sizeof(*status->rejects));
    struct reject *reject = &status->rejects[at];
    reject->at_ms = item->place.rejected_at_ms;
    copy(str_of(taker->company), reject->company, sizeof(reject->company));
    copy(item->kind, reject->kind, sizeof(reject->kind));
    copy(item->record_id, reject->id, sizeof(reject->id));
    copy(item->user_id, reject->user_id, sizeof(reject->user_id));
    copy(item->reason, reject->reason, sizeof(reject->reason));
    return 0;
}

static int look_at_company(struct status_eyes *eyes, struct status *status, const char *company)
{
    struct taker taker = {status, company};
    size_t count_given = 0;
    int err = read_rejected(eyes->db, str_of(company), NULL, take_reject, &taker, &count_given);
    return err > 0 ? 0 : err;
}

static void look_at_rejects(struct status_eyes *eyes, struct status *status)
{
    AUTO_FREE struct company *page = xcalloc(COMPANIES_PAGE_MAX, sizeof(*page));
    size_t companies = 0;
    int err = eyes->db != NULL ? 0 : TIP_EUNAVAIL;
    if (err == 0 && *eyes->company != '\0')
        err = look_at_company(eyes, status, eyes->company);
    else if (err == 0)
        err = company_page(eyes->db, "", page, &companies);
    for (size_t i = 0; err == 0 && i < companies && i < COMPANIES_LOOKED_AT; i++)
        err = look_at_company(eyes, status, page[i].id);
    status->rejects_known = err == 0;
}

void status_look(struct status_eyes *eyes, struct status *ret_status)
{
    struct status status = {.now_ms = clock_realtime_ms(), .monotonic_ms = clock_monotonic_ms()};
    look_at_serve(eyes, &status);
    look_at_database(eyes, &status);
    look_at_ingest(eyes, &status);
    look_at_kafka(eyes, &status);
    look_at_index(eyes, &status);
    look_at_rejects(eyes, &status);
    *ret_status = status;
}

void status_release(struct status *status)
{
    for (int i = 0; i < PART_KINDS; i++)
        buf_release(&status->parts[i].detail);
}

bool status_is_good(const struct status *status)
{
    for (int i = 0; i < PART_KINDS; i++)
        if (status->parts[i].state == PART_DOWN || status->parts[i].state == PART_LATE)
            return false;
    return true;
}
