/* Filling a new view; see bootstrap.h. */
#include "view/bootstrap.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "store/db_url.h"
#include "store/migrations.h"
#include "store/offsets.h"
#include "stream/topics.h"
#include "view/chunks.h"

#include <stdlib.h>

enum { KAFKA_TIMEOUT_MS = 5000 };

struct bootstrap {
    const struct config *config;
    struct view_writer *writer;
    atomic_bool *stop;
    struct bootstrap_progress *progress;
    struct buf *problem;
    struct db *db;
    struct arena arena; /* the companies' ids */
    struct str *companies;
    size_t company_count;
    struct topic_identity identity[RECORD_KINDS];
    struct stored_offset *offsets;    /* before the first chunk; by kind, then by partition */
    struct view_load_coupon *coupons; /* scratch */
    size_t coupon_capacity;
    bool database_failed; /* problem is set */
};

static int database_failed(struct bootstrap *boot, int err)
{
    boot->database_failed = true;
    buf_addf(boot->problem, "reading the database: %s", db_error(boot->db));
    /* A chunk that took too long, a deadlock, a lost connection: another attempt may succeed. */
    return err == TIP_EFATAL || err == TIP_ECONFIG ? err : TIP_EUNAVAIL;
}

static int writing_failed(struct bootstrap *boot, int err)
{
    if (!boot->database_failed)
        buf_addf(boot->problem, "writing the view: %s", view_writer_problem(boot->writer));
    return err;
}

/* Repeats a transaction for as long as the map has to grow for it. */
typedef int (*transaction_fn)(struct bootstrap *boot, void *what);

static int transact(struct bootstrap *boot, transaction_fn body, void *what)
{
    int err;
    do {
        err = view_writer_begin(boot->writer);
        if (err == 0)
            err = body(boot, what);
        if (err == 0)
            err = view_writer_commit(boot->writer);
        if (err != 0)
            view_writer_abort(boot->writer);
    } while (err == TIP_ERETRY);
    return err == 0 ? 0 : writing_failed(boot, err);
}

static int read_offsets(struct bootstrap *boot, struct stored_offset *ret_offsets)
{
    size_t partitions = (size_t)boot->config->kafka_partitions;
    for (int kind = 0; kind < RECORD_KINDS; kind++) {
        char topic[TOPIC_NAME_SIZE];
        topic_name(boot->config, (enum record_kind)kind, topic);
        int err =
            offsets_read(boot->db, topic, partitions, ret_offsets + (size_t)kind * partitions);
        if (err != 0)
            return database_failed(boot, err);
    }
    return 0;
}

/*
 * What ingest has stored must be of the topics that are there now. A partition that it has never
 * claimed begins where its first claim will put it.
 */
static int agree_on_topics(struct bootstrap *boot, struct stored_offset *offsets)
{
    size_t partitions = (size_t)boot->config->kafka_partitions;
    for (size_t i = 0; i < RECORD_KINDS * partitions; i++) {
        const struct topic_identity *now = &boot->identity[i / partitions];
        struct stored_offset *stored = &offsets[i];
        if (stored->generation == 0) {
            stored->generation = 1;
            memcpy(stored->cluster_id, now->cluster_id, sizeof(stored->cluster_id));
            memcpy(stored->topic_id, now->topic_id, sizeof(stored->topic_id));
        }
        if (strcmp(stored->cluster_id, now->cluster_id) != 0 ||
            strcmp(stored->topic_id, now->topic_id) != 0) {
            buf_addf(boot->problem, "topic %s was made anew and ingest has not begun with it yet",
                     record_kind_plural((enum record_kind)(i / partitions)));
            return TIP_EUNAVAIL;
        }
    }
    return 0;
}

static int read_companies(struct bootstrap *boot)
{
    struct str after = {.data = "", .len = 0}, *some;
    size_t count = SNAPSHOT_ROWS_MAX;
    while (count == SNAPSHOT_ROWS_MAX) {
        int err = snapshot_companies(boot->db, after, &boot->arena, &some, &count);
        if (err != 0)
            return database_failed(boot, err);
        boot->companies = xreallocarray(boot->companies, boot->company_count + count + 1,
                                        sizeof(*boot->companies));
        memcpy(boot->companies + boot->company_count, some, count * sizeof(*some));
        boot->company_count += count;
        after = count > 0 ? some[count - 1] : after;
    }
    return 0;
}

/* A chunk of a company's events: read and loaded in one go, so that both can be repeated. */
struct event_chunk {
    struct bootstrap *boot;
    struct str company, last;
    struct str after;
    size_t count;
    bool writer_failed;
    struct arena arena;
};

static int load_event(void *ctx, const struct snapshot_event *event)
{
    struct event_chunk *chunk = ctx;
    const struct view_load_event row = {.company = chunk->company,
                                        .event = &event->event,
                                        .known = event->has_attributes,
                                        .withdrawn = event->withdrawn,
                                        .position = event->precedence.position};
    int err = view_writer_load_event(chunk->boot->writer, &row);
    chunk->writer_failed = err != 0;
    return err;
}

static int load_event_chunk(struct bootstrap *boot, void *what)
{
    struct event_chunk *chunk = what;
    int err = snapshot_events(boot->db, chunk->company, chunk->after, &chunk->arena, load_event,
                              chunk, &chunk->last, &chunk->count);
    return err == 0 || chunk->writer_failed ? err : database_failed(boot, err);
}

static int load_events(struct bootstrap *boot, struct str company)
{
    struct event_chunk chunk = {.boot = boot, .company = company, .count = SNAPSHOT_ROWS_MAX};
    int err = 0;
    while (err == 0 && chunk.count == SNAPSHOT_ROWS_MAX && !atomic_load(boot->stop)) {
        err = transact(boot, load_event_chunk, &chunk);
        chunk.after = chunk.last;
        atomic_fetch_add(&boot->progress->events, chunk.count);
    }
    arena_release(&chunk.arena);
    return err;
}

static void reserve_coupons(struct bootstrap *boot, size_t count)
{
    if (count <= boot->coupon_capacity)
        return;
    boot->coupon_capacity = count * 2;
    boot->coupons = xreallocarray(boot->coupons, boot->coupon_capacity, sizeof(*boot->coupons));
}

static int load_user_chunk(struct bootstrap *boot, void *what)
{
    const struct snapshot_users *users = *(const struct snapshot_users **)what;
    int err = 0;
    for (size_t i = 0; err == 0 && i < users->count; i++) {
        const struct snapshot_user *user = &users->users[i];
        reserve_coupons(boot, user->coupon_count);
        for (size_t c = 0; c < user->coupon_count; c++)
            boot->coupons[c] =
                (struct view_load_coupon){.coupon_id = user->coupons[c].coupon_id,
                                          .content_hash = user->coupons[c].content_hash,
                                          .placed_at_ms = user->coupons[c].placed_at_ms,
                                          .event_ids = user->coupons[c].event_ids,
                                          .event_count = user->coupons[c].event_count};
        const struct view_load_user row = {.company = users->company,
                                           .user_id = user->user_id,
                                           .known = user->known,
                                           .position = user->precedence.position,
                                           .version = user->precedence.version,
                                           .coupons = boot->coupons,
                                           .coupon_count = user->coupon_count};
        err = view_writer_load_user(boot->writer, &row);
    }
    return err;
}

static int load_users(struct bootstrap *boot)
{
    struct chunks *chunks = chunks_start(boot->config, boot->companies, boot->company_count);
    const struct snapshot_users *users;
    int err = 0;
    while (err == 0 && !atomic_load(boot->stop)) {
        err = chunks_next(chunks, &users, boot->problem);
        if (err < 0 && err != TIP_EFATAL)
            err = TIP_EUNAVAIL;
        if (err == 0)
            err = transact(boot, load_user_chunk, &users);
        if (err == 0) {
            atomic_fetch_add(&boot->progress->users, users->count);
            atomic_fetch_add(&boot->progress->coupons, users->coupon_count);
        }
    }
    chunks_stop(chunks);
    return err < 0 ? err : 0;
}

/* For people: `tipster view show`. */
static int note_source(struct bootstrap *boot)
{
    struct db_url url;
    char time[TIME_TEXT_SIZE];
    AUTO_BUF text = {0};
    int err = db_url_parse(boot->config->database_url, &url, boot->problem);
    if (err != 0)
        return err;
    time_format(clock_realtime_ms(), time);
    buf_addf(&text, "database %s at %s, read up to %s", url.database,
             url.socket[0] != '\0' ? url.socket : url.host, time);
    return view_writer_set_source(boot->writer, buf_str(&text));
}

static int set_offsets(struct bootstrap *boot, void *what)
{
    size_t partitions = (size_t)boot->config->kafka_partitions;
    int err = 0;
    (void)what;
    for (size_t i = 0; err == 0 && i < RECORD_KINDS * partitions; i++) {
        char topic[TOPIC_NAME_SIZE];
        const struct stored_offset *stored = &boot->offsets[i];
        topic_name(boot->config, (enum record_kind)(i / partitions), topic);
        err = view_writer_set_offset(
            boot->writer, &(struct view_partition){.topic = str_of(topic),
                                                   .partition = (int32_t)(i % partitions),
                                                   .generation = stored->generation,
                                                   .next_offset = stored->next_offset,
                                                   .cluster_id = str_of(stored->cluster_id),
                                                   .topic_id = str_of(stored->topic_id)});
    }
    return err;
}

static int load_tables(struct bootstrap *boot)
{
    struct snapshot_size size;
    if (snapshot_size(boot->db, &size) == 0)
        atomic_store(&boot->progress->coupons_total, size.coupons);
    int err = read_companies(boot);
    for (size_t i = 0; err == 0 && i < boot->company_count; i++)
        err = load_events(boot, boot->companies[i]);
    if (err == 0)
        err = load_users(boot);
    return err == 0 && atomic_load(boot->stop) ? TIP_ETIMEOUT : err;
}

struct bootstrap *bootstrap_new(const struct config *config, struct view_writer *writer,
                                atomic_bool *stop, struct bootstrap_progress *progress,
                                struct buf *problem)
{
    struct bootstrap *boot = xcalloc(1, sizeof(*boot));
    boot->config = config;
    boot->writer = writer;
    boot->stop = stop;
    boot->progress = progress;
    boot->problem = problem;
    boot->offsets =
        xcalloc((size_t)config->kafka_partitions * RECORD_KINDS, sizeof(*boot->offsets));
    return boot;
}

int bootstrap_load(struct bootstrap *boot)
{
    int err = topics_check(boot->config, KAFKA_TIMEOUT_MS, boot->problem);
    if (err == 0)
        err = topics_identify(boot->config, KAFKA_TIMEOUT_MS, boot->identity, boot->problem);
    if (err == 0)
        err = db_open(boot->config, DB_READ_ALL, &boot->db, boot->problem);
    if (err == 0)
        err = migrations_check(boot->db, migrations_directory(), boot->problem);
    if (err == 0)
        err = read_offsets(boot, boot->offsets);
    if (err == 0)
        err = agree_on_topics(boot, boot->offsets);
    if (err == 0)
        err = transact(boot, set_offsets, NULL);
    return err == 0 ? load_tables(boot) : err;
}

static int end_load(struct bootstrap *boot, void *what)
{
    (void)what;
    int err = view_writer_load_end(boot->writer);
    return err == 0 ? note_source(boot) : err;
}

int bootstrap_finish(struct bootstrap *boot, int64_t *ret_until)
{
    size_t count = (size_t)boot->config->kafka_partitions * RECORD_KINDS;
    AUTO_FREE struct stored_offset *until = xcalloc(count, sizeof(*until));
    int err = transact(boot, end_load, NULL);
    if (err == 0)
        err = read_offsets(boot, until);
    if (err == 0)
        err = agree_on_topics(boot, until);
    for (size_t i = 0; err == 0 && i < count; i++)
        ret_until[i] = until[i].next_offset;
    return err;
}

void bootstrap_free(struct bootstrap *boot)
{
    db_close(boot->db);
    arena_release(&boot->arena);
    free(boot->companies);
    free(boot->coupons);
    free(boot->offsets);
    free(boot);
}
