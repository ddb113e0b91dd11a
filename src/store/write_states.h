/* Reading the precedence of many keys of one table, shared by users and events. Inside store/ only.
 */
#ifndef TIPSTER_STORE_WRITE_STATES_H
#define TIPSTER_STORE_WRITE_STATES_H

#include "store/write.h"

/* sql selects id, version, position where company_id = ? and id in (rows). */
int read_states(struct db *db, const struct sql_rows *sql, struct key_state *states, size_t count);

/* How many of the sorted items from `from` on have the same company, at most `most`. */
size_t company_run(const struct key_state *states, size_t count, size_t from, size_t most);

#endif
