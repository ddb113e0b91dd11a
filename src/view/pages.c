/* The pages of an LMDB file; see pages.h. Names and numbers are those of LMDB's mdb.c. */
#include "view/pages.h"

#include "base/err.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    P_BRANCH = 0x01,
    P_LEAF = 0x02,
    P_OVERFLOW = 0x04,
    P_META = 0x08,
    P_DIRTY = 0x10, /* may be left over; says nothing */
    F_BIGDATA = 0x01,
    F_SUBDATA = 0x02,
    DB_INTEGERKEY = 0x08,
    DEPTH_MAX = 32,
    DATA_VERSION = 1,
    STOP_EVERY_PAGES = 4096,
};
#define META_MAGIC 0xBEEFC0DEu
#define ROOT_NONE  UINT64_MAX

struct page {
    uint64_t number;
    uint16_t pad, flags;
    union {
        struct {
            uint16_t lower, upper; /* the free space */
        };
        uint32_t pages; /* of an overflow run */
    };
    uint16_t pointers[];
};

struct node {
    uint16_t low, high; /* size of the data; of a branch: the low half of the child's number */
    uint16_t flags;     /* of a branch: the rest of it */
    uint16_t key_size;
    char bytes[];
};

struct db {
    uint32_t pad; /* of the free list: the size of a page */
    uint16_t flags, depth;
    uint64_t branch_pages, leaf_pages, overflow_pages, entries, root;
};

struct meta {
    uint32_t magic, version;
    uint64_t address, map_size;
    struct db free_list, main;
    uint64_t last_page, txn_id;
};

enum { PAGE_HEAD = offsetof(struct page, pointers), NODE_HEAD = offsetof(struct node, bytes) };
_Static_assert(PAGE_HEAD == 16 && NODE_HEAD == 8 && sizeof(struct db) == 48, "the file's format");

/* Bounds of the keys below a branch; data NULL: none. */
struct range {
    struct str from, before;
};

struct tree {
    struct db db; /* as found: compared with the db's own word at the end */
    struct str name;
    enum { TREE_FREE_LIST, TREE_MAIN, TREE_TABLE } kind;
    struct str last_key; /* of all leaves so far */
};

struct walk {
    const char *map;
    size_t size;
    size_t page_size;
    uint64_t page_count; /* that were ever used */
    uint8_t *used;       /* a bit for each */
    uint64_t used_count, free_count;
    const struct pages_visitor *visitor;
    struct buf *problem;
    struct tree *tree;
};

static int damaged(struct walk *walk, const char *what, uint64_t page)
{
    buf_addf(walk->problem, "damaged: %s (page %llu)", what, (unsigned long long)page);
    return TIP_EINVAL;
}

static int claim(struct walk *walk, uint64_t number, uint64_t count)
{
    if (number >= walk->page_count || count > walk->page_count - number)
        return damaged(walk, "a page beyond the end", number);
    for (uint64_t i = number; i < number + count; i++) {
        if (walk->used[i / 8] & 1u << i % 8)
            return damaged(walk, "a page used twice", i);
        walk->used[i / 8] |= (uint8_t)(1u << i % 8);
    }
    return 0;
}

/* Claims pages in use and sees that the file has them. */
static int use(struct walk *walk, uint64_t number, uint64_t count)
{
    int err = claim(walk, number, count);
    if (err != 0)
        return err;
    if ((number + count) * walk->page_size > walk->size)
        return damaged(walk, "the file ends too early", number);
    bool ask = walk->used_count / STOP_EVERY_PAGES != (walk->used_count + count) / STOP_EVERY_PAGES;
    walk->used_count += count;
    return ask && walk->visitor->stop != NULL && walk->visitor->stop(walk->visitor->ctx)
               ? TIP_ETIMEOUT
               : 0;
}

static const struct page *page_at(const struct walk *walk, uint64_t number)
{
    return (const void *)(walk->map + number * walk->page_size);
}

static int compare(const struct walk *walk, struct str a, struct str b)
{
    if (!(walk->tree->db.flags & DB_INTEGERKEY) || a.len != b.len || a.len > sizeof(uint64_t))
        return str_compare(a, b);
    uint64_t x = 0, y = 0;
    memcpy(&x, a.data, a.len);
    memcpy(&y, b.data, b.len);
    return x < y ? -1 : x > y;
}

static bool is_within(const struct walk *walk, struct str key, const struct range *range)
{
    return (range->from.data == NULL || compare(walk, key, range->from) >= 0) &&
           (range->before.data == NULL || compare(walk, key, range->before) < 0);
}

/* The node i of a page, when it and its key stand inside of the page. */
static const struct node *node_at(const struct walk *walk, const struct page *page, size_t i,
                                  struct str *ret_key)
{
    size_t at = page->pointers[i];
    if (at < page->upper || at % 2 != 0 || at + NODE_HEAD > walk->page_size)
        return NULL;
    const struct node *node = (const void *)((const char *)page + at);
    if (at + NODE_HEAD + node->key_size > walk->page_size)
        return NULL;
    *ret_key = str_from(node->bytes, node->key_size);
    return node;
}

/* Records of the free list: a count, then as many numbers of free pages. */
static int note_free(struct walk *walk, struct str value, uint64_t page)
{
    uint64_t count, number;
    if (value.len < sizeof(count))
        return damaged(walk, "a free list without its count", page);
    memcpy(&count, value.data, sizeof(count));
    if (count > value.len / sizeof(number) - 1)
        return damaged(walk, "a free list longer than its record", page);
    for (uint64_t i = 1; i <= count; i++) {
        memcpy(&number, value.data + i * sizeof(number), sizeof(number));
        int err = claim(walk, number, 1);
        if (err != 0)
            return err;
    }
    walk->free_count += count;
    return 0;
}

static int walk_tree(struct walk *walk, struct tree *tree, const struct db *db);

static int note_table(struct walk *walk, struct str name, struct str value, uint64_t page)
{
    struct db db;
    if (value.len != sizeof(db))
        return damaged(walk, "a table without its root", page);
    memcpy(&db, value.data, sizeof(db));
    struct tree *outer = walk->tree;
    struct tree tree = {.name = name, .kind = TREE_TABLE};
    int err = walk_tree(walk, &tree, &db);
    walk->tree = outer;
    return err;
}

static int read_value(struct walk *walk, const struct page *page, const struct node *node,
                      struct str *ret_value)
{
    size_t size = node->low | (size_t)node->high << 16;
    size_t at = (size_t)(node->bytes - (const char *)page) + node->key_size;
    uint64_t number;
    if (!(node->flags & F_BIGDATA)) {
        if (size > walk->page_size - at)
            return damaged(walk, "a record beyond its page", page->number);
        *ret_value = str_from((const char *)page + at, size);
        return 0;
    }
    if (at + sizeof(number) > walk->page_size)
        return damaged(walk, "a record beyond its page", page->number);
    memcpy(&number, (const char *)page + at, sizeof(number));
    uint64_t needed = (PAGE_HEAD + size + walk->page_size - 1) / walk->page_size;
    int err = use(walk, number, 1);
    if (err != 0)
        return err;
    const struct page *overflow = page_at(walk, number);
    if (overflow->number != number || (overflow->flags & ~P_DIRTY) != P_OVERFLOW ||
        overflow->pages < needed)
        return damaged(walk, "not the page of a large record", number);
    /* A record that became smaller may keep the pages that it had. */
    if (overflow->pages > 1 && (err = use(walk, number + 1, overflow->pages - 1)) != 0)
        return err;
    walk->tree->db.overflow_pages += overflow->pages;
    *ret_value = str_from((const char *)overflow + PAGE_HEAD, size);
    return 0;
}

static int walk_leaf(struct walk *walk, const struct page *page, size_t count,
                     const struct range *range)
{
    struct tree *tree = walk->tree;
    for (size_t i = 0; i < count; i++) {
        struct str key, value;
        const struct node *node = node_at(walk, page, i, &key);
        if (node == NULL)
            return damaged(walk, "a key beyond its page", page->number);
        if (!is_within(walk, key, range) ||
            (tree->last_key.data != NULL && compare(walk, tree->last_key, key) >= 0))
            return damaged(walk, "keys out of order", page->number);
        tree->last_key = key;
        if ((node->flags & ~F_BIGDATA) != (tree->kind == TREE_MAIN ? F_SUBDATA : 0))
            return damaged(walk, "a record of an unknown kind", page->number);
        int err = read_value(walk, page, node, &value);
        if (err == 0 && tree->kind == TREE_FREE_LIST)
            err = note_free(walk, value, page->number);
        else if (err == 0 && tree->kind == TREE_MAIN)
            err = note_table(walk, key, value, page->number);
        else if (err == 0)
            err = walk->visitor->record(walk->visitor->ctx, tree->name, key, value);
        if (err != 0)
            return err;
    }
    tree->db.entries += count;
    return 0;
}

static int walk_page(struct walk *walk, uint64_t number, int depth, const struct range *range);

static int walk_branch(struct walk *walk, const struct page *page, size_t count, int depth,
                       const struct range *range)
{
    struct str key = range->from, next;
    for (size_t i = 0; i < count; i++) {
        struct str own;
        const struct node *node = node_at(walk, page, i, &own);
        if (node == NULL || (i + 1 < count && node_at(walk, page, i + 1, &next) == NULL))
            return damaged(walk, "a key beyond its page", page->number);
        /* The first key of a branch is not used. */
        struct range below = {i == 0 ? range->from : key, i + 1 < count ? next : range->before};
        if (i + 1 < count && !is_within(walk, next, &(struct range){below.from, range->before}))
            return damaged(walk, "branches out of order", page->number);
        uint64_t child = node->low | (uint64_t)node->high << 16 | (uint64_t)node->flags << 32;
        int err = walk_page(walk, child, depth + 1, &below);
        if (err != 0)
            return err;
        key = next;
    }
    return 0;
}

static int walk_page(struct walk *walk, uint64_t number, int depth, const struct range *range)
{
    struct tree *tree = walk->tree;
    int err = use(walk, number, 1);
    if (err != 0)
        return err;
    const struct page *page = page_at(walk, number);
    unsigned flags = page->flags & ~(unsigned)P_DIRTY;
    if (page->number != number || (flags != P_BRANCH && flags != P_LEAF))
        return damaged(walk, "not the page that belongs here", number);
    if (page->lower < PAGE_HEAD || page->lower > page->upper || page->upper > walk->page_size ||
        page->lower % 2 != 0)
        return damaged(walk, "a page's head", number);
    size_t count = (size_t)(page->lower - PAGE_HEAD) / 2;
    if (count == 0 || (flags == P_BRANCH && count < 2))
        return damaged(walk, "a page without records", number);
    if (depth > tree->db.depth || (flags == P_LEAF) != (depth == tree->db.depth))
        return damaged(walk, "a branch of another height", number);
    ++*(flags == P_LEAF ? &tree->db.leaf_pages : &tree->db.branch_pages);
    return flags == P_LEAF ? walk_leaf(walk, page, count, range)
                           : walk_branch(walk, page, count, depth, range);
}

static int walk_tree(struct walk *walk, struct tree *tree, const struct db *db)
{
    walk->tree = tree;
    tree->db =
        (struct db){.flags = db->flags, .depth = db->depth, .root = db->root, .pad = db->pad};
    if (db->depth > DEPTH_MAX || (db->root == ROOT_NONE) != (db->depth == 0))
        return damaged(walk, "the root of a table", db->root);
    if (db->root != ROOT_NONE) {
        int err = walk_page(walk, db->root, 1, &(struct range){0});
        if (err != 0)
            return err;
    }
    if (memcmp(&tree->db, db, sizeof(*db)) != 0)
        return damaged(walk, "a table's counts are not those of its pages", db->root);
    return 0;
}

static bool is_meta(const struct walk *walk, uint64_t number, struct meta *ret_meta)
{
    if (walk->size < (number + 1) * walk->page_size)
        return false;
    const struct page *page = page_at(walk, number);
    memcpy(ret_meta, (const char *)page + PAGE_HEAD, sizeof(*ret_meta));
    return page->number == number && (page->flags & ~(unsigned)P_DIRTY) == P_META &&
           ret_meta->magic == META_MAGIC && ret_meta->version == DATA_VERSION &&
           ret_meta->free_list.pad == walk->page_size;
}

/* The head that txn_id wrote, or the newer one. */
static int choose_meta(struct walk *walk, uint64_t txn_id, struct meta *ret_meta)
{
    struct meta metas[2];
    for (uint64_t i = 0; i < 2; i++)
        if (!is_meta(walk, i, &metas[i]))
            return damaged(walk, "the file's head", i);
    int newer = metas[1].txn_id > metas[0].txn_id;
    int chosen = txn_id != 0 && metas[newer].txn_id != txn_id ? !newer : newer;
    if (txn_id != 0 && metas[chosen].txn_id != txn_id)
        return damaged(walk, "two transactions have passed meanwhile", (uint64_t)chosen);
    *ret_meta = metas[chosen];
    if (ret_meta->last_page < 1 || ret_meta->last_page >= SIZE_MAX / walk->page_size ||
        ret_meta->map_size / walk->page_size <= ret_meta->last_page)
        return damaged(walk, "the file's size in its head", (uint64_t)chosen);
    return 0;
}

static int walk_file(struct walk *walk, uint64_t txn_id)
{
    struct meta meta;
    int err = choose_meta(walk, txn_id, &meta);
    if (err != 0)
        return err;
    walk->page_count = meta.last_page + 1;
    if (walk->page_count / 2 > walk->size / walk->page_size + (1u << 20))
        return damaged(walk, "the file's size in its head", 0);
    walk->used = xcalloc(walk->page_count / 8 + 1, 1);
    size_t bytes = walk->page_count * walk->page_size;
    (void)madvise((void *)(uintptr_t)walk->map, bytes < walk->size ? bytes : walk->size,
                  MADV_WILLNEED);
    struct tree free_list = {.kind = TREE_FREE_LIST}, main = {.kind = TREE_MAIN};
    err = use(walk, 0, 2);
    if (err == 0)
        err = walk_tree(walk, &main, &meta.main);
    if (err == 0)
        err = walk_tree(walk, &free_list, &meta.free_list);
    if (err == 0 && walk->used_count + walk->free_count != walk->page_count)
        err = damaged(walk, "pages that are neither used nor free",
                      walk->page_count - walk->used_count - walk->free_count);
    free(walk->used);
    return err;
}

int pages_walk(const char *file, uint64_t txn_id, const struct pages_visitor *visitor,
               struct buf *ret_problem)
{
    struct walk walk = {
        .page_size = (size_t)sysconf(_SC_PAGESIZE), .visitor = visitor, .problem = ret_problem};
    struct stat stat;
    int fd = open(file, O_RDONLY | O_CLOEXEC), err = TIP_EIO;
    const void *map = MAP_FAILED;
    if (fd >= 0 && fstat(fd, &stat) == 0) {
        walk.size = (size_t)stat.st_size;
        map = mmap(NULL, walk.size, PROT_READ, MAP_SHARED, fd, 0);
    }
    if (map != MAP_FAILED) {
        walk.map = map;
        err = walk_file(&walk, txn_id);
        munmap((void *)(uintptr_t)map, walk.size);
    } else if (errno == EINVAL) { /* mmap refuses an empty file */
        err = damaged(&walk, "the file is empty", 0);
    } else {
        buf_addf(ret_problem, "cannot read %s: %s", file, strerror(errno));
    }
    if (fd >= 0)
        close(fd);
    return err;
}
