/*
 * Lines of a file or of standard input, with their numbers, in bounded memory. A \r before the
 * newline and a byte order mark at the beginning are dropped.
 */
#ifndef TIPSTER_CLI_LINE_INPUT_H
#define TIPSTER_CLI_LINE_INPUT_H

#include "base/str.h"

#include <stdint.h>

enum { LINE_MAX_BYTES = 1000000 };

struct line_input {
    const char *name; /* the path, or "-" */
    int fd;
    char *buffer;
    size_t start, end;
    int64_t line; /* number of the line last returned, from 1 */
    bool at_end;
};

/* path "-": standard input. path outlives the input. TIP_EIO: errno says why. */
int line_input_open(const char *path, struct line_input *ret_input);
void line_input_close(struct line_input *input);

/*
 * The next line, valid until the next call. 1 at the end; TIP_EFULL: the line was longer than
 * LINE_MAX_BYTES and is passed over; TIP_EIO: errno says why.
 */
int line_input_next(struct line_input *input, struct str *ret_line);
/* The first byte that is no white space, without taking anything; 0 when there is none near. */
char line_input_peek(struct line_input *input);

/* Lines in a regular file, counted quickly; 0 for everything else. */
uint64_t line_count(const char *path);

#endif
