/* Erasures as barriers: each partition keeps its order, and slices are few. */
#include "tests/unit/unit.h"

#include "ingest/barrier.h"

#include <string.h>

enum { ITEMS_MAX = 64, PARTITIONS = 4 };

static struct owned_partition partitions[PARTITIONS];
static struct item items[ITEMS_MAX];
static struct batch batch;

/* A batch as text: a letter is a record of that partition, a capital one an erasure. */
static void fill(const char *text)
{
    memset(items, 0, sizeof(items));
    batch = (struct batch){.items = items, .count = strlen(text), .capacity = ITEMS_MAX};
    for (size_t i = 0; i < batch.count; i++) {
        bool erasure = text[i] >= 'A' && text[i] <= 'D';
        items[i].partition = &partitions[text[i] - (erasure ? 'A' : 'a')];
        items[i].position = i;
        items[i].change.kind = erasure ? CHANGE_ERASE : CHANGE_PUT;
    }
}

/* The batch as it will be stored: slices parted by '|'. */
static void assert_stored(const char *text, const char *expected)
{
    char stored[2 * ITEMS_MAX + 1];
    size_t len = 0;
    fill(text);
    barrier_order(&batch);
    for (size_t at = 0; at < batch.count;) {
        size_t slice = barrier_slice(items + at, batch.count - at);
        if (at > 0)
            stored[len++] = '|';
        for (size_t end = at + slice; at < end; at++) {
            char letter = (char)('a' + (items[at].partition - partitions));
            stored[len++] = item_is_erasure(&items[at]) ? (char)(letter - 'a' + 'A') : letter;
        }
    }
    stored[len] = '\0';
    assert_string_equal(stored, expected);
    for (size_t i = 0; i < batch.count; i++) /* the order within each partition */
        for (size_t k = i + 1; k < batch.count; k++)
            if (items[i].partition == items[k].partition)
                assert_true(items[i].position < items[k].position);
}

static void a_batch_without_erasures_is_one_slice(void **state)
{
    (void)state;
    assert_stored("abcadb", "abcadb");
    assert_stored("a", "a");
}

static void erasures_stand_between_what_was_before_and_after(void **state)
{
    (void)state;
    assert_stored("aAa", "a|A|a");
    assert_stored("Aa", "A|a");
    assert_stored("AA", "AA");
    assert_stored("aAAa", "a|AA|a");
}

static void partitions_share_slices(void **state)
{
    (void)state;
    assert_stored("abABab", "ab|AB|ab");
    assert_stored("aAbaBbaAb", "ab|AB|abab|A");
    assert_stored("cccAcccBccc", "ccccccccc|AB");
}

static void a_rejected_erasure_is_no_barrier(void **state)
{
    (void)state;
    fill("aAa");
    items[1].rejected = true;
    barrier_order(&batch);
    assert_int_equal(barrier_slice(items, 3), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_without_erasures_is_one_slice),
        cmocka_unit_test(erasures_stand_between_what_was_before_and_after),
        cmocka_unit_test(partitions_share_slices),
        cmocka_unit_test(a_rejected_erasure_is_no_barrier),
    };
    return RUN_TESTS(tests);
}
