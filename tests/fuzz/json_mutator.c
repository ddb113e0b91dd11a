/*
 * A mutator for inputs that hold JSON: half of the time it changes whole values (one for another,
 * or for a value on some border of the contract, or away with it), so that mutants stay well-formed
 * and get past the parser to the rules. The other half is left to libFuzzer's own byte mutations.
 */
#include "fuzz.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

enum { SPANS_MAX = 512 };

/* A value in the text: a string with its quotes, a literal, or a bracket with all in it. */
struct span {
    size_t start, end;
};

static const char *const interesting[] = {
    "0",
    "-0",
    "-1",
    "1",
    "1.0",
    "1.0001",
    "1.00001",
    "2.15",
    "1e3",
    "1e-4",
    "1e-999",
    "1e999",
    "1000000",
    "1000000000",
    "1000000000.0001",
    "999999999.9999",
    "9007199254740992",
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "1900",
    "2026",
    "2027",
    "null",
    "true",
    "\"\"",
    "\"a\"",
    "\"EUR\"",
    "\"2026-11-22T05:59:59.999Z\"",
    "\"2026-11-22T06:00:00.001Z\"",
    "\"1900-01-01\"",
    "\"1899-12-31\"",
    "\"2200-12-31T23:59:60Z\"",
    "\"2024-02-29\"",
    "\"2024-05-01T10:00:00+14:00\"",
    "\"2024-05-01T10:00:00\"",
    "-2208988800000",
    "7289654399999",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "\"\\u202e\"",
    "\"\xed\xa0\x80\"",
    "\"\xf0\x9f\x98\x80\"",
    "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"",
    "[]",
    "{}",
    "[\"a\",\"b\"]",
    "[\"a\",\"a\"]",
    "{\"event_id\":\"e\",\"odds\":2}",
    "[{\"event_id\":\"e\",\"odds\":2},{\"event_id\":\"d\",\"odds\":3}]",
    "[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]",
};

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525U + 1013904223U;
    return *state >> 8;
}

static size_t string_end(const uint8_t *data, size_t size, size_t at)
{
    for (at++; at < size && data[at] != '"'; at++)
        at += data[at] == '\\';
    return at < size ? at + 1 : size;
}

/* Finds the values; brackets are matched by a stack of where they began. */
static size_t find_spans(const uint8_t *data, size_t size, struct span *spans)
{
    size_t open[64], depth = 0, count = 0;
    for (size_t at = 0; at < size && count < SPANS_MAX;) {
        size_t start = at;
        if (data[at] == '"') {
            at = string_end(data, size, at);
        } else if (data[at] == '{' || data[at] == '[') {
            if (depth < 64)
                open[depth++] = at;
            at++;
            continue;
        } else if ((data[at] == '}' || data[at] == ']') && depth > 0) {
            start = open[--depth];
            at++;
        } else if (strchr(",:}] \t\r\n", data[at]) != NULL) {
            at++;
            continue;
        } else {
            while (at < size && strchr(",:}] \t\r\n", data[at]) == NULL)
                at++;
        }
        spans[count++] = (struct span){start, at};
    }
    return count;
}

/* Puts text in place of a span; 0 when it does not fit. */
static size_t replace(uint8_t *data, size_t size, size_t max_size, struct span span,
                      const void *text, size_t len)
{
    size_t rest = size - span.end, new_size = span.start + len + rest;
    if (new_size > max_size)
        return 0;
    memmove(data + span.start + len, data + span.end, rest);
    memcpy(data + span.start, text, len);
    return new_size;
}

/* A span with what makes it a member: its name before it and a comma on one side. */
static struct span member_of(const uint8_t *data, size_t size, struct span span)
{
    while (span.start > 0 && strchr(",{[", data[span.start]) == NULL)
        span.start--;
    bool after_comma = data[span.start] == ',';
    if (!after_comma) {
        span.start++;
        span.end += span.end < size && data[span.end] == ',';
    }
    return span.start <= span.end ? span : (struct span){0};
}

static size_t mutate_value(uint8_t *data, size_t size, size_t max_size, uint32_t *random)
{
    static struct span spans[SPANS_MAX];
    size_t count = find_spans(data, size, spans);
    if (count == 0)
        return 0;
    struct span span = spans[next_random(random) % count];
    struct span other = spans[next_random(random) % count];
    uint8_t copy[256];
    size_t len = other.end - other.start;
    const char *text = interesting[next_random(random) % (sizeof(interesting) / sizeof(text))];
    switch (next_random(random) % 4) {
    case 0:
        return replace(data, size, max_size, member_of(data, size, span), "", 0);
    case 1:
        if (len > sizeof(copy))
            return 0;
        memcpy(copy, data + other.start, len);
        return replace(data, size, max_size, span, copy, len);
    default:
        return replace(data, size, max_size, span, text, strlen(text));
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    uint32_t random = seed;
    size_t new_size = 0;
    if (next_random(&random) % 2 == 0)
        new_size = mutate_value(data, size, max_size, &random);
    return new_size > 0 ? new_size : LLVMFuzzerMutate(data, size, max_size);
}
