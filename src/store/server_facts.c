/* One row of the server's variables; see server_facts.h. */
#include "store/server_facts.h"

#include "base/err.h"

#include <mysql/mysql.h>
#include <stdio.h>

static const char sql_facts[] =
    "select cast(version() as binary), cast(@@datadir as binary), utc_timestamp(3), "
    "cast(@@max_connections as signed), cast(@@max_allowed_packet as signed), "
    "cast(@@innodb_flush_log_at_trx_commit as signed), "
    "(select cast(count(*) as signed) from information_schema.tables "
    "where table_schema = database() and table_collation not like 'utf8mb4%')";

const char *store_library_version(void)
{
    return mysql_get_client_info();
}

static void copy(const struct stmt *stmt, unsigned column, char *out, size_t size)
{
    struct str text = stmt_get_str(stmt, column);
    snprintf(out, size, "%.*s", (int)text.len, text.data);
}

int server_facts_read(struct db *db, struct server_facts *ret_facts)
{
    struct stmt *stmt;
    struct server_facts facts;
    int err = db_prepare(db, sql_facts, &stmt);
    if (err == 0)
        err = stmt_run(stmt);
    if (err == 0)
        err = stmt_row(stmt);
    if (err != 0)
        return err > 0 ? TIP_EFATAL : err;
    copy(stmt, 0, facts.version, sizeof(facts.version));
    copy(stmt, 1, facts.data_folder, sizeof(facts.data_folder));
    facts.now_ms = stmt_get_time(stmt, 2);
    facts.connections_max = stmt_get_int(stmt, 3);
    facts.packet_max_bytes = stmt_get_int(stmt, 4);
    facts.flush_at_commit = stmt_get_int(stmt, 5);
    facts.other_charsets = stmt_get_int(stmt, 6);
    *ret_facts = facts;
    return 0;
}
