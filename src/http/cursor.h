/*
 * Cursors of lists: where the next page begins. Opaque to clients: base64url of a byte that says of
 * which list, a time as eight bytes, and an id; together the sort key of the last item shown. A
 * cursor stands for a place in the order, not for a row, so it stays good when that row goes. Pure.
 */
#ifndef TIPSTER_HTTP_CURSOR_H
#define TIPSTER_HTTP_CURSOR_H

#include "base/buf.h"
#include "domain/record.h"

enum cursor_list {
    CURSOR_EVENTS = 1,   /* begin, event_id */
    CURSOR_COUPONS = 2,  /* placed, coupon_id */
    CURSOR_REJECTED = 3, /* rejected, place: see rejected_list.h */
};

/* An id of a reject has its topic after CURSOR_PLACE_BYTES. */
enum { CURSOR_PLACE_BYTES = 10, CURSOR_ID_MAX_BYTES = CURSOR_PLACE_BYTES + 249 };

struct cursor {
    int64_t time_ms;
    char id[CURSOR_ID_MAX_BYTES];
    size_t id_len;
};

static inline struct str cursor_id(const struct cursor *cursor)
{
    return str_from(cursor->id, cursor->id_len);
}

/* Appends the text for the place after this item; id is 1 to CURSOR_ID_MAX_BYTES long. */
void cursor_write(enum cursor_list list, int64_t time_ms, struct str id, struct buf *out);
/* TIP_EINVAL: not one that cursor_write made for this list. */
int cursor_read(enum cursor_list list, struct str text, struct cursor *ret_cursor);

#endif
