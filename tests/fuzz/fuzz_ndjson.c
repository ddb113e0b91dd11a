/*
 * The splitter of NDJSON: no line holds a newline, no byte of the body is lost beside line ends,
 * and lines are counted as every other program counts them.
 */
#include "domain/ndjson.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str body = fuzz_input(data, size), line;
    struct ndjson cursor = {.rest = body};
    size_t at = 0, newlines = 0;
    int lines = 0;
    while (ndjson_next(&cursor, &line)) {
        lines++;
        FUZZ_REQUIRE(cursor.line == lines, "lines are numbered from 1");
        FUZZ_REQUIRE(line.data == body.data + at, "lines follow each other");
        FUZZ_REQUIRE(memchr(line.data, '\n', line.len) == NULL, "no newline in a line");
        at += line.len;
        at += at + 1 < size && body.data[at] == '\r' && body.data[at + 1] == '\n';
        at += at < size;
        FUZZ_REQUIRE(at == size || body.data[at - 1] == '\n', "a newline ends a line");
    }
    FUZZ_REQUIRE(at == size && cursor.rest.len == 0, "the whole body is read");
    for (size_t i = 0; i < size; i++)
        newlines += data[i] == '\n';
    size_t unended = size > 0 && data[size - 1] != '\n';
    FUZZ_REQUIRE((size_t)lines == newlines + unended, "as many lines as newlines");
    FUZZ_REQUIRE(!ndjson_next(&cursor, &line), "the end stays the end");
    return 0;
}
