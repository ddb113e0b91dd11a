/* Damaged files are found, whatever is flipped in them: see view/damage.h and view/pages.h. */
#include "view/damage.h"

#include "base/err.h"
#include "base/hash.h"
#include "tests/unit/unit.h"
#include "view/table.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RECORDS = 1500, ROUNDS = 12, FLIPS = 1500, PAGE = 4096 };

static char dir[64], path[96];
static uint64_t seed = 7;

static uint64_t draw(uint64_t below)
{
    seed = hash_mix(seed + 0x9e3779b97f4a7c15u);
    return seed % below;
}

static void check(int wanted)
{
    AUTO_BUF problem = {0};
    volatile bool stop = false;
    uint64_t records = 0;
    int err = view_damage_check(dir, &stop, &records, &problem);
    if (err != wanted)
        fail_msg("%d instead of %d: %s", err, wanted, buf_cstr(&problem));
}

/* Keys and values of many lengths, some beyond a page, in tables with both kinds of keys. */
static void write_round(struct tables *tables)
{
    static char bytes[3 * PAGE];
    assert_int_equal(tables_begin(tables), 0);
    for (int i = 0; i < RECORDS; i++) {
        char name[80];
        uint32_t number = (uint32_t)draw(4000);
        bool numbered = draw(3) == 0;
        int len = snprintf(name, sizeof(name), "%0*u", (int)draw(60) + 1, number);
        struct str key = numbered ? number_key(&number) : str_from(name, (size_t)len);
        enum view_table table = numbered ? VIEW_TABLE_events : VIEW_TABLE_users;
        size_t size = draw(20) == 0 ? draw(sizeof(bytes)) : draw(200);
        memset(bytes, (int)draw(256), size);
        if (draw(4) == 0)
            (void)table_delete(tables, table, key);
        else
            assert_int_equal(table_put(tables, table, key, str_from(bytes, size)), 0);
    }
    assert_int_equal(tables_commit(tables), 0);
}

static void make(void)
{
    struct tables tables;
    const uint32_t layout = VIEW_LAYOUT;
    assert_int_equal(tables_open(dir, MDB_NOSYNC, (size_t)64 << 20, &tables), 0);
    assert_int_equal(tables_begin(&tables), 0);
    assert_int_equal(
        table_put(&tables, VIEW_TABLE_meta, str_of("view"), str_from(&layout, sizeof(layout))), 0);
    assert_int_equal(tables_commit(&tables), 0);
    for (int i = 0; i < ROUNDS; i++) {
        write_round(&tables);
        check(0);
    }
    assert_int_equal(tables_begin(&tables), 0); /* what is given up leaves no trace */
    assert_int_equal(table_put(&tables, VIEW_TABLE_users, str_of("u"), str_of("v")), 0);
    mdb_txn_abort(tables.txn);
    tables_close(&tables);
    check(0);
}

/* The file as it is, or with what stands there now. */
static char *read_all(size_t *ret_size)
{
    struct stat stat;
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0 && fstat(fd, &stat) == 0);
    char *content = malloc((size_t)stat.st_size);
    assert_int_equal(read(fd, content, (size_t)stat.st_size), stat.st_size);
    close(fd);
    *ret_size = (size_t)stat.st_size;
    return content;
}

static void put_byte(size_t at, char byte)
{
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
    close(fd);
}

/*
 * Whatever is flipped: it is found, or it changes nothing of what is read (free pages and room
 * between records). Neither may crash the check; the sanitizers look on.
 */
static void test_flipped_bits(void **state)
{
    (void)state;
    size_t size, found = 0;
    make();
    char *content = read_all(&size);
    for (int i = 0; i < FLIPS; i++) {
        AUTO_BUF problem = {0};
        volatile bool stop = false;
        uint64_t records;
        size_t at = i % 3 == 0 ? draw(size / PAGE) * PAGE + draw(32) : draw(size);
        put_byte(at, (char)(content[at] ^ (1 << draw(8))));
        int err = view_damage_check(dir, &stop, &records, &problem);
        assert_true(err == 0 || err == TIP_EINVAL);
        found += err != 0;
        put_byte(at, content[at]);
    }
    free(content);
    assert_true(found > FLIPS / 3);
    check(0);
}

static void test_a_file_that_ends_too_early(void **state)
{
    (void)state;
    size_t size;
    char *content = read_all(&size);
    static const size_t kept[] = {0, 100, PAGE, 2 * PAGE, 5 * PAGE};
    free(content);
    assert_int_equal(truncate(path, (off_t)(size / 2)), 0);
    check(TIP_EINVAL);
    for (size_t i = sizeof(kept) / sizeof(kept[0]); i-- > 0;) {
        assert_int_equal(truncate(path, (off_t)kept[i]), 0);
        check(TIP_EINVAL);
    }
    assert_int_equal(unlink(path), 0);
    check(TIP_ENOTFOUND);
}

int main(void)
{
    snprintf(dir, sizeof(dir), "/tmp/tipster-damage-XXXXXX");
    if (mkdtemp(dir) == NULL)
        return 1;
    snprintf(path, sizeof(path), "%s/data.mdb", dir);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_flipped_bits),
                                       cmocka_unit_test(test_a_file_that_ends_too_early)};
    int failed = RUN_TESTS(tests);
    AUTO_BUF lock = {0};
    buf_addf(&lock, "%s/lock.mdb", dir);
    unlink(path);
    unlink(buf_cstr(&lock));
    rmdir(dir);
    return failed;
}
