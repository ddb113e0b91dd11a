/* Rejects as JSON; see rejected_list.h. */
#include "http/rejected_list.h"

#include "base/base64url.h"
#include "base/err.h"
#include "base/timefmt.h"
#include "domain/change.h"
#include "domain/codec.h"

enum { PAGE_BYTES_MAX = 2 << 20, PARTITION_BYTES = 2 };

/* null for what is not there, or is no text: such records are not of this program's form. */
static void add_text(const char *label, struct str text, struct buf *out)
{
    buf_add_text(out, label);
    if (text.len == 0 || !text_json(text, out))
        buf_add_text(out, "null");
}

static void add_payload(const struct rejected_item *item, struct buf *out)
{
    bool whole = item->payload.len == item->payload_len;
    buf_add_text(out, ",\"payload\":");
    if (item->erased) {
        buf_add_text(out, "null");
    } else if (!whole || !text_json(item->payload, out)) {
        buf_add_char(out, '"');
        base64url_add(out, item->payload.data, item->payload.len);
        buf_add_text(out, "\",\"payload_encoding\":\"base64url\"");
        buf_addf(out, ",\"payload_bytes\":%zu", item->payload_len);
    }
}

/* As in Tipster-Position. */
static void add_position(const struct rejected_item *item, struct buf *out)
{
    uint64_t offset = item->place.position & ((UINT64_C(1) << POSITION_OFFSET_BITS) - 1);
    char letter = item->kind.len > 0 ? item->kind.data[0] : '?';
    buf_addf(out, ",\"position\":\"%c:%lld.%llu\"", letter, (long long)item->place.partition,
             (unsigned long long)offset);
}

void rejected_json(const struct rejected_item *item, struct buf *out)
{
    char time[TIME_TEXT_SIZE];
    add_text("{\"kind\":", item->kind, out);
    add_text(",\"id\":", item->record_id, out);
    add_text(",\"user_id\":", item->user_id, out);
    add_text(",\"reason\":", item->reason, out);
    add_text(",\"detail\":", item->detail, out);
    add_payload(item, out);
    add_position(item, out);
    time_format(item->place.rejected_at_ms, time);
    buf_addf(out, ",\"time\":\"%s\"", time);
    add_text(",\"request_id\":", item->request_id, out);
    buf_add_char(out, '}');
}

/* A cursor's id: two bytes of partition, eight of position, the topic. */
static void write_place(const struct rejected_mark *mark, struct buf *out)
{
    uint8_t bytes[CURSOR_PLACE_BYTES];
    AUTO_BUF id = {0};
    for (int i = 0; i < PARTITION_BYTES; i++)
        bytes[i] = (uint8_t)((uint64_t)mark->partition >> (8 - 8 * i));
    for (int i = 0; i < 8; i++)
        bytes[PARTITION_BYTES + i] = (uint8_t)(mark->position >> (56 - 8 * i));
    buf_add(&id, bytes, sizeof(bytes));
    buf_add_str(&id, mark->topic);
    cursor_write(CURSOR_REJECTED, mark->rejected_at_ms, buf_str(&id), out);
}

static struct rejected_mark read_place(const struct cursor *cursor)
{
    struct str id = cursor_id(cursor);
    struct rejected_mark mark = {.rejected_at_ms = cursor->time_ms};
    for (int i = 0; i < PARTITION_BYTES; i++)
        mark.partition = mark.partition << 8 | (uint8_t)id.data[i];
    for (int i = PARTITION_BYTES; i < CURSOR_PLACE_BYTES; i++)
        mark.position = mark.position << 8 | (uint8_t)id.data[i];
    mark.topic = str_from(id.data + CURSOR_PLACE_BYTES, id.len - CURSOR_PLACE_BYTES);
    return mark;
}

struct page {
    struct arena *arena; /* the last one's topic */
    struct buf *out;
    size_t limit, count, start; /* start: of the body */
    bool more;
    struct rejected_mark last;
};

static int add_item(void *ctx, const struct rejected_item *item)
{
    struct page *page = ctx;
    if (page->count == page->limit || page->out->len - page->start > PAGE_BYTES_MAX) {
        page->more = true;
        return 1;
    }
    if (page->count++ > 0)
        buf_add_char(page->out, ',');
    rejected_json(item, page->out);
    struct str topic = page->last.topic;
    page->last = item->place;
    page->last.topic =
        str_equal(topic, item->place.topic) ? topic : arena_copy(page->arena, item->place.topic);
    return 0;
}

int rejected_list(struct reader *reader, struct str company, const struct cursor *after,
                  size_t limit, struct buf *out)
{
    struct page page = {.arena = &reader->arena, .out = out, .limit = limit, .start = out->len};
    const struct rejected_mark *mark = NULL;
    size_t given = REJECTED_CHUNK;
    int err = 0;
    if (after != NULL) {
        page.last = read_place(after);
        mark = &page.last;
    }
    buf_add_text(out, "{\"items\":[");
    while (err == 0 && given == REJECTED_CHUNK) {
        err = read_rejected(reader->db, company, mark, add_item, &page, &given);
        mark = &page.last;
        if (err == 0)
            err = reader_in_time(reader);
    }
    if (err < 0)
        return err;
    buf_add_text(out, "],\"next_cursor\":");
    if (page.more) {
        buf_add_char(out, '"');
        write_place(&page.last, out);
        buf_add_text(out, "\"}");
    } else {
        buf_add_text(out, "null}");
    }
    return 0;
}
