/* Cursors; see cursor.h. */
#include "http/cursor.h"

#include "base/err.h"
#include "base/timefmt.h"
#include "domain/codec.h"

enum { VERSION = 1, HEAD_BYTES = 9, BYTES_MAX = HEAD_BYTES + ID_MAX_BYTES };

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void encode(const uint8_t *data, size_t len, struct buf *out)
{
    for (size_t at = 0; at < len; at += 3) {
        size_t some = len - at < 3 ? len - at : 3;
        uint32_t group = (uint32_t)data[at] << 16;
        group |= some > 1 ? (uint32_t)data[at + 1] << 8 : 0;
        group |= some > 2 ? data[at + 2] : 0;
        for (size_t i = 0; i <= some; i++)
            buf_add_char(out, digits[group >> (18 - 6 * i) & 63]);
    }
}

/* Strict: no padding, no other characters, no bits left over that are not 0. */
static int decode(struct str text, uint8_t data[static BYTES_MAX], size_t *ret_len)
{
    size_t len = 0;
    uint32_t bits = 0;
    unsigned bit_count = 0;
    for (size_t i = 0; i < text.len; i++) {
        const char *digit = memchr(digits, text.data[i], sizeof(digits) - 1);
        if (digit == NULL)
            return TIP_EINVAL;
        bits = (bits << 6 | (uint32_t)(digit - digits)) & 0xfff;
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            if (len == BYTES_MAX)
                return TIP_EINVAL;
            data[len++] = (uint8_t)(bits >> bit_count);
        }
    }
    if (bit_count == 6 || (bits & ((1U << bit_count) - 1)) != 0)
        return TIP_EINVAL;
    *ret_len = len;
    return 0;
}

void cursor_write(int64_t begin_ms, struct str event_id, struct buf *out)
{
    uint8_t data[BYTES_MAX] = {VERSION};
    size_t id_len = event_id.len < ID_MAX_BYTES ? event_id.len : ID_MAX_BYTES;
    for (int i = 0; i < 8; i++)
        data[1 + i] = (uint8_t)((uint64_t)begin_ms >> (56 - 8 * i));
    memcpy(data + HEAD_BYTES, event_id.data, id_len);
    encode(data, HEAD_BYTES + id_len, out);
}

int cursor_read(struct str text, struct cursor *ret_cursor)
{
    uint8_t data[BYTES_MAX];
    size_t len;
    uint64_t begin = 0;
    if (decode(text, data, &len) != 0 || len <= HEAD_BYTES || data[0] != VERSION)
        return TIP_EINVAL;
    for (int i = 0; i < 8; i++)
        begin = begin << 8 | data[1 + i];
    struct str event_id = str_from(data + HEAD_BYTES, len - HEAD_BYTES);
    if ((int64_t)begin < TIME_MIN_MS || (int64_t)begin > TIME_MAX_MS || !id_is_valid(event_id))
        return TIP_EINVAL;
    ret_cursor->begin_ms = (int64_t)begin;
    ret_cursor->event_id_len = event_id.len;
    memcpy(ret_cursor->event_id, event_id.data, event_id.len);
    return 0;
}
