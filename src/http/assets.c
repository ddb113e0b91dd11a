/* Look-up of assets; see assets.h. */
#include "http/assets.h"

const struct asset *asset_find(struct str path)
{
    for (size_t i = 0; i < asset_count; i++)
        if (str_equal(path, str_of(assets[i].path)))
            return &assets[i];
    return NULL;
}

bool asset_matches(const struct asset *asset, const char *if_none_match)
{
    static const char separators[] = " \t,";
    size_t tag_len = strlen(asset->etag);
    for (const char *at = if_none_match + strspn(if_none_match, separators); *at != '\0';
         at += strspn(at, separators)) {
        size_t len = strcspn(at, separators);
        const char *tag = strncmp(at, "W/", 2) == 0 ? at + 2 : at;
        if ((len == 1 && *at == '*') ||
            (len - (size_t)(tag - at) == tag_len && strncmp(tag, asset->etag, tag_len) == 0))
            return true;
        at += len;
    }
    return false;
}
