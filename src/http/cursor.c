/* Cursors; see cursor.h. */
#include "http/cursor.h"

#include "base/base64url.h"
#include "base/err.h"
#include "base/timefmt.h"
#include "domain/codec.h"

enum { HEAD_BYTES = 9, BYTES_MAX = HEAD_BYTES + CURSOR_ID_MAX_BYTES };

void cursor_write(enum cursor_list list, int64_t time_ms, struct str id, struct buf *out)
{
    uint8_t data[BYTES_MAX] = {(uint8_t)list};
    size_t id_len = id.len < CURSOR_ID_MAX_BYTES ? id.len : CURSOR_ID_MAX_BYTES;
    for (int i = 0; i < 8; i++)
        data[1 + i] = (uint8_t)((uint64_t)time_ms >> (56 - 8 * i));
    memcpy(data + HEAD_BYTES, id.data, id_len);
    base64url_add(out, data, HEAD_BYTES + id_len);
}

int cursor_read(enum cursor_list list, struct str text, struct cursor *ret_cursor)
{
    uint8_t data[BYTES_MAX];
    size_t len;
    uint64_t time = 0;
    if (base64url_read(text, data, sizeof(data), &len) != 0 || len <= HEAD_BYTES || data[0] != list)
        return TIP_EINVAL;
    for (int i = 0; i < 8; i++)
        time = time << 8 | data[1 + i];
    struct str id = str_from(data + HEAD_BYTES, len - HEAD_BYTES);
    bool id_fits = list == CURSOR_REJECTED ? id.len > CURSOR_PLACE_BYTES : id_is_valid(id);
    if ((int64_t)time < TIME_MIN_MS || (int64_t)time > TIME_MAX_MS || !id_fits)
        return TIP_EINVAL;
    ret_cursor->time_ms = (int64_t)time;
    ret_cursor->id_len = id.len;
    memcpy(ret_cursor->id, id.data, id.len);
    return 0;
}
