/*
 * Reads the pages of an LMDB file without LMDB, trusting nothing that stands in them: LMDB itself
 * believes its file, and a flipped bit there ends in a crash or in a wrong answer. Checked are the
 * heads, every page's own number and kind, that each page is used once and none is both used and
 * free, the order of all keys and that of the branches over them, and the counts of pages and
 * records. What stands in the records is the visitor's to judge (digest.h).
 *
 * For the format of LMDB 0.9 (data version 1), plain tables only, 64-bit machines, little-endian.
 */
#ifndef TIPSTER_VIEW_PAGES_H
#define TIPSTER_VIEW_PAGES_H

#include "base/buf.h"

struct pages_visitor {
    void *ctx;
    /* A record of a named table; a negative return ends the walk. */
    int (*record)(void *ctx, struct str table, struct str key, struct str value);
    /* Asked now and then; true ends the walk. May be NULL. */
    bool (*stop)(void *ctx);
};

/*
 * Walks what the transaction txn_id left (0: the last one). While somebody writes, a read
 * transaction on txn_id must be open. TIP_EINVAL: damaged, or the pages of txn_id are gone;
 * TIP_EIO: the file cannot be read; TIP_ETIMEOUT: told to stop; what record returned. ret_problem
 * says it in one line.
 */
int pages_walk(const char *file, uint64_t txn_id, const struct pages_visitor *visitor,
               struct buf *ret_problem);

#endif
