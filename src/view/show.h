/* What a view holds of a user or an event, as text for people. */
#ifndef TIPSTER_VIEW_SHOW_H
#define TIPSTER_VIEW_SHOW_H

#include "base/buf.h"

/*
 * Append a few lines. TIP_ENOTFOUND: the view holds nothing under that id (or there is no view);
 * TIP_EINVAL: a view of another layout; TIP_EFATAL: the record is damaged.
 */
int view_show_head(const char *dir, struct buf *out);
int view_show_user(const char *dir, struct str company, struct str user_id, struct buf *out);
int view_show_event(const char *dir, struct str company, struct str event_id, struct buf *out);

#endif
