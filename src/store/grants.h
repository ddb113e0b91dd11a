/*
 * Who may do what in the database: the least that serve and index (which read), and ingest (which
 * writes records) get along with. The migrator owns the database and needs no list.
 */
#ifndef TIPSTER_STORE_GRANTS_H
#define TIPSTER_STORE_GRANTS_H

#include "base/buf.h"

/*
 * The statements that give two users their rights, one per line, for an administrator of the
 * server to run. Users are 'name' or 'name@host' (host % when left out), made of letters, digits,
 * _ - . % and :. The tables must be there by then. TIP_EINVAL: not such a name.
 */
int grants_write(const char *database, const char *api_user, const char *ingest_user,
                 struct buf *ret_sql);

#endif
