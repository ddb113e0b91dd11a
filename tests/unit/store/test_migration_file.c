/* Cutting migration files into statements, and knowing whose tables they make. */
#include "tests/unit/unit.h"

#include "store/migration_file.h"

static void statements(void **state)
{
    (void)state;
    struct migration_file file = {0};
    AUTO_BUF statement = {0};
    size_t cursor = 0;
    char table[16];
    buf_add_text(&file.text,
                 "-- a comment; with a semicolon;\ncreate table one (\n    a int; b\n);\n\n"
                 "insert into one values (1);\nselect 1");
    assert_true(migration_statement(&file, &cursor, &statement));
    /* A semicolon inside a line does not end a statement; one at its end does. */
    assert_memory_equal(statement.data, "create table one (\n    a int; b\n)", statement.len);
    assert_true(migration_created_table(buf_str(&statement), table, sizeof(table)));
    assert_string_equal(table, "one");
    assert_true(migration_statement(&file, &cursor, &statement));
    assert_memory_equal(statement.data, "insert into one values (1)", statement.len);
    assert_false(migration_created_table(buf_str(&statement), table, sizeof(table)));
    assert_false(
        migration_statement(&file, &cursor, &statement)); /* no semicolon: not a statement */
    buf_release(&file.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(statements)};
    return RUN_TESTS(tests);
}
