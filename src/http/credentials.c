/* Keys from headers; see credentials.h. */
#include "http/credentials.h"

#include <strings.h>

static struct str trim(struct str text)
{
    while (text.len > 0 && (text.data[0] == ' ' || text.data[0] == '\t'))
        text = str_from(text.data + 1, text.len - 1);
    while (text.len > 0 && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t'))
        text.len--;
    return text;
}

static void add_key(struct credentials *credentials, struct str key)
{
    if (credentials->given && !str_equal(credentials->key, key))
        credentials->wrong = true;
    credentials->given = true;
    credentials->key = key;
}

void credentials_add_authorization(struct credentials *credentials, struct str value)
{
    static const char scheme[] = "Bearer";
    enum { SCHEME_LEN = sizeof(scheme) - 1 };
    value = trim(value);
    if (value.len == 0)
        return;
    if (value.len > SCHEME_LEN && strncasecmp(value.data, scheme, SCHEME_LEN) == 0 &&
        value.data[SCHEME_LEN] == ' ') {
        add_key(credentials, trim(str_from(value.data + SCHEME_LEN, value.len - SCHEME_LEN)));
    } else {
        credentials->given = credentials->wrong = true;
    }
}

void credentials_add_api_key(struct credentials *credentials, struct str value)
{
    value = trim(value);
    if (value.len > 0)
        add_key(credentials, value);
}
