/* The inside of a connection, shared by db.c and stmt.c only. */
#ifndef TIPSTER_STORE_DB_INTERNAL_H
#define TIPSTER_STORE_DB_INTERNAL_H

#include "store/db.h"

#include <mysql/mysql.h>

enum { STATEMENTS_MAX = 128 };

struct db {
    MYSQL *mysql;
    bool mariadb, lost;
    int cut_fd; /* a second descriptor of ingest's socket, for db_cut; -1: none */
    unsigned error_code;
    char error[512];
    size_t packet_max_bytes; /* what the server takes in one statement; 0: not asked */
    struct stmt *statements[STATEMENTS_MAX];
    size_t statement_count;
};

/* Keeps an error's number and text and says which of our errors it is. */
int db_note_error(struct db *db, unsigned code, const char *text);
/*
 * 0, or TIP_EDATA when a statement of so many bytes is more than the server takes: it would close
 * the connection, which looks as if it were gone.
 */
int db_check_packet(struct db *db, size_t bytes);
void stmt_close_all(struct db *db);

#endif
