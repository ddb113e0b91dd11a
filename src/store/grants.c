/* Rights of database users; see grants.h. */
#include "store/grants.h"

#include "base/err.h"

/* What ingest does with each table; on duplicate key update and select … for update need `update`.
 */
static const struct grant {
    const char *table, *rights;
} ingest_grants[] = {
    {"users", "select, insert, update, delete"},
    {"events", "select, insert, update"},
    {"event_participants", "select, insert, update, delete"},
    {"coupons", "select, insert, update, delete"},
    {"selections", "select, insert, update, delete"},
    {"event_counts", "select, insert, update"},
    {"record_counts", "select, insert, update"},
    {"rejected", "select, insert, update"},
    {"stream_offsets", "select, insert, update"},
    {"ingest_status", "select, insert, update"},
    {"schema_migrations", "select"},
};

static bool is_name(struct str name)
{
    for (size_t i = 0; i < name.len; i++)
        if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.%:",
                   name.data[i]) == NULL)
            return false;
    return name.len > 0;
}

/* 'name'@'host' as SQL. */
static int add_user(const char *user, struct buf *out)
{
    const char *at = strchr(user, '@');
    struct str name = at != NULL ? str_from(user, (size_t)(at - user)) : str_of(user);
    struct str host = str_of(at != NULL ? at + 1 : "%");
    if (!is_name(name) || !is_name(host))
        return TIP_EINVAL;
    buf_addf(out, "'%.*s'@'%.*s'", (int)name.len, name.data, (int)host.len, host.data);
    return 0;
}

/* Where a right is given on a whole database, and only there, _ and % are patterns. */
static void add_pattern(const char *database, struct buf *out)
{
    for (const char *c = database; *c != '\0'; c++)
        buf_addf(out, *c == '_' || *c == '%' ? "\\%c" : "%c", *c);
}

int grants_write(const char *database, const char *api_user, const char *ingest_user,
                 struct buf *ret_sql)
{
    AUTO_BUF api = {0}, ingest = {0}, pattern = {0};
    if (!is_name(str_of(database)) || add_user(api_user, &api) != 0 ||
        add_user(ingest_user, &ingest) != 0)
        return TIP_EINVAL;
    add_pattern(database, &pattern);
    buf_addf(ret_sql, "grant select on `%s`.* to %s;\n", buf_cstr(&pattern), buf_cstr(&api));
    for (size_t i = 0; i < sizeof(ingest_grants) / sizeof(ingest_grants[0]); i++)
        buf_addf(ret_sql, "grant %s on `%s`.`%s` to %s;\n", ingest_grants[i].rights, database,
                 ingest_grants[i].table, buf_cstr(&ingest));
    return 0;
}
