/* See line_input.h. */
#include "cli/line_input.h"

#include "base/err.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER_BYTES = LINE_MAX_BYTES + 2 };

int line_input_open(const char *path, struct line_input *ret_input)
{
    int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return TIP_EIO;
    *ret_input = (struct line_input){.name = path, .fd = fd, .buffer = xmalloc(BUFFER_BYTES)};
    return 0;
}

void line_input_close(struct line_input *input)
{
    close(input->fd);
    free(input->buffer);
    input->buffer = NULL;
}

/* Reads once more behind what is there; the unread part moves to the front. */
static int fill(struct line_input *input)
{
    if (input->start > 0) {
        memmove(input->buffer, input->buffer + input->start, input->end - input->start);
        input->end -= input->start;
        input->start = 0;
    }
    ssize_t got;
    do {
        got = read(input->fd, input->buffer + input->end, BUFFER_BYTES - input->end);
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        return TIP_EIO;
    input->at_end = got == 0;
    input->end += (size_t)got;
    return 0;
}

static void drop_mark(struct line_input *input)
{
    if (input->line == 0 && input->end - input->start >= 3 &&
        memcmp(input->buffer + input->start, "\xef\xbb\xbf", 3) == 0)
        input->start += 3;
}

/* Passes over the rest of a line that does not fit. */
static int skip_line(struct line_input *input)
{
    const char *newline = NULL;
    while (newline == NULL && !input->at_end) {
        input->start = input->end = 0;
        if (fill(input) != 0)
            return TIP_EIO;
        newline = memchr(input->buffer, '\n', input->end);
    }
    input->start = newline != NULL ? (size_t)(newline - input->buffer) + 1 : input->end;
    input->line++;
    return TIP_EFULL;
}

int line_input_next(struct line_input *input, struct str *ret_line)
{
    size_t looked = 0;
    for (;;) {
        drop_mark(input);
        char *from = input->buffer + input->start;
        size_t have = input->end - input->start;
        char *newline = have > looked ? memchr(from + looked, '\n', have - looked) : NULL;
        if (newline == NULL && !input->at_end && have < BUFFER_BYTES) {
            looked = input->line == 0 ? 0 : have;
            if (fill(input) != 0)
                return TIP_EIO;
            continue;
        }
        if (newline == NULL && have == 0)
            return 1;
        size_t len = newline != NULL ? (size_t)(newline - from) : have;
        if (len > LINE_MAX_BYTES && newline == NULL)
            return skip_line(input);
        input->start += newline != NULL ? len + 1 : len;
        input->line++;
        if (len > LINE_MAX_BYTES)
            return TIP_EFULL;
        if (len > 0 && from[len - 1] == '\r')
            len--;
        *ret_line = str_from(from, len);
        return 0;
    }
}

char line_input_peek(struct line_input *input)
{
    if (input->end == input->start && !input->at_end && fill(input) != 0)
        return 0;
    drop_mark(input);
    for (size_t i = input->start; i < input->end; i++)
        if (strchr(" \t\r\n", input->buffer[i]) == NULL)
            return input->buffer[i];
    return 0;
}

uint64_t line_count(const char *path)
{
    struct stat state;
    if (stat(path, &state) != 0 || !S_ISREG(state.st_mode))
        return 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    uint64_t lines = 0;
    char *buffer = xmalloc(BUFFER_BYTES), last = '\n';
    ssize_t got;
    while ((got = read(fd, buffer, BUFFER_BYTES)) > 0) {
        for (char *at = buffer; (at = memchr(at, '\n', (size_t)(buffer + got - at))) != NULL; at++)
            lines++;
        last = buffer[got - 1];
    }
    free(buffer);
    close(fd);
    return lines + (last != '\n');
}
