/* From hashes to entry numbers: see rank/hash_index.h. */
#include "rank/hash_index.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* The upper half of a hash is what counts. */
static uint64_t hash_of(uint32_t number)
{
    return (uint64_t)number << 32 | 12345;
}

/* How many entries stand under a hash; *ret_sum: the sum of their numbers. */
static unsigned entries(const struct hash_index *table, uint64_t hash, uint64_t *ret_sum)
{
    struct hash_probe probe = hash_probe(hash);
    uint32_t entry;
    unsigned count = 0;

    *ret_sum = 0;
    while (hash_index_next(table, &probe, &entry)) {
        count++;
        *ret_sum += entry;
    }
    return count;
}

static void test_finds_all_entries_of_a_hash(void **state)
{
    struct hash_index table;
    uint64_t sum;
    (void)state;

    hash_index_init(&table);
    assert_int_equal(entries(&table, hash_of(7), &sum), 0);
    for (uint32_t i = 0; i < 3000; i++)
        hash_index_add(&table, hash_of(i / 3 * 64), i); /* three of each, and neighbours collide */
    for (uint32_t i = 0; i < 1000; i++) {
        assert_int_equal(entries(&table, hash_of(i * 64), &sum), 3);
        assert_int_equal(sum, 9 * i + 3);
        assert_int_equal(entries(&table, hash_of(i * 64 + 1), &sum), 0);
    }
    hash_index_release(&table);
}

static void test_clear_forgets_also_when_it_grows_later(void **state)
{
    struct hash_index table;
    uint64_t sum;
    (void)state;

    hash_index_init(&table);
    for (uint32_t i = 0; i < 20; i++)
        hash_index_add(&table, hash_of(i), i);
    hash_index_clear(&table);
    for (uint32_t i = 0; i < 20; i++)
        assert_int_equal(entries(&table, hash_of(i), &sum), 0);
    for (uint32_t i = 1000; i < 1200; i++)
        hash_index_add(&table, hash_of(i), i);
    for (uint32_t i = 0; i < 20; i++)
        assert_int_equal(entries(&table, hash_of(i), &sum), 0);
    for (uint32_t i = 1000; i < 1200; i++)
        assert_int_equal(entries(&table, hash_of(i), &sum), 1);
    hash_index_release(&table);
}

static void test_wraps_at_the_end_of_the_slots(void **state)
{
    struct hash_index table;
    uint64_t sum;
    (void)state;

    hash_index_init(&table);
    for (uint32_t i = 0; i < 10; i++)
        hash_index_add(&table, hash_of(UINT32_MAX), i);
    assert_int_equal(entries(&table, hash_of(UINT32_MAX), &sum), 10);
    assert_int_equal(sum, 45);
    hash_index_release(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_all_entries_of_a_hash),
        cmocka_unit_test(test_clear_forgets_also_when_it_grows_later),
        cmocka_unit_test(test_wraps_at_the_end_of_the_slots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
