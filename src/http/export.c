/*
 * GET /v1/users/{id}/export: everything that is stored about a user as NDJSON, one {"kind":…,
 * "record":…} a line: the user, the coupons with their selections by id, the rejects with their
 * payloads. Pieces are read one after the other, each by itself: what is written meanwhile may be
 * in it or not, everything that was there before is.
 */
#include "base/err.h"
#include "base/mem.h"
#include "domain/codec.h"
#include "http/read_work.h"
#include "http/rejected_list.h"
#include "http/reply.h"
#include "http/routes.h"
#include "http/stream.h"
#include "store/read_record.h"

#include <stdlib.h>

enum { COUPONS_TOGETHER = 50, PIECE_BYTES = 64 * 1024, TOPIC_SIZE = 250 };

enum stage { STAGE_USER, STAGE_COUPONS, STAGE_REJECTED, STAGE_END };

/* How far it has come. */
struct place {
    enum stage stage;
    bool any; /* there was something */
    char coupon_id[ID_MAX_BYTES];
    size_t coupon_id_len;
    struct rejected_mark rejected; /* but for its topic, which is below */
    char topic[TOPIC_SIZE];
    size_t topic_len;
};

struct export
{
    struct read_work *read;
    struct place place;
    struct buf *piece;
};

static void add_line(struct buf *out, const char *kind, const struct record *record)
{
    buf_addf(out, "{\"kind\":\"%s\",\"record\":", kind);
    record_json(record, out);
    buf_add_text(out, "}\n");
}

static int add_user(struct reader *reader, struct export *export, struct place *place)
{
    struct record record = {.kind = RECORD_USER};
    int err = read_user(reader->db, export->read->company, export->read->id, &reader->arena,
                        &record.user);
    place->stage = STAGE_COUPONS;
    if (err == 0)
        add_line(export->piece, "user", &record);
    return err == TIP_ENOTFOUND ? 0 : err;
}

static int add_coupon(void *ctx, const struct coupon *coupon)
{
    const struct export *export = ctx;
    const struct record record = {.kind = RECORD_COUPON, .coupon = *coupon};
    add_line(export->piece, "coupon", &record);
    return 0;
}

static int add_coupons(struct reader *reader, struct export *export, struct place *place)
{
    struct coupon_mark after = {.coupon_id = str_from(place->coupon_id, place->coupon_id_len)};
    struct coupon_mark last = after;
    bool more = false;
    int err =
        read_coupons(reader->db, export->read->company, export->read->id, COUPONS_BY_ID, &after,
                     COUPONS_TOGETHER, &reader->arena, add_coupon, export, &more, &last);
    if (err != 0)
        return err;
    if (more) {
        place->coupon_id_len = last.coupon_id.len;
        memcpy(place->coupon_id, last.coupon_id.data, last.coupon_id.len);
    } else {
        place->stage = STAGE_REJECTED;
    }
    return 0;
}

struct rejected_piece {
    struct buf *out;
    struct place *place;
};

static int add_rejected_item(void *ctx, const struct rejected_item *item)
{
    struct rejected_piece *piece = ctx;
    struct place *place = piece->place;
    buf_add_text(piece->out, "{\"kind\":\"rejected\",\"record\":");
    rejected_json(item, piece->out);
    buf_add_text(piece->out, "}\n");
    size_t len = item->place.topic.len < TOPIC_SIZE ? item->place.topic.len : TOPIC_SIZE - 1;
    memcpy(place->topic, item->place.topic.data, len);
    place->topic_len = len;
    place->rejected = item->place;
    return 0;
}

static int add_rejected(struct reader *reader, struct export *export, struct place *place)
{
    struct rejected_mark after = place->rejected;
    struct rejected_piece piece = {.out = export->piece, .place = place};
    char topic[TOPIC_SIZE];
    size_t given = 0;
    memcpy(topic, place->topic, sizeof(topic));
    after.topic = str_from(topic, place->topic_len);
    int err =
        read_rejected_of(reader->db, export->read->company, export->read->id,
                         after.topic.len > 0 ? &after : NULL, add_rejected_item, &piece, &given);
    if (err == 0 && given < REJECTED_CHUNK)
        place->stage = STAGE_END;
    return err;
}

/* One piece; the place is kept only when all of it was read, since it may be asked for again. */
static int read_piece(struct reader *reader, void *arg)
{
    static int (*const add[])(struct reader *, struct export *, struct place *) = {
        [STAGE_USER] = add_user, [STAGE_COUPONS] = add_coupons, [STAGE_REJECTED] = add_rejected};
    struct export *export = arg;
    struct place place = export->place;
    int err = 0;
    buf_clear(export->piece);
    while (err == 0 && place.stage < STAGE_END && export->piece->len < PIECE_BYTES)
        err = add[place.stage](reader, export, &place);
    if (err != 0)
        return err;
    place.any = place.any || export->piece->len > 0;
    if (!place.any)
        return TIP_ENOTFOUND;
    export->place = place;
    return place.stage == STAGE_END;
}

static int next(void *work, struct backend *backend, struct buf *piece)
{
    struct export *export = work;
    export->piece = piece;
    return reader_run(backend, read_piece, export);
}

static void release(void *work)
{
    struct export *export = work;
    read_work_free(export->read);
    free(export);
}

static void start(struct call *call, void *export)
{
    static const struct stream_source source = {"application/x-ndjson", next, release};
    stream_run(call, &source, export);
}

void user_export_get(struct call *call)
{
    static const struct read_plan plan = {.allowed = 0}; /* pieces in place of a body */
    static const struct call_job waiting = {.release = release};
    struct read_work *read = read_work_with_id(call, &plan, PROBLEM_NOT_FOUND);
    if (read == NULL)
        return;
    struct export *export = xcalloc(1, sizeof(*export));
    export->read = read;
    read_work_begin(call, read, &waiting, export, start);
}
