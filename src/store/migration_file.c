/* Reading sql/; see migration_file.h. */
#include "store/migration_file.h"

#include "base/err.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static int is_migration(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return len > 4 && strcmp(entry->d_name + len - 4, ".sql") == 0;
}

static int read_text(const char *path, struct buf *ret_text, struct buf *ret_problem)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        buf_addf(ret_problem, "cannot read %s: %s", path, strerror(errno));
        return TIP_EIO;
    }
    size_t got;
    do {
        got = fread(buf_reserve(ret_text, 65536), 1, 65536, file);
        ret_text->len += got;
    } while (got > 0);
    fclose(file);
    return 0;
}

static int read_file(const char *directory, const char *name, struct migration_file *file,
                     struct buf *ret_problem)
{
    uint8_t digest[SHA256_SIZE];
    char *end = NULL;
    long version = strtol(name, &end, 10);
    if (end != name + 4 || *end != '_' || version < 1 || strlen(name) >= sizeof(file->name)) {
        buf_addf(ret_problem, "%s/%s is not named NNNN_name.sql", directory, name);
        return TIP_ECONFIG;
    }
    AUTO_FREE char *path = xasprintf("%s/%s", directory, name);
    int err = read_text(path, &file->text, ret_problem);
    if (err != 0)
        return err;
    file->version = (int)version;
    snprintf(file->name, sizeof(file->name), "%s", name);
    sha256_of(buf_str(&file->text), digest);
    sha256_hex(digest, file->checksum);
    return 0;
}

int migration_files_read(const char *directory, struct migration_file **ret_files,
                         size_t *ret_count, struct buf *ret_problem)
{
    struct dirent **entries = NULL;
    int found = scandir(directory, &entries, is_migration, alphasort);
    if (found <= 0) {
        buf_addf(ret_problem, "no migrations in %s: %s", directory,
                 found < 0 ? strerror(errno) : "no .sql files");
        free(entries);
        return TIP_EIO;
    }
    size_t count = (size_t)found;
    struct migration_file *files = xcalloc(count, sizeof(*files));
    int err = 0;
    for (size_t i = 0; i < count; i++) {
        if (err == 0)
            err = read_file(directory, entries[i]->d_name, &files[i], ret_problem);
        if (err == 0 && files[i].version != (int)i + 1) {
            buf_addf(ret_problem, "%s: the next number is %04zu", files[i].name, i + 1);
            err = TIP_ECONFIG;
        }
        free(entries[i]);
    }
    free(entries);
    if (err != 0) {
        migration_files_free(files, count);
        return err;
    }
    *ret_files = files;
    *ret_count = count;
    return 0;
}

void migration_files_free(struct migration_file *files, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buf_release(&files[i].text);
    free(files);
}

bool migration_statement(const struct migration_file *file, size_t *cursor,
                         struct buf *ret_statement)
{
    struct str text = buf_str(&file->text);
    buf_clear(ret_statement);
    while (*cursor < text.len) {
        const char *line = text.data + *cursor;
        const char *newline = memchr(line, '\n', text.len - *cursor);
        size_t len = newline != NULL ? (size_t)(newline - line) : text.len - *cursor;
        *cursor += newline != NULL ? len + 1 : len;
        if (len >= 2 && line[0] == '-' && line[1] == '-')
            continue;
        bool last = len > 0 && line[len - 1] == ';';
        buf_add(ret_statement, line, last ? len - 1 : len);
        if (last)
            return true;
        if (ret_statement->len > 0)
            buf_add_char(ret_statement, '\n');
    }
    return false;
}

bool migration_created_table(struct str statement, char *ret_name, size_t name_size)
{
    static const char words[] = "create table ";
    size_t skip = sizeof(words) - 1;
    if (statement.len <= skip || strncasecmp(statement.data, words, skip) != 0)
        return false;
    size_t len = 0;
    while (skip + len < statement.len && strchr(" (\n", statement.data[skip + len]) == NULL)
        len++;
    if (len == 0 || len >= name_size)
        return false;
    memcpy(ret_name, statement.data + skip, len);
    ret_name[len] = '\0';
    return true;
}
