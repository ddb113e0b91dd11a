/* What a view holds of a user or an event: text for people, or JSON for programs. */
#ifndef TIPSTER_VIEW_SHOW_H
#define TIPSTER_VIEW_SHOW_H

#include "base/buf.h"

#include <stdbool.h>

/*
 * Append a few lines, or one JSON object and a line's end. TIP_ENOTFOUND: the view holds nothing
 * under that id (or there is no view); TIP_EINVAL: a view of another layout; TIP_EFATAL: the record
 * is damaged.
 */
int view_show_head(const char *dir, bool json, struct buf *out);
int view_show_user(const char *dir, struct str company, struct str user_id, bool json,
                   struct buf *out);
int view_show_event(const char *dir, struct str company, struct str event_id, bool json,
                    struct buf *out);

#endif
