/* The inside of a connection, shared by db.c and stmt.c only. */
#ifndef TIPSTER_STORE_DB_INTERNAL_H
#define TIPSTER_STORE_DB_INTERNAL_H

#include "store/db.h"

#include <mysql/mysql.h>

enum { STATEMENTS_MAX = 128 };

struct db {
    MYSQL *mysql;
    bool mariadb, lost;
    unsigned error_code;
    char error[512];
    struct stmt *statements[STATEMENTS_MAX];
    size_t statement_count;
};

/* Keeps an error's number and text and says which of our errors it is. */
int db_note_error(struct db *db, unsigned code, const char *text);
void stmt_close_all(struct db *db);

#endif
