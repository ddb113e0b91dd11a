/* The connection: opening, sessions, errors, transactions; see db.h. Statements are in stmt.c. */
#include "store/db_internal.h"

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/db_url.h"

#include <fcntl.h>
#include <mysql/errmsg.h>
#include <mysql/mysqld_error.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Names that one of the two servers' headers lacks. */
enum {
    ERROR_STATEMENT_TIME_MARIADB = 1969,
    ERROR_STATEMENT_TIME_MYSQL = 3024,
    ERROR_CHECK_MARIADB = 4025,
    ERROR_CHECK_MYSQL = 3819,
    ERROR_GALERA_NOT_READY = 1047,
    ERROR_RECORD_CHANGED = 1020,
    ERROR_SERVER_LOST_EXTENDED = 2055,
    ERROR_CLIENT_INTERACTION_TIMEOUT = 4031,
};

struct error_class {
    unsigned code;
    int err;
};

/* What can be said of an error for sure; anything else is a defect. */
static const struct error_class error_classes[] = {
    {ER_LOCK_DEADLOCK, TIP_ERETRY},
    {ER_LOCK_WAIT_TIMEOUT, TIP_ERETRY},
    {ERROR_RECORD_CHANGED, TIP_ERETRY},
    {ER_CON_COUNT_ERROR, TIP_EUNAVAIL},
    {ERROR_GALERA_NOT_READY, TIP_ERETRY},
    {ER_SERVER_SHUTDOWN, TIP_EUNAVAIL},
    {ER_OPTION_PREVENTS_STATEMENT, TIP_ERETRY}, /* read-only */
    {ER_DISK_FULL, TIP_ERETRY},
    {ER_RECORD_FILE_FULL, TIP_ERETRY},
    {ER_ERROR_ON_WRITE, TIP_ERETRY},
    {ER_QUERY_INTERRUPTED, TIP_ERETRY},
    {ER_NEW_ABORTING_CONNECTION, TIP_EUNAVAIL},
    {ER_CONNECTION_KILLED, TIP_EUNAVAIL},
    {ERROR_CLIENT_INTERACTION_TIMEOUT, TIP_EUNAVAIL},
    {CR_CONNECTION_ERROR, TIP_EUNAVAIL},
    {CR_CONN_HOST_ERROR, TIP_EUNAVAIL},
    {CR_UNKNOWN_HOST, TIP_EUNAVAIL},
    {CR_SERVER_GONE_ERROR, TIP_EUNAVAIL},
    {CR_SERVER_LOST, TIP_EUNAVAIL},
    {ERROR_SERVER_LOST_EXTENDED, TIP_EUNAVAIL},
    {ERROR_STATEMENT_TIME_MARIADB, TIP_ETIMEOUT},
    {ERROR_STATEMENT_TIME_MYSQL, TIP_ETIMEOUT},
    {ER_DATA_TOO_LONG, TIP_EDATA},
    {ER_WARN_DATA_OUT_OF_RANGE, TIP_EDATA},
    {ER_TRUNCATED_WRONG_VALUE_FOR_FIELD, TIP_EDATA},
    {ER_TRUNCATED_WRONG_VALUE, TIP_EDATA},
    {WARN_DATA_TRUNCATED, TIP_EDATA},
    {ER_BAD_NULL_ERROR, TIP_EDATA},
    {ERROR_CHECK_MARIADB, TIP_EDATA},
    {ERROR_CHECK_MYSQL, TIP_EDATA},
    {ER_NET_PACKET_TOO_LARGE, TIP_EDATA},
};

int db_note_error(struct db *db, unsigned code, const char *text)
{
    int err = TIP_EFATAL;
    for (size_t i = 0; i < sizeof(error_classes) / sizeof(error_classes[0]); i++)
        if (error_classes[i].code == code)
            err = error_classes[i].err;
    db->error_code = code;
    snprintf(db->error, sizeof(db->error), "%u %s", code, text);
    if (err == TIP_EUNAVAIL)
        db->lost = true;
    return err;
}

int db_check_packet(struct db *db, size_t bytes)
{
    if (db->packet_max_bytes == 0 || bytes < db->packet_max_bytes)
        return 0;
    return db_note_error(db, ER_NET_PACKET_TOO_LARGE,
                         "larger than the server's max_allowed_packet");
}

static int note_connection_error(struct db *db)
{
    return db_note_error(db, mysql_errno(db->mysql), mysql_error(db->mysql));
}

/*
 * After so long the server drops a session of ingest that has fallen silent, and its locks with it:
 * three times what Kafka waits for a silent consumer (10 to 60 s). Who waits for such a lock waits
 * longer than that, and the client longer still.
 */
static int64_t ingest_silence_s(const struct config *config)
{
    int64_t silence_s = config->ingest_session_ms * 3 / 1000;
    return silence_s < 10 ? 10 : silence_s > 60 ? 60 : silence_s;
}

enum { LOCK_WAIT_EXTRA_S = 10, READ_EXTRA_S = 20 };

static void set_timeout(MYSQL *mysql, enum mysql_option option, int64_t timeout_ms)
{
    unsigned seconds = (unsigned)((timeout_ms + 999) / 1000); /* the library counts in seconds */
    mysql_options(mysql, option, &seconds);
}

static bool is_short(enum db_role role)
{
    return role == DB_API || role == DB_INGEST_SIDE;
}

static const char *url_text(const struct config *config, enum db_role role)
{
    const char *own = role == DB_MIGRATE                            ? config->migrate_database_url
                      : role == DB_INGEST || role == DB_INGEST_SIDE ? config->ingest_database_url
                                                                    : "";
    return *own != '\0' ? own : config->database_url;
}

static void set_options(struct db *db, const struct config *config, enum db_role role)
{
    unsigned off = 0;
    int64_t limit_ms = is_short(role)      ? config->database_timeout_ms
                       : role == DB_INGEST ? (ingest_silence_s(config) + READ_EXTRA_S) * 1000
                                           : 3600 * 1000;
    set_timeout(db->mysql, MYSQL_OPT_CONNECT_TIMEOUT, is_short(role) ? limit_ms : 5000);
    set_timeout(db->mysql, MYSQL_OPT_READ_TIMEOUT, limit_ms);
    set_timeout(db->mysql, MYSQL_OPT_WRITE_TIMEOUT, limit_ms);
    mysql_options(db->mysql, MYSQL_OPT_LOCAL_INFILE, &off);
    mysql_options(db->mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
}

/* An answer may take an hour; that the server's machine is gone shows within a minute. */
static void watch_for_silence(MYSQL *mysql)
{
    static const struct {
        int level, name, value;
    } options[] = {{SOL_SOCKET, SO_KEEPALIVE, 1},
                   {IPPROTO_TCP, TCP_KEEPIDLE, 30},
                   {IPPROTO_TCP, TCP_KEEPINTVL, 10},
                   {IPPROTO_TCP, TCP_KEEPCNT, 3}};
    int fd = (int)mysql_get_socket(mysql);
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        (void)setsockopt(fd, options[i].level, options[i].name, &options[i].value,
                         sizeof(options[i].value)); /* a Unix socket has none of TCP's */
}

static const char sql_packet[] = "select @@max_allowed_packet";

static int ask_packet(struct db *db)
{
    struct stmt *stmt;
    int err = db_prepare(db, sql_packet, &stmt);
    if (err != 0)
        return err;
    err = stmt_run_one(stmt);
    if (err == 0)
        db->packet_max_bytes = stmt_get_uint(stmt, 0);
    db_forget(db, stmt);
    return err;
}

static int set_ingest_limits(struct db *db, const struct config *config)
{
    AUTO_BUF limits = {0};
    int64_t silence_s = ingest_silence_s(config);
    buf_addf(&limits, "set session wait_timeout = %lld, innodb_lock_wait_timeout = %lld",
             (long long)silence_s, (long long)(silence_s + LOCK_WAIT_EXTRA_S));
    int err = ask_packet(db);
    return err == 0 ? db_execute(db, buf_str(&limits)) : err;
}

/*
 * The session says everything it relies on, whatever the server's configuration: strictness,
 * isolation, UTC, limits. Ingest's wait_timeout is short: a frozen process must not hold its locks
 * for hours; waiting for a lock takes longer than that.
 */
static int set_session(struct db *db, const struct config *config, enum db_role role)
{
    static const char common[] =
        "set session sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,"
        "ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION', time_zone = '+00:00', "
        "autocommit = 1, foreign_key_checks = 1, unique_checks = 1, group_concat_max_len = 1048576";
    static const char isolation[] = "set session transaction isolation level read committed";
    int err = db_execute(db, str_of(common));
    if (err == 0)
        err = db_execute(db, str_of(isolation));
    if (err == 0 && role == DB_INGEST)
        err = set_ingest_limits(db, config);
    if (err != 0 || !is_short(role))
        return err;
    AUTO_BUF limit = {0};
    if (db->mariadb)
        buf_addf(&limit, "set session max_statement_time = %.3f",
                 (double)config->database_timeout_ms / 1000.0);
    else
        buf_addf(&limit, "set session max_execution_time = %lld",
                 (long long)config->database_timeout_ms);
    return db_execute(db, buf_str(&limit));
}

static int connect_server(struct db *db, const struct config *config, enum db_role role)
{
    struct db_url url;
    AUTO_BUF ignored = {0};
    if (db_url_parse(url_text(config, role), &url, &ignored) != 0)
        return TIP_ECONFIG;
    set_options(db, config, role);
    const char *socket = url.socket[0] != '\0' ? url.socket : NULL;
    if (mysql_real_connect(db->mysql, socket != NULL ? NULL : url.host, url.user, url.password,
                           url.database, url.port, socket, 0) == NULL) {
        note_connection_error(db);
        return TIP_EUNAVAIL;
    }
    if (!is_short(role))
        watch_for_silence(db->mysql);
    /* The library closes its own when a call fails; the number may be another's then. */
    if (role == DB_INGEST)
        db->cut_fd = fcntl(mysql_get_socket(db->mysql), F_DUPFD_CLOEXEC, 0);
    db->mariadb = strstr(mysql_get_server_info(db->mysql), "MariaDB") != NULL;
    return set_session(db, config, role);
}

int db_open(const struct config *config, enum db_role role, struct db **ret_db,
            struct buf *ret_problem)
{
    struct db_url url;
    int err = db_url_parse(url_text(config, role), &url, ret_problem);
    if (err != 0)
        return err;
    struct db *db = xcalloc(1, sizeof(*db));
    db->cut_fd = -1;
    db->mysql = mysql_init(NULL);
    if (db->mysql == NULL)
        abort(); /* out of memory */
    err = connect_server(db, config, role);
    if (err != 0) {
        buf_addf(ret_problem, "cannot use the database %s at ", url.database);
        if (url.socket[0] != '\0')
            buf_add_text(ret_problem, url.socket);
        else
            buf_addf(ret_problem, "%s:%u", url.host, url.port);
        buf_addf(ret_problem, ": %s", db_error(db));
        db_close(db);
        return TIP_EUNAVAIL;
    }
    *ret_db = db;
    return 0;
}

void db_close(struct db *db)
{
    if (db == NULL)
        return;
    stmt_close_all(db);
    mysql_close(db->mysql);
    if (db->cut_fd >= 0)
        close(db->cut_fd);
    free(db);
}

void db_cut(struct db *db)
{
    if (db->cut_fd >= 0)
        shutdown(db->cut_fd, SHUT_RDWR);
}

bool db_is_lost(const struct db *db)
{
    return db->lost;
}

const char *db_error(const struct db *db)
{
    return db->error;
}

unsigned db_errno(const struct db *db)
{
    return db->error_code;
}

bool db_is_mariadb(const struct db *db)
{
    return db->mariadb;
}

int db_ping(struct db *db)
{
    return mysql_ping(db->mysql) == 0 ? 0 : note_connection_error(db);
}

int db_execute(struct db *db, struct str sql)
{
    if (mysql_real_query(db->mysql, sql.data, sql.len) == 0)
        return 0;
    return note_connection_error(db);
}

int db_begin(struct db *db)
{
    return db_execute(db, str_of("start transaction"));
}

int db_begin_snapshot(struct db *db)
{
    int err = db_execute(db, str_of("set transaction isolation level repeatable read, read only"));
    return err == 0 ? db_begin(db) : err;
}

int db_commit(struct db *db)
{
    return db_execute(db, str_of("commit"));
}

void db_rollback(struct db *db)
{
    if (!db->lost && db_execute(db, str_of("rollback")) != 0)
        db->lost = true; /* whatever state it is in, it is not one to go on with */
}
