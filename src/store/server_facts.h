/* What a database server says of itself, for whoever looks after it. */
#ifndef TIPSTER_STORE_SERVER_FACTS_H
#define TIPSTER_STORE_SERVER_FACTS_H

#include "store/db.h"

struct server_facts {
    char version[100];     /* "10.11.14-MariaDB…", "8.0.31" */
    char data_folder[256]; /* on the server's machine */
    int64_t now_ms;        /* its clock */
    int64_t read_at_ms;    /* ours, then */
    int64_t connections_max, packet_max_bytes;
    int64_t other_charsets;  /* tables of the database that are not utf8mb4 */
    int64_t flush_at_commit; /* innodb_flush_log_at_trx_commit: 1 survives the loss of power */
};

/* Errors: those of db.h. */
int server_facts_read(struct db *db, struct server_facts *ret_facts);

/* Of the client library: "3.3.14". */
const char *store_library_version(void);

#endif
