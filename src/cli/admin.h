/* What the verbs share that change companies and keys: the database, and reading values. */
#ifndef TIPSTER_CLI_ADMIN_H
#define TIPSTER_CLI_ADMIN_H

#include "cli/command.h"
#include "store/company.h"
#include "store/db.h"

/*
 * Connects to a database with the schema of this program. Otherwise prints why not, with the verb's
 * name, and returns an err.
 */
int admin_open(const struct config *config, const char *verb, struct db **ret_db);
/* Prints what failed with the database's words. Returns EXIT_FAILED. */
int admin_failed(struct db *db, const char *verb, const char *what);

/* Whether a company may have this id; false after it was said what one looks like. */
bool admin_company_id(const struct command *command, const char *id);

/* The row of a company. An err after it was printed that there is none. */
int admin_company(struct db *db, const char *verb, const char *id, struct company *ret_company);

/* Over how many partitions a new company's keys spread: `wanted`, or, 0, what the settings say. */
int32_t admin_spread(const struct config *config, int32_t wanted);

/* Text that people read: valid UTF-8 without control characters, at most max_bytes. */
bool admin_text_is_valid(const char *text, size_t max_bytes);

/* "90d", "12h", "30m", "45s" or "0"; false: something else, or above 100 years. */
bool admin_duration(const char *text, int64_t *ret_ms);

/* Appends a JSON member: a time, or null when it is KEY_NEVER. */
void admin_json_time(struct buf *out, const char *name, int64_t time_ms);

#endif
