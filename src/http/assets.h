/*
 * The pages and what they are made of: the files of assets/assets.list, compiled into the server
 * (assets/embed.py writes the table). They are public, the same for everyone, and answered with an
 * ETag; a browser asks again each time and mostly hears 304, so that a page and its scripts always
 * belong together.
 */
#ifndef TIPSTER_HTTP_ASSETS_H
#define TIPSTER_HTTP_ASSETS_H

#include "base/str.h"

struct asset {
    const char *path, *media_type;
    const char *etag; /* with its quotes */
    struct str content;
};

extern const struct asset assets[];
extern const size_t asset_count;

/* NULL when there is none of this path. */
const struct asset *asset_find(struct str path);
/* Whether the value of If-None-Match names this etag (weak ones and * too). */
bool asset_matches(const struct asset *asset, const char *if_none_match);

#endif
