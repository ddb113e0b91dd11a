/*
 * What could not be stored, as /v1 shows it: GET /v1/rejected page by page, and single items for
 * the export of a user. A page ends at its limit or when its body has become large.
 */
#ifndef TIPSTER_HTTP_REJECTED_LIST_H
#define TIPSTER_HTTP_REJECTED_LIST_H

#include "http/cursor.h"
#include "http/reader.h"
#include "store/read_lists.h"

/* Appends {"items":[…],"next_cursor":…}. after: NULL for the first page. */
int rejected_list(struct reader *reader, struct str company, const struct cursor *after,
                  size_t limit, struct buf *out);

/* Appends one item as a JSON object. */
void rejected_json(const struct rejected_item *item, struct buf *out);

#endif
