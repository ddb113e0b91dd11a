/*
 * For statements that should be read from an index alone. MariaDB (10.11) plans a prepared
 * statement that is run again worse than at first: as soon as another connection has used the table
 * in between, it forgets that an index has all the columns ("Using index" is gone from the plan),
 * and with it the jump from group to group: the groups of a sport then cost a look at all its past
 * events. Prepared for each run it is planned well, and two more exchanges cost less by far. Ranges
 * of a few rows do not need this.
 */
#ifndef TIPSTER_STORE_READ_ONCE_H
#define TIPSTER_STORE_READ_ONCE_H

#include "store/db.h"

/* Closes the statement if it should not be run again on this server. After its rows are read. */
static inline void read_once_done(struct db *db, struct stmt *stmt)
{
    if (db_is_mariadb(db))
        db_forget(db, stmt);
}

#endif
