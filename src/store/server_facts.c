/* One row of the server's variables; see server_facts.h. */
#include "store/server_facts.h"

#include "base/clock.h"

#include <mysql/mysql.h>

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

int server_facts_read(struct db *db, struct server_facts *ret_facts)
{
    struct stmt *stmt;
    int err = db_prepare(db, sql_facts, &stmt);
    if (err == 0)
        err = stmt_run_one(stmt);
    if (err != 0)
        return err;
    ret_facts->read_at_ms = clock_realtime_ms();
    str_to_text(stmt_get_str(stmt, 0), ret_facts->version, sizeof(ret_facts->version));
    str_to_text(stmt_get_str(stmt, 1), ret_facts->data_folder, sizeof(ret_facts->data_folder));
    ret_facts->now_ms = stmt_get_time(stmt, 2);
    ret_facts->connections_max = stmt_get_int(stmt, 3);
    ret_facts->packet_max_bytes = stmt_get_int(stmt, 4);
    ret_facts->flush_at_commit = stmt_get_int(stmt, 5);
    ret_facts->other_charsets = stmt_get_int(stmt, 6);
    return 0;
}
