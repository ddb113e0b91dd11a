/*
 * Bringing a database to the schema of sql/, and refusing one that is not ours. Applied files are
 * immutable: an altered one is an error. How many statements of a file are done is noted after
 * each, so that a migration that was interrupted goes on where it stopped.
 */
#ifndef TIPSTER_STORE_MIGRATIONS_H
#define TIPSTER_STORE_MIGRATIONS_H

#include "store/db.h"

/* The directory of sql/: TIPSTER_SQL_DIR, else beside the program, else where it was built. */
const char *migrations_directory(void);

/* Called before each file is applied, for the command to print. */
typedef void (*migration_progress_fn)(void *arg, const char *name);

/*
 * Applies what is missing from the directory. *ret_applied: how many files. TIP_ECONFIG: altered
 * files or foreign tables; others as db.h. ret_problem says it in one line.
 */
int migrations_apply(struct db *db, const char *directory, migration_progress_fn progress,
                     void *arg, int *ret_applied, struct buf *ret_problem);

/*
 * Checks that the database has exactly the files of the directory, unaltered and complete: what
 * serve and ingest do before they start. TIP_ECONFIG with ret_problem.
 */
int migrations_check(struct db *db, const char *directory, struct buf *ret_problem);

#endif
