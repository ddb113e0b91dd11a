/* Memory by the request: see store/read_arena.h. */
#include "store/read_arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

static void test_pieces_stay_where_they_are(void **state)
{
    (void)state;
    enum { PIECES = 5000 };
    static char *pieces[PIECES];
    struct arena arena = {0};
    srandom(3);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < PIECES; i++) {
            size_t size = i % 500 == 0 ? 100000 : (size_t)random() % 200 + 1;
            pieces[i] = arena_alloc(&arena, size);
            assert_int_equal((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
            memset(pieces[i], (int)(i % 251), size);
        }
        for (size_t i = 0; i < PIECES; i++)
            assert_int_equal((unsigned char)pieces[i][0], i % 251);
        arena_clear(&arena);
    }
    arena_release(&arena);
    assert_null(arena.blocks);
}

static void test_copies(void **state)
{
    (void)state;
    struct arena arena = {0};
    char text[] = "text";
    struct str copy = arena_copy(&arena, str_of(text));
    struct str empty = arena_copy(&arena, (struct str){0});
    text[0] = 'n';
    assert_true(str_equal(copy, str_of("text")));
    assert_true(empty.len == 0 && empty.data != NULL);
    assert_non_null(arena_array(&arena, 0, 8));
    arena_release(&arena);
}

static void test_usual_requests_allocate_once(void **state)
{
    (void)state;
    struct arena arena = {0};
    char *first = arena_alloc(&arena, 10);
    arena_alloc(&arena, 1000000);
    arena_clear(&arena);
    assert_ptr_equal(arena_alloc(&arena, 10), first);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_stay_where_they_are),
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_usual_requests_allocate_once),
    };
    return cmocka_run_group_tests_name("store/read_arena", tests, NULL, NULL);
}
