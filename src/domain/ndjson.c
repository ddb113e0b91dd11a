/* Lines of NDJSON; see ndjson.h. */
#include "domain/ndjson.h"

bool ndjson_next(struct ndjson *cursor, struct str *ret_line)
{
    if (cursor->rest.len == 0)
        return false;
    const char *newline = memchr(cursor->rest.data, '\n', cursor->rest.len);
    size_t len = newline != NULL ? (size_t)(newline - cursor->rest.data) : cursor->rest.len;
    size_t used = newline != NULL ? len + 1 : len;
    *ret_line = str_from(cursor->rest.data, len);
    if (len > 0 && newline != NULL && ret_line->data[len - 1] == '\r')
        ret_line->len--;
    cursor->rest = str_from(cursor->rest.data + used, cursor->rest.len - used);
    cursor->line++;
    return true;
}
