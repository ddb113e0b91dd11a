/*
 * The settings of every process: environment, then file, then default. One table (settings.def)
 * gives names, types, bounds and help; nothing else reads the environment.
 */
#ifndef TIPSTER_CONFIG_CONFIG_H
#define TIPSTER_CONFIG_CONFIG_H

#include "base/buf.h"

#include <stdint.h>
#include <stdio.h>

struct config {
#define TEXT(field, name, fallback, help)             char *field;
#define NUMBER(field, name, fallback, min, max, help) int64_t field;
#include "config/settings.def"
#undef TEXT
#undef NUMBER
};

/*
 * Fills ret_config; the caller releases it. file (may be NULL) holds NAME=value lines, '#'
 * comments, optional quotes; unknown names in it are passed over, since an .env is shared with
 * other programs. TIP_ECONFIG or TIP_EIO: ret_problem says which setting and why, in one line.
 */
int config_load(const char *file, struct config *ret_config, struct buf *ret_problem);
void config_release(struct config *config);

/* LOG_LEVEL and LOG_FORMAT for this process. Before its threads start. */
void config_setup_log(const struct config *config);

/* The parsed form of rank_weights; false when it is not four integers >= 0 with sum 10000. */
bool config_rank_weights(const char *text, int64_t ret_weights[static 4]);
/* Splits "address:port"; address and port are pieces of text. False when there is no valid port. */
bool config_split_bind(const char *text, char *ret_host, size_t host_size, int *ret_port);

/* template.env, with the help of every setting as a comment. */
void config_print_template(FILE *out);

#endif
