/* A view against its digest; see damage.h. */
#include "view/damage.h"

#include "base/err.h"
#include "view/digest.h"
#include "view/layout.h"
#include "view/pages.h"

#include <unistd.h>

static const char *const tables[] = {
#define X(name, flags) #name,
    VIEW_DATABASES(X)
#undef X
};

enum { TABLES = sizeof(tables) / sizeof(tables[0]) };

struct check {
    volatile bool *stop;
    const char *last_name; /* slices of the file: compared by address first */
    unsigned last_table;
    uint64_t records, digest, stored_digest;
    bool has_digest, has_meta;
    uint32_t layout;
};

static unsigned table_of(struct check *check, struct str name)
{
    if (check->last_name == name.data)
        return check->last_table;
    unsigned table = 0;
    while (table < TABLES && !str_equal(name, str_of(tables[table])))
        table++;
    check->last_name = name.data;
    check->last_table = table;
    return table;
}

static bool is_meta(struct check *check, struct str name, struct str key, const char *wanted)
{
    return str_equal(key, str_of(wanted)) && str_equal(name, str_of("meta")) &&
           check->last_table < TABLES;
}

static int add_record(void *ctx, struct str name, struct str key, struct str value)
{
    struct check *check = ctx;
    unsigned table = table_of(check, name);
    check->records++;
    if (is_meta(check, name, key, DIGEST_KEY) && value.len == sizeof(check->stored_digest)) {
        memcpy(&check->stored_digest, value.data, value.len);
        check->has_digest = true;
        return 0;
    }
    if (is_meta(check, name, key, "view") && value.len >= sizeof(check->layout)) {
        memcpy(&check->layout, value.data, sizeof(check->layout));
        check->has_meta = true;
    }
    check->digest += digest_of(table, key, value);
    return 0;
}

static bool is_stopped(void *ctx)
{
    const struct check *check = ctx;
    return *check->stop;
}

int view_damage_check(const char *dir, volatile bool *stop, uint64_t *ret_records,
                      struct buf *ret_problem)
{
    AUTO_BUF file = {0};
    struct check check = {.stop = stop};
    const struct pages_visitor visitor = {&check, add_record, is_stopped};
    buf_addf(&file, "%s/data.mdb", dir);
    if (access(buf_cstr(&file), F_OK) != 0) {
        buf_addf(ret_problem, "there is no %s", buf_cstr(&file));
        return TIP_ENOTFOUND;
    }
    int err = pages_walk(buf_cstr(&file), 0, &visitor, ret_problem);
    if (err != 0)
        return err;
    if (check.has_meta && check.layout != VIEW_LAYOUT)
        buf_addf(ret_problem, "the view has layout %u, this program writes %d", check.layout,
                 VIEW_LAYOUT);
    else if (!check.has_meta || !check.has_digest || check.digest != check.stored_digest)
        buf_addf(ret_problem, "damaged: its records are not those that were written");
    *ret_records = check.records;
    return ret_problem->len > 0 ? TIP_EINVAL : 0;
}
