/* Bodies; see read_body.h. */
#include "http/read_body.h"

#include "domain/codec.h"
#include "domain/item.h"

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
    struct buf text, scratch;
    struct piece *pieces;
};

/* The reasons of an item, their values as JSON in scratch. */
static size_t list_reasons(const struct reader *reader, const struct event *event,
                           struct buf *scratch, struct item_reason ret_items[RANK_TAG_CLASSES])
{
    static const char *const names[RANK_TAG_CLASSES] = {
        [RANK_KIND] = "sport",
        [RANK_SERIES] = "league",
        [RANK_REGION] = "country",
        [RANK_MEMBER] = "participant",
    };
    struct rank_reason reasons[RANK_TAG_CLASSES];
    size_t ends[RANK_TAG_CLASSES + 1] = {scratch->len};
    struct rank_tags tags = {
        .kind = event->sport,
        .series = event->league,
        .region = event->country,
        .members = event->participants,
        .member_count = event->participant_count,
    };
    size_t count = score_explain(reader->affinity, &reader->weights, &tags, reasons);
    for (size_t i = 0; i < count; i++) { /* all of them first: the buffer moves as it grows */
        buf_add_json(scratch, reasons[i].value);
        ends[i + 1] = scratch->len;
    }
    for (size_t i = 0; i < count; i++)
        ret_items[i] = (struct item_reason){
            .tag = names[reasons[i].class],
            .value_json = str_from(scratch->data + ends[i], ends[i + 1] - ends[i]),
            .share = reasons[i].share,
        };
    return count;
}

static void add_similar(struct rendering *rendering, const struct event *event, int64_t numerator)
{
    const struct reader *reader = rendering->reader;
    struct item_reason reasons[RANK_TAG_CLASSES];
    struct buf *scratch = &rendering->scratch;
    buf_clear(scratch);
    event_json(event, false, scratch);
    size_t event_bytes = scratch->len;
    item_number(score_value(numerator, affinity_total(reader->affinity)), scratch);
    size_t score_end = scratch->len, count = 0;
    if (rendering->explain)
        count = list_reasons(reader, event, scratch, reasons);
    item_similar(str_from(scratch->data, event_bytes),
                 str_from(scratch->data + event_bytes, score_end - event_bytes),
                 rendering->explain ? reasons : NULL, count, &rendering->text);
}

static int add_item(void *ctx, size_t index, const struct event *event)
{
    struct rendering *rendering = ctx;
    const struct recommended *item = &rendering->found->items[index];
    size_t offset = rendering->text.len;
    if (item->popular) {
        buf_clear(&rendering->scratch);
        event_json(event, false, &rendering->scratch);
        item_popular(buf_str(&rendering->scratch), &rendering->text);
    } else {
        add_similar(rendering, event, item->numerator);
    }
    rendering->pieces[index] = (struct piece){offset, rendering->text.len - offset};
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
    event_json(event, true, &rendering->text);
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
    buf_release(&rendering->scratch);
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
