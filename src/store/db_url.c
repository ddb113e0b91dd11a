/* DATABASE_URL; see db_url.h. */
#include "store/db_url.h"

#include "base/err.h"

#include <stdlib.h>

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decodes text into a NUL-terminated field; false when it does not fit or is not
 * well-formed. */
static bool decode(struct str text, char *field, size_t size)
{
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == '%') {
            if (i + 2 >= text.len)
                return false;
            int high = hex_value(text.data[i + 1]), low = hex_value(text.data[i + 2]);
            if (high < 0 || low < 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (len + 1 >= size || c == '\0')
            return false;
        field[len++] = c;
    }
    field[len] = '\0';
    return true;
}

static int refuse(struct buf *ret_problem, const char *problem)
{
    buf_addf(ret_problem, "DATABASE_URL %s; expected mysql://user:password@host:port/database",
             problem);
    return TIP_ECONFIG;
}

/* user[:password]@ */
static bool parse_login(struct str login, struct db_url *url)
{
    const char *colon = memchr(login.data, ':', login.len);
    size_t user_len = colon != NULL ? (size_t)(colon - login.data) : login.len;
    if (!decode(str_from(login.data, user_len), url->user, sizeof(url->user)))
        return false;
    if (colon == NULL)
        return true;
    return decode(str_from(colon + 1, login.len - user_len - 1), url->password,
                  sizeof(url->password));
}

/* host[:port], the host possibly an IPv6 address in brackets */
static bool parse_host(struct str place, struct db_url *url)
{
    url->port = 3306;
    const char *bracket =
        place.len > 0 && place.data[0] == '[' ? memchr(place.data, ']', place.len) : NULL;
    const char *from = bracket != NULL ? bracket : place.data;
    const char *colon = memchr(from, ':', place.len - (size_t)(from - place.data));
    size_t host_len = colon != NULL ? (size_t)(colon - place.data) : place.len;
    struct str host = str_from(place.data, host_len);
    if (bracket != NULL)
        host = str_from(place.data + 1, (size_t)(bracket - place.data) - 1);
    if (!decode(host, url->host, sizeof(url->host)))
        return false;
    if (colon == NULL)
        return true;
    char digits[8];
    if (!decode(str_from(colon + 1, place.len - host_len - 1), digits, sizeof(digits)))
        return false;
    char *end = NULL;
    unsigned long port = strtoul(digits, &end, 10);
    url->port = (unsigned)port;
    return end != digits && *end == '\0' && port >= 1 && port <= 65535;
}

int db_url_parse(const char *text, struct db_url *ret_url, struct buf *ret_problem)
{
    struct db_url url = {0};
    if (text[0] == '\0')
        return refuse(ret_problem, "is not set (in the environment, or in the file of --env)");
    const char *rest = strstr(text, "://");
    if (strncmp(text, "mysql", 5) != 0 || rest == NULL || (text[5] != ':' && text[5] != '+'))
        return refuse(ret_problem, "is not a mysql:// address");
    rest += 3;
    size_t authority_len = strcspn(rest, "/?");
    struct str authority = str_from(rest, authority_len);
    const char *at = memrchr(authority.data, '@', authority.len);
    if (at == NULL || !parse_login(str_from(rest, (size_t)(at - rest)), &url))
        return refuse(ret_problem, "has no valid user and password");
    if (!parse_host(str_from(at + 1, authority.len - (size_t)(at - rest) - 1), &url))
        return refuse(ret_problem, "has no valid host and port");
    rest += authority_len;
    size_t database_len = rest[0] == '/' ? strcspn(rest + 1, "?") : 0;
    if (database_len == 0 ||
        !decode(str_from(rest + 1, database_len), url.database, sizeof(url.database)))
        return refuse(ret_problem, "has no valid database name");
    const char *socket = strstr(rest, "socket=");
    if (socket != NULL &&
        !decode(str_from(socket + 7, strcspn(socket + 7, "&")), url.socket, sizeof(url.socket)))
        return refuse(ret_problem, "has no valid socket");
    *ret_url = url;
    return 0;
}
