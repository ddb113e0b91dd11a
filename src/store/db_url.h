/* Taking DATABASE_URL apart: mysql://user:password@host:port/database?socket=/path (mysql+driver://
 * too). */
#ifndef TIPSTER_STORE_DB_URL_H
#define TIPSTER_STORE_DB_URL_H

#include "base/buf.h"

struct db_url {
    char user[128], password[256], host[256], database[65], socket[108];
    unsigned port;
};

/* Percent-decodes user, password and database. TIP_ECONFIG; ret_problem never has the password. */
int db_url_parse(const char *text, struct db_url *ret_url, struct buf *ret_problem);

#endif
