/* API keys; see api_key.h. */
#include "domain/api_key.h"

#include "base/err.h"
#include "base/random.h"

#include <stdio.h>

static const char *const names[SCOPE_CLASSES] = {
#define X(id, name) name,
    SCOPES(X)
#undef X
};

static bool is_letter(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool are_letters(struct str text)
{
    size_t i = 0;
    while (i < text.len && is_letter(text.data[i]))
        i++;
    return i == text.len;
}

int api_key_parse(struct str text, struct api_key_text *ret_key)
{
    if (text.len != API_KEY_LEN || memcmp(text.data, "tip_", 4) != 0)
        return TIP_ESYNTAX;
    struct api_key_text key = {
        .id = str_from(text.data + 4, API_KEY_ID_LEN),
        .secret = str_from(text.data + 4 + API_KEY_ID_LEN + 1, API_KEY_SECRET_LEN),
    };
    if (text.data[4 + API_KEY_ID_LEN] != '_' || !are_letters(key.id) || !are_letters(key.secret))
        return TIP_ESYNTAX;
    *ret_key = key;
    return 0;
}

void api_key_make(struct api_key_new *ret_key)
{
    char secret[API_KEY_SECRET_LEN + 1];
    random_text(ret_key->id, API_KEY_ID_LEN);
    random_text(secret, API_KEY_SECRET_LEN);
    snprintf(ret_key->text, sizeof(ret_key->text), "tip_%s_%s", ret_key->id, secret);
    sha256_of(str_of(secret), ret_key->secret_hash);
    explicit_bzero(secret, sizeof(secret));
}

/* 0: no scope has this name. */
static unsigned scope_of(struct str name)
{
    for (int i = 0; i < SCOPE_CLASSES; i++)
        if (str_equal(name, str_of(names[i])))
            return 1U << i;
    return 0;
}

int scopes_parse(struct str text, unsigned *ret_scopes)
{
    unsigned scopes = 0;
    if (text.len == 0)
        return TIP_EINVAL;
    for (size_t start = 0; start <= text.len;) {
        size_t end = start;
        while (end < text.len && text.data[end] != ',')
            end++;
        unsigned scope = scope_of(str_from(text.data + start, end - start));
        if (scope == 0 || (scopes & scope) != 0)
            return TIP_EINVAL;
        scopes |= scope;
        start = end + 1;
    }
    *ret_scopes = scopes;
    return 0;
}

void scopes_format(unsigned scopes, struct buf *out)
{
    const char *comma = "";
    for (int i = 0; i < SCOPE_CLASSES; i++) {
        if ((scopes & 1U << i) == 0)
            continue;
        buf_add_text(out, comma);
        buf_add_text(out, names[i]);
        comma = ",";
    }
}

const char *scope_name(unsigned scope)
{
    for (int i = 0; i < SCOPE_CLASSES; i++)
        if (scope == 1U << i)
            return names[i];
    return "";
}
