/* One numbered file of sql/: its name, text, checksum and the statements in it. */
#ifndef TIPSTER_STORE_MIGRATION_FILE_H
#define TIPSTER_STORE_MIGRATION_FILE_H

#include "base/buf.h"
#include "base/sha256.h"

struct migration_file {
    int version; /* the four digits before the first underscore */
    char name[128];
    struct buf text;
    char checksum[SHA256_HEX_SIZE];
};

/*
 * Reads NNNN_name.sql files of a directory in order. TIP_EIO, or TIP_ECONFIG for a name that is not
 * of the form, a number that is there twice or left out. The caller frees with
 * migration_files_free.
 */
int migration_files_read(const char *directory, struct migration_file **ret_files,
                         size_t *ret_count, struct buf *ret_problem);
void migration_files_free(struct migration_file *files, size_t count);

/*
 * Walks the statements of a file, which end with a semicolon at the end of a line; comment lines
 * (--) are left out. *cursor starts at 0. False at the end.
 */
bool migration_statement(const struct migration_file *file, size_t *cursor,
                         struct buf *ret_statement);

/* The table that a statement creates, or false. */
bool migration_created_table(struct str statement, char *ret_name, size_t name_size);

#endif
