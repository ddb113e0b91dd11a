/* Coupons and rejects against the ledger; see check.h. */
#include "cli/check.h"

#include "base/err.h"
#include "domain/codec.h"
#include "domain/decide.h"
#include "store/audit.h"

static const char what[] = "coupon";

static bool same_content(const uint8_t *a, const uint8_t *b)
{
    return memcmp(a, b, SHA256_SIZE) == 0;
}

/* The first attempt of a key that has this content and was not refused; NULL when there is none. */
static struct attempt *attempt_of(const struct ledger_key *key, const uint8_t *content)
{
    for (size_t i = 0; i < key->count; i++)
        if (key->attempts[i].outcome != OUTCOME_FAIL && !key->attempts[i].withdrawal &&
            same_content(key->attempts[i].content, content))
            return &key->attempts[i];
    return NULL;
}

static enum record_kind kind_of(struct str name)
{
    for (int kind = 0; kind < RECORD_KINDS; kind++)
        if (str_equal(name, str_of(record_kind_name((enum record_kind)kind))))
            return (enum record_kind)kind;
    return RECORD_KINDS;
}

/* The attempt that a reject's payload comes from, or NULL. */
static struct attempt *rejected_attempt(struct check *check, enum record_kind kind,
                                        const struct audit_rejected *row)
{
    static struct violations violations;
    AUTO_RECORD record = {0};
    uint8_t content[SHA256_SIZE];
    struct str user_id = kind == RECORD_COUPON ? row->user_id : (struct str){0};
    struct ledger_key *key = ledger_find(check->ledger, kind, user_id, row->record_id);
    violations_clear(&violations);
    if (key == NULL ||
        record_parse(kind, GENERATION_CANONICAL, row->payload, 0, &record, &violations) != 0)
        return NULL;
    ledger_content(&record, content);
    return attempt_of(key, content);
}

static int on_rejected(void *arg, const struct audit_rejected *row)
{
    struct check *check = arg;
    enum record_kind kind = kind_of(row->kind);
    check_row(check);
    if (kind == RECORD_KINDS) {
        report_find(check->report, FINDING_FOREIGN, "rejected", row->user_id, row->record_id,
                    "of no known kind");
        return 0;
    }
    struct tally *tally = &check->report->tallies[kind];
    tally->rejected++;
    bool by_database = str_equal(row->reason, str_of(reject_reason_text(REJECT_DATABASE)));
    tally->database_rejected += by_database;
    if (row->erased)
        return 0; /* nothing says of which attempt it was */
    struct attempt *attempt = rejected_attempt(check, kind, row);
    if (attempt != NULL) {
        attempt->rejected_rows++;
        attempt->refused_by_database = attempt->refused_by_database || by_database;
    } else if (!check->partial) {
        report_find(check->report, FINDING_FOREIGN, "rejected", row->user_id, row->record_id,
                    "%.*s: no attempt has this content", (int)row->reason.len, row->reason.data);
    }
    return 0;
}

int check_rejected(struct check *check)
{
    return audit_rejected(check->db, check->company, on_rejected, check);
}

static int on_coupon(void *arg, const struct audit_coupon *row)
{
    struct check *check = arg;
    struct record record = {.kind = RECORD_COUPON, .coupon = row->coupon};
    struct str user_id = row->coupon.user_id, id = row->coupon.coupon_id;
    uint8_t content[SHA256_SIZE];
    check_row(check);
    check->report->tallies[RECORD_COUPON].stored++;
    ledger_content(&record, content);
    if (row->selection_rows > SELECTIONS_MAX || !same_content(content, row->content_hash))
        report_find(check->report, FINDING_ALTERED, what, user_id, id,
                    "its rows (%zu selections) are not the content of its hash",
                    row->selection_rows);
    struct ledger_key *key = ledger_find(check->ledger, RECORD_COUPON, user_id, id);
    if (key != NULL) {
        key->stored = true;
        memcpy(key->content, row->content_hash, SHA256_SIZE);
    } else if (!check->partial) {
        report_find(check->report, FINDING_FOREIGN, what, user_id, id, "no attempt has this id");
    }
    return 0;
}

/* What is known of the erasures of a coupon's user. */
struct erasures {
    bool sure, unknown; /* there is an acknowledged one; one that may happen at any time */
    size_t place;       /* of the last acknowledged one */
};

static struct erasures erasures_of(const struct check *check, struct str user_id)
{
    struct erasures erasures = {0};
    const struct ledger_key *key =
        ledger_find(check->ledger, RECORD_USER, (struct str){0}, user_id);
    for (size_t i = 0; key != NULL && i < key->count; i++) {
        const struct attempt *attempt = &key->attempts[i];
        if (!attempt->erasure)
            continue;
        if (attempt->outcome == OUTCOME_OK) {
            erasures.sure = true;
            erasures.place = attempt->place;
        }
        erasures.unknown = erasures.unknown || attempt->outcome == OUTCOME_UNKNOWN;
    }
    return erasures;
}

/* Acknowledged before an acknowledged erasure: nothing of it may be there. */
static bool is_gone(const struct attempt *attempt, const struct erasures *erasures)
{
    return erasures->sure && attempt->outcome == OUTCOME_OK && attempt->place < erasures->place;
}

/* The stored content must be that of the attempt that came first: the first acknowledged one, or an
 * unknown one before it. */
static void judge_stored(struct check *check, const struct ledger_key *key,
                         const struct erasures *erasures)
{
    bool later = false, refused = false, acknowledged = false, gone = false;
    for (size_t i = 0; i < key->count; i++) {
        const struct attempt *attempt = &key->attempts[i];
        bool same = same_content(attempt->content, key->content);
        if (is_gone(attempt, erasures)) {
            gone = gone || same;
            continue;
        }
        if (attempt->outcome == OUTCOME_FAIL)
            refused = refused || same;
        else if (same && (!acknowledged || erasures->unknown))
            return;
        else if (same)
            later = true;
        /* One that the database refused leaves its place free. */
        acknowledged =
            acknowledged || (attempt->outcome == OUTCOME_OK && !attempt->refused_by_database);
    }
    const struct attempt *first = key->attempts;
    if (later)
        report_find(check->report, FINDING_DISPLACED, what, first->user_id, first->id,
                    "a later content stands in place of an acknowledged one");
    else if (refused)
        report_find(check->report, FINDING_REFUSED, what, first->user_id, first->id,
                    "its content was answered as invalid");
    else if (!gone) /* that it is there again is told by judge_content */
        report_find(check->report, FINDING_ALTERED, what, first->user_id, first->id,
                    "no attempt has its content");
}

/* All attempts with the content of attempts[first], which is the first of them. */
static void judge_content(struct check *check, const struct ledger_key *key, size_t first,
                          const struct erasures *erasures)
{
    const struct attempt *attempt = &key->attempts[first];
    bool stored = key->stored && same_content(key->content, attempt->content);
    unsigned acknowledged = 0, unknown = 0, rows = attempt->rejected_rows;
    for (size_t i = first; i < key->count; i++) {
        if (!same_content(key->attempts[i].content, attempt->content) ||
            is_gone(&key->attempts[i], erasures))
            continue;
        acknowledged += key->attempts[i].outcome == OUTCOME_OK;
        unknown += key->attempts[i].outcome == OUTCOME_UNKNOWN;
    }
    bool gone = erasures->sure && acknowledged + unknown == 0;
    if (gone && (stored || rows > 0))
        report_find(check->report, FINDING_ERASED, what, attempt->user_id, attempt->id,
                    "attempt %llu: %s, although its user was erased after it",
                    (unsigned long long)attempt->seq, stored ? "stored" : "rejected");
    if (gone)
        return;
    if (stored && acknowledged > 1)
        check->report->tallies[RECORD_COUPON].absorbed += acknowledged - 1;
    if (stored && rows > 0)
        report_find(check->report, FINDING_DOUBLED, what, attempt->user_id, attempt->id,
                    "stored, and rejected %u times with the same content", rows);
    else if (!stored && rows < acknowledged && !erasures->unknown)
        report_find(check->report, FINDING_LOST, what, attempt->user_id, attempt->id,
                    "attempt %llu: acknowledged %u times, %s, rejected %u times",
                    (unsigned long long)attempt->seq, acknowledged,
                    key->stored ? "another content is stored" : "not stored", rows);
    else if (!stored && rows > acknowledged + unknown)
        report_find(check->report, FINDING_DOUBLED, what, attempt->user_id, attempt->id,
                    "attempt %llu: rejected %u times, sent %u times",
                    (unsigned long long)attempt->seq, rows, acknowledged + unknown);
}

static void judge_key(struct check *check, const struct ledger_key *key)
{
    struct erasures erasures = erasures_of(check, key->attempts->user_id);
    if (key->stored)
        judge_stored(check, key, &erasures);
    for (size_t i = 0; i < key->count; i++)
        if (key->attempts[i].valid &&
            attempt_of(key, key->attempts[i].content) == &key->attempts[i])
            judge_content(check, key, i, &erasures);
}

int check_coupons(struct check *check)
{
    int err = audit_coupons(check->db, check->company, on_coupon, check);
    for (size_t i = 0; err == 0 && i < check->ledger->key_count; i++)
        if (check->ledger->keys[i].attempts->kind == RECORD_COUPON &&
            check->ledger->keys[i].attempts->valid)
            judge_key(check, &check->ledger->keys[i]);
    return err;
}
