/*
 * Cursors of lists: where the next page of GET /v1/events begins. Opaque to clients: base64url
 * (RFC 4648, without padding) of a version byte, the begin as eight bytes, the event id. A cursor
 * stands for a place in the order, not for a row, so it stays good when that row goes. Pure.
 */
#ifndef TIPSTER_HTTP_CURSOR_H
#define TIPSTER_HTTP_CURSOR_H

#include "base/buf.h"
#include "domain/record.h"

struct cursor {
    int64_t begin_ms;
    char event_id[ID_MAX_BYTES];
    size_t event_id_len;
};

static inline struct str cursor_event_id(const struct cursor *cursor)
{
    return str_from(cursor->event_id, cursor->event_id_len);
}

/* Appends the text for the place after this event; event_id is 1 to ID_MAX_BYTES long. */
void cursor_write(int64_t begin_ms, struct str event_id, struct buf *out);
/* TIP_EINVAL: not one that cursor_write made. */
int cursor_read(struct str text, struct cursor *ret_cursor);

#endif
