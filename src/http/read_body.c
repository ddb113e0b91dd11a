/* Bodies; see read_body.h. */
#include "http/read_body.h"

#include "domain/codec.h"

#include <stdio.h>
#include <stdlib.h>

/* Where a document's text stands in the buffer of pieces. */
struct piece {
    size_t offset, len;
};

/* Documents come in any order: they are rendered one after the other and put in order at the end.
 */
struct rendering {
    const struct reader *reader;
    struct str company;
    const struct recommendation *found;
    bool explain;
    struct buf text;
    struct piece *pieces;
};

void body_number(double value, struct buf *out)
{
    char text[32];
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(text, sizeof(text), "%.*g", precision, value);
        if (strtod(text, NULL) == value)
            break;
    }
    buf_add_text(out, text);
}

static void add_reasons(const struct reader *reader, const struct event *event, struct buf *out)
{
    static const char *const names[RANK_TAG_CLASSES] = {
        [RANK_KIND] = "sport",
        [RANK_SERIES] = "league",
        [RANK_REGION] = "country",
        [RANK_MEMBER] = "participant",
    };
    struct rank_reason reasons[RANK_TAG_CLASSES];
    struct rank_tags tags = {
        .kind = event->sport,
        .series = event->league,
        .region = event->country,
        .members = event->participants,
        .member_count = event->participant_count,
    };
    size_t count = score_explain(reader->affinity, &reader->weights, &tags, reasons);
    buf_add_text(out, ",\"because\":[");
    for (size_t i = 0; i < count; i++) {
        buf_addf(out, "%s{\"tag\":\"%s\",\"value\":", i > 0 ? "," : "", names[reasons[i].class]);
        buf_add_json(out, reasons[i].value);
        buf_add_text(out, ",\"share\":");
        body_number(reasons[i].share, out);
        buf_add_char(out, '}');
    }
    buf_add_char(out, ']');
}

static void add_event(const struct event *event, bool with_version, struct buf *out)
{
    struct record record = {.kind = RECORD_EVENT};
    record.event = *event;
    if (!with_version)
        record.event.version = VERSION_NONE;
    record_json(&record, out);
}

static int add_item(void *ctx, size_t index, const struct event *event)
{
    struct rendering *rendering = ctx;
    struct buf *out = &rendering->text;
    const struct recommended *item = &rendering->found->items[index];
    size_t offset = out->len;
    buf_add_text(out, "{\"event\":");
    add_event(event, false, out);
    if (item->popular) {
        buf_add_text(out, ",\"score\":0,\"source\":\"popular\"}");
    } else {
        buf_add_text(out, ",\"score\":");
        body_number(score_value(item->numerator, affinity_total(rendering->reader->affinity)), out);
        buf_add_text(out, ",\"source\":\"similar\"");
        if (rendering->explain)
            add_reasons(rendering->reader, event, out);
        buf_add_char(out, '}');
    }
    rendering->pieces[index] = (struct piece){offset, out->len - offset};
    return 0;
}

static int add_older_item(void *ctx, size_t index, const struct event *event)
{
    struct rendering *rendering = ctx;
    size_t offset = rendering->text.len;
    event_json_older(event, rendering->company, &rendering->text);
    rendering->pieces[index] = (struct piece){offset, rendering->text.len - offset};
    return 0;
}

static int add_record(void *ctx, size_t index, const struct event *event)
{
    struct rendering *rendering = ctx;
    size_t offset = rendering->text.len;
    add_event(event, true, &rendering->text);
    rendering->pieces[index] = (struct piece){offset, rendering->text.len - offset};
    return 0;
}

/* [the pieces that there are] */
static void add_in_order(const struct rendering *rendering, size_t count, struct buf *out)
{
    bool first = true;
    buf_reserve(out, rendering->text.len + count + 2);
    buf_add_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        const struct piece *piece = &rendering->pieces[i];
        if (piece->len == 0)
            continue;
        if (!first)
            buf_add_char(out, ',');
        first = false;
        buf_add(out, rendering->text.data + piece->offset, piece->len);
    }
    buf_add_char(out, ']');
}

static int render(struct reader *reader, struct rendering *rendering, const struct str *ids,
                  size_t count, read_document document, struct buf *out)
{
    rendering->pieces = arena_array(&reader->arena, count, sizeof(*rendering->pieces));
    memset(rendering->pieces, 0, count * sizeof(*rendering->pieces));
    int err = read_documents(reader->db, rendering->company, ids, count, &reader->arena, document,
                             rendering);
    if (err == 0)
        add_in_order(rendering, count, out);
    buf_release(&rendering->text);
    return err;
}

static const struct str *ids_of(struct reader *reader, const struct recommendation *found)
{
    struct str *ids = arena_array(&reader->arena, found->count, sizeof(*ids));
    for (size_t i = 0; i < found->count; i++)
        ids[i] = found->items[i].event_id;
    return ids;
}

int body_items(struct reader *reader, struct str company, const struct recommendation *found,
               bool explain, struct buf *out)
{
    struct rendering rendering = {
        .reader = reader, .company = company, .found = found, .explain = explain};
    return render(reader, &rendering, ids_of(reader, found), found->count, add_item, out);
}

int body_older(struct reader *reader, struct str company, const struct recommendation *found,
               struct buf *out)
{
    struct rendering rendering = {.reader = reader, .company = company, .found = found};
    return render(reader, &rendering, ids_of(reader, found), found->count, add_older_item, out);
}

int body_events(struct reader *reader, struct str company, const struct str *ids, size_t count,
                struct buf *out)
{
    struct rendering rendering = {.reader = reader, .company = company};
    return render(reader, &rendering, ids, count, add_record, out);
}
