/*
 * What is wrong with an input, all of it at once: each item has a stable code, a JSON pointer (RFC
 * 6901) to the value, the line in a batch, and a sentence for people. At most VIOLATIONS_MAX are
 * kept; total counts all of them.
 */
#ifndef TIPSTER_DOMAIN_VIOLATION_H
#define TIPSTER_DOMAIN_VIOLATION_H

#include "base/str.h"

enum { VIOLATIONS_MAX = 100 };

/* The stable codes of API.md's "errors"; X(name, text). */
#define VIOLATION_CODES(X)                                                                         \
    X(SYNTAX, "syntax")                                                                            \
    X(DUPLICATE_KEY, "duplicate_key")                                                              \
    X(DEPTH, "depth")                                                                              \
    X(ENCODING, "encoding")                                                                        \
    X(EMPTY, "empty")                                                                              \
    X(TOO_MANY_LINES, "too_many_lines")                                                            \
    X(REQUIRED, "required")                                                                        \
    X(TYPE, "type")                                                                                \
    X(UNKNOWN_FIELD, "unknown_field")                                                              \
    X(RANGE, "range")                                                                              \
    X(LENGTH, "length")                                                                            \
    X(FORMAT, "format")                                                                            \
    X(DECIMALS, "decimals")                                                                        \
    X(DUPLICATE, "duplicate")                                                                      \
    X(ORDER, "order")                                                                              \
    X(FUTURE, "future")                                                                            \
    X(MISMATCH, "mismatch")                                                                        \
    X(CONTROL_CHARACTER, "control_character")

enum violation_code {
#define X(name, text) VIOLATION_##name,
    VIOLATION_CODES(X)
#undef X
};

struct violation {
    int line; /* in a batch, from 1; 0: not a batch */
    enum violation_code code;
    char pointer[128];
    char detail[160];
};

struct violations {
    struct violation items[VIOLATIONS_MAX];
    size_t count; /* of items */
    size_t total;
    int line; /* written into what is added next */
};

static inline void violations_clear(struct violations *violations)
{
    violations->count = violations->total = 0;
    violations->line = 0;
}

/* The stable text of a code. */
const char *violation_code_text(enum violation_code code);

/* Adds one; pointer and the formatted detail are cut to fit on a character's border. */
void violation_add(struct violations *violations, enum violation_code code, const char *pointer,
                   const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
