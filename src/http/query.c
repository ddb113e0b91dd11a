/* Query strings; see query.h. */
#include "http/query.h"

#include "base/err.h"
#include "base/mem.h"

#include <stdlib.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int percent_decode(struct str text, bool plus_is_space, char *out, size_t *ret_len)
{
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == '+' && plus_is_space) {
            c = ' ';
        } else if (c == '%') {
            if (text.len - i < 3)
                return TIP_ESYNTAX;
            int high = hex_digit(text.data[i + 1]), low = hex_digit(text.data[i + 2]);
            if (high < 0 || low < 0)
                return TIP_ESYNTAX;
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (c == '\0')
            return TIP_ESYNTAX;
        out[len++] = c;
    }
    *ret_len = len;
    return 0;
}

/* One name=value piece, decoded behind *end; adds a parameter unless the piece is empty. */
static int add_piece(struct query *query, struct str piece, char **end)
{
    if (piece.len == 0)
        return 0;
    const char *equals = memchr(piece.data, '=', piece.len);
    size_t name_len = equals != NULL ? (size_t)(equals - piece.data) : piece.len;
    struct str raw[2] = {{piece.data, name_len}, {"", 0}};
    if (equals != NULL)
        raw[1] = str_from(equals + 1, piece.len - name_len - 1);

    struct str decoded[2];
    for (int i = 0; i < 2; i++) {
        size_t len;
        int err = percent_decode(raw[i], true, *end, &len);
        if (err != 0)
            return err;
        decoded[i] = str_from(*end, len);
        *end += len;
    }
    query->params[query->count++] = (struct query_param){decoded[0], decoded[1]};
    return 0;
}

int query_parse(struct str text, struct query *ret_query)
{
    struct query query = {0};
    if (text.len == 0) {
        *ret_query = query;
        return 0;
    }
    size_t pieces = 1;
    for (size_t i = 0; i < text.len; i++)
        pieces += text.data[i] == '&';
    query.params = xcalloc(pieces, sizeof(*query.params));
    query.text = xmalloc(text.len);

    char *end = query.text;
    while (text.len > 0) {
        const char *amp = memchr(text.data, '&', text.len);
        size_t len = amp != NULL ? (size_t)(amp - text.data) : text.len;
        int err = add_piece(&query, str_from(text.data, len), &end);
        if (err != 0) {
            query_release(&query);
            return err;
        }
        size_t step = amp != NULL ? len + 1 : len;
        text = str_from(text.data + step, text.len - step);
    }
    *ret_query = query;
    return 0;
}

void query_release(struct query *query)
{
    free(query->params);
    free(query->text);
    *query = (struct query){0};
}

bool query_next(const struct query *query, const char *name, size_t *cursor, struct str *ret_value)
{
    struct str wanted = str_of(name);
    while (*cursor < query->count) {
        const struct query_param *param = &query->params[(*cursor)++];
        if (str_equal(param->name, wanted)) {
            *ret_value = param->value;
            return true;
        }
    }
    return false;
}

bool query_get(const struct query *query, const char *name, struct str *ret_value)
{
    size_t cursor = 0;
    return query_next(query, name, &cursor, ret_value);
}

const struct query_param *query_unknown(const struct query *query, const char *const *names)
{
    for (size_t i = 0; i < query->count; i++) {
        const char *const *name = names;
        while (*name != NULL && !str_equal(query->params[i].name, str_of(*name)))
            name++;
        if (*name == NULL)
            return &query->params[i];
    }
    return NULL;
}
