/*
 * What the fuzz targets share. A target is one file with LLVMFuzzerTestOneInput: it feeds the input
 * to public functions and requires what must hold of every input, so that wrong answers are found
 * like crashes. Inputs are plain text wherever that is possible: a corpus can be read and written
 * by hand.
 */
#ifndef TIPSTER_TESTS_FUZZ_H
#define TIPSTER_TESTS_FUZZ_H

#include "base/buf.h"
#include "domain/violation.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Stops at an input for which the condition does not hold, and says what should. */
#define FUZZ_REQUIRE(condition, what)                                                              \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, what);                              \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* A fixed clock, so that an input means the same every day: 2026-11-21T06:00:00Z. */
#define FUZZ_NOW_MS INT64_C(1795240800000)

/* The input as a slice in memory of exactly its size: a byte read past its end is noticed. */
static inline struct str fuzz_input(const uint8_t *data, size_t size)
{
    return str_from(data, size);
}

/* At least one violation; each is text with a pointer of RFC 6901's form. */
void fuzz_require_violations(const struct violations *violations);

/* The path of a file in memory with these bytes, for functions that open files; ret_fd: close it.
 */
void fuzz_file(struct str bytes, int *ret_fd, char ret_path[static 32]);

#endif
