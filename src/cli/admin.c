/* Shared by the verbs for companies and keys; see admin.h. */
#include "cli/admin.h"

#include "base/err.h"
#include "base/timefmt.h"
#include "domain/utf8.h"
#include "store/key_table.h"
#include "store/migrations.h"

#include <stdlib.h>

int admin_open(const struct config *config, const char *verb, struct db **ret_db)
{
    AUTO_BUF problem = {0};
    AUTO_DB *db = NULL;
    int err = db_open(config, DB_MIGRATE, &db, &problem);
    if (err == 0)
        err = migrations_check(db, migrations_directory(), &problem);
    if (err != 0) {
        fprintf(stderr, "tipster %s: %s\n", verb, buf_cstr(&problem));
        return err;
    }
    *ret_db = db;
    db = NULL;
    return 0;
}

int admin_failed(struct db *db, const char *verb, const char *what)
{
    fprintf(stderr, "tipster %s: %s: %s\n", verb, what, db_error(db));
    return EXIT_FAILED;
}

bool admin_company_id(const struct command *command, const char *id)
{
    if (company_id_is_valid(id))
        return true;
    command_wrong(command, "a company's id is 1 to 32 of a-z, 0-9, - and _, not '%s'", id);
    return false;
}

int admin_company(struct db *db, const char *verb, const char *id, struct company *ret_company)
{
    int err = company_read(db, id, ret_company);
    if (err == TIP_ENOTFOUND)
        fprintf(stderr, "tipster %s: there is no company '%s' (tipster company list)\n", verb, id);
    else if (err != 0)
        admin_failed(db, verb, "cannot read the company");
    return err;
}

int32_t admin_spread(const struct config *config, int32_t wanted)
{
    int64_t spread = wanted > 0 ? wanted : config->company_partitions;
    return (int32_t)(spread < config->kafka_partitions ? spread : config->kafka_partitions);
}

bool admin_text_is_valid(const char *text, size_t max_bytes)
{
    struct str str = str_of(text);
    return str.len <= max_bytes && utf8_is_valid(str) && !utf8_has_control(str);
}

bool admin_duration(const char *text, int64_t *ret_ms)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}};
    enum { DAYS_MAX = 36500 };
    char *end;
    long long number = strtoll(text, &end, 10);
    if (*text < '0' || *text > '9' || number > (long long)DAYS_MAX * 86400)
        return false;
    if (number == 0 && *end == '\0') {
        *ret_ms = 0;
        return true;
    }
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(end, units[i].unit) == 0 && number <= DAYS_MAX * 86400000LL / units[i].ms) {
            *ret_ms = number * units[i].ms;
            return true;
        }
    }
    return false;
}

void admin_json_time(struct buf *out, const char *name, int64_t time_ms)
{
    char text[TIME_TEXT_SIZE];
    if (time_ms == KEY_NEVER) {
        buf_addf(out, ",\"%s\":null", name);
        return;
    }
    time_format(time_ms, text);
    buf_addf(out, ",\"%s\":\"%s\"", name, text);
}
