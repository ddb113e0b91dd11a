/* Numbers of items: the same text as printf's in the fewest digits that read back. */
#include "domain/item.h"

#include "../unit.h"

#include <stdio.h>
#include <stdlib.h>

static uint64_t random_state = 20261121;

static uint64_t next(void)
{
    random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
    return random_state >> 11;
}

static void expect(double value)
{
    char text[32];
    AUTO_BUF found = {0};
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(text, sizeof(text), "%.*g", precision, value);
        if (strtod(text, NULL) == value)
            break;
    }
    item_number(value, &found);
    assert_string_equal(buf_cstr(&found), text);
}

/* Scores are quotients of integers below 2^53; shares too. */
static void test_quotients(void **state)
{
    (void)state;
    for (int i = 0; i < 300000; i++) {
        uint64_t total = 1 + (next() >> (i % 50)), part = next() % (total + 1);
        expect((double)part / (double)total);
    }
}

/* Any bits from 2^-15 to 2: beyond both ends of what is done in integers. */
static void test_any_bits(void **state)
{
    (void)state;
    for (int i = 0; i < 300000; i++) {
        uint64_t bits = (uint64_t)(1023 - 15 + i % 16) << 52 | (next() & ((1ULL << 52) - 1));
        double value;
        memcpy(&value, &bits, sizeof(value));
        expect(value);
    }
}

/* Powers of two have a narrower neighbour below, powers of ten carry. */
static void test_edges(void **state)
{
    static const double values[] = {0,    1,     0.5,    0.1,  0.2,  0.3,
                                    0.01, 0.001, 0.0001, 1e-5, 0.25, 1e-300};
    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        for (int step = -3; step <= 3; step++) {
            uint64_t bits;
            double value = values[i];
            memcpy(&bits, &value, sizeof(bits));
            if (bits == 0 && step < 0)
                continue;
            bits += (uint64_t)(int64_t)step;
            memcpy(&value, &bits, sizeof(value));
            expect(value);
        }
    }
    for (double value = 1; value > 1e-6; value /= 2)
        expect(value);
}

static void test_items(void **state)
{
    struct item_reason reasons[] = {{"sport", str_of("\"Soccer\""), 0.75},
                                    {"country", str_of("\"a\\\"b\""), 0.25}};
    AUTO_BUF out = {0};
    (void)state;
    item_popular(str_of("{}"), &out);
    item_similar(str_of("{}"), str_of("0.5"), NULL, 0, &out);
    item_similar(str_of("{}"), str_of("1"), reasons, 2, &out);
    item_similar(str_of("{}"), str_of("0"), reasons, 0, &out);
    assert_string_equal(buf_cstr(&out),
                        "{\"event\":{},\"score\":0,\"source\":\"popular\"}"
                        "{\"event\":{},\"score\":0.5,\"source\":\"similar\"}"
                        "{\"event\":{},\"score\":1,\"source\":\"similar\",\"because\":["
                        "{\"tag\":\"sport\",\"value\":\"Soccer\",\"share\":0.75},"
                        "{\"tag\":\"country\",\"value\":\"a\\\"b\",\"share\":0.25}]}"
                        "{\"event\":{},\"score\":0,\"source\":\"similar\",\"because\":[]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quotients),
        cmocka_unit_test(test_any_bits),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_items),
    };
    return RUN_TESTS(tests);
}
