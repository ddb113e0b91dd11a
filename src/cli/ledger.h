/*
 * A ledger: what a client sent and what it was answered, for holding against what is stored. Text,
 * append-only, one entry per line, fields separated by tabs; a last line without its newline (the
 * writer died) is ignored:
 *
 *   attempt SEQ coupon|user|event put|delete|erase v1|older PAYLOAD-JSON
 *       written durably before it is sent
 *   outcome SEQ ok|fail|unknown
 *       written when it is known; none: unknown
 *
 * SEQ is unique in its file. The order of the attempts of one id is their order in the file (one
 * connection per id; for a user that is erased, the coupons' attempts too). Payloads are read with
 * the program's own codec and kept as a hash of their canonical form.
 */
#ifndef TIPSTER_CLI_LEDGER_H
#define TIPSTER_CLI_LEDGER_H

#include "base/buf.h"
#include "base/sha256.h"
#include "domain/record.h"
#include "store/read_arena.h"

enum attempt_outcome { OUTCOME_UNKNOWN, OUTCOME_OK, OUTCOME_FAIL };

struct attempt {
    enum record_kind kind;
    enum attempt_outcome outcome;
    bool withdrawal;
    bool erasure;           /* of a user, with the coupons */
    bool valid;             /* the payload keeps the contract; an invalid one has no ids */
    struct str user_id, id; /* user_id: of coupons, else empty */
    uint64_t seq;
    size_t place; /* over all files, in the order read */
    int64_t version;
    uint8_t content[SHA256_SIZE]; /* of the canonical form, without its version; of a put */
    /* for the checker, cleared: rows of `rejected` with this content (noted at the first attempt
     * that has it) */
    unsigned rejected_rows;
    bool refused_by_database;
};

/* The attempts of one id, in their order. */
struct ledger_key {
    struct attempt *attempts;
    size_t count;
    /* for the checker, cleared */
    bool stored;
    uint8_t content[SHA256_SIZE];
};

struct ledger {
    struct arena bytes;
    struct attempt *attempts;
    size_t count, capacity;
    struct ledger_key *keys; /* by kind, user_id, id */
    size_t key_count;
};

/*
 * Adds a file. now_ms bounds what is a valid payload. TIP_EIO; TIP_ESYNTAX for a line that is not
 * of the form, an outcome without its attempt or a number that is there twice. ret_problem says it
 * in one line.
 */
int ledger_read(struct ledger *ledger, const char *path, int64_t now_ms, struct buf *ret_problem);

/* Groups the attempts by id; once, after all files. */
void ledger_index(struct ledger *ledger);

/* The key of this id (user_id empty but for coupons), or NULL. */
struct ledger_key *ledger_find(const struct ledger *ledger, enum record_kind kind,
                               struct str user_id, struct str id);

void ledger_release(struct ledger *ledger);

/* The hash by which contents are compared: of the canonical form without its version. */
void ledger_content(const struct record *record, uint8_t ret_content[static SHA256_SIZE]);

#endif
