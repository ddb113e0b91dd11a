/*
 * The inside of `tipster check`: what is found wrong and how it is told, and the parts that look.
 * See check.c for the order in which they run.
 */
#ifndef TIPSTER_CLI_CHECK_H
#define TIPSTER_CLI_CHECK_H

#include "cli/ledger.h"
#include "cli/progress.h"
#include "store/db.h"

#include <stdio.h>

/* X(name, text, meaning) */
#define FINDINGS(X)                                                                                \
    X(LOST, "lost", "acknowledged, but neither stored nor rejected, or undone")                    \
    X(DOUBLED, "doubled", "there more often than it was sent")                                     \
    X(ALTERED, "altered", "stored with another content than was sent")                             \
    X(DISPLACED, "displaced", "a later coupon took the place of an earlier one")                   \
    X(ERASED, "erased", "there as before an acknowledged erasure")                                 \
    X(REFUSED, "refused", "answered as invalid, but stored")                                       \
    X(INVALID, "invalid", "acknowledged, although it breaks the contract")                         \
    X(FOREIGN, "foreign", "stored or rejected, but in no ledger")                                  \
    X(COUNTS, "counts", "an event's count is not the number of its selections")                    \
    X(TOTALS, "totals", "record_counts is not the number of rows")                                 \
    X(PARTICIPANTS, "participants", "rows of event_participants are not what the event says")      \
    X(ORPHAN, "orphan", "a row without the coupon or event it belongs to")                         \
    X(COMPANY, "company", "rows of a company that is not there")

enum finding_kind {
#define X(name, text, meaning) FINDING_##name,
    FINDINGS(X)
#undef X
        FINDING_KINDS
};

enum { FINDINGS_SHOWN = 20 };

struct finding {
    enum finding_kind kind;
    const char *what; /* user, event, coupon or a table's name */
    char *user_id, *id, *detail;
};

/* What was counted of one kind of record. */
struct tally {
    uint64_t attempted, acknowledged, unknown, refused; /* attempts by outcome */
    uint64_t stored;                                    /* rows of the company */
    uint64_t absorbed;                    /* acknowledged repeats of the stored coupon */
    uint64_t rejected, database_rejected; /* rows of `rejected` */
};

struct report {
    struct tally tallies[RECORD_KINDS];
    uint64_t found[FINDING_KINDS];
    struct finding shown[FINDINGS_SHOWN];
    size_t shown_count;
};

/* Notes a finding; only the first FINDINGS_SHOWN are kept with their ids, all are counted. */
void report_find(struct report *report, enum finding_kind kind, const char *what,
                 struct str user_id, struct str id, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
uint64_t report_total(const struct report *report);
void report_print(const struct report *report, const char *company, FILE *out);
void report_print_json(const struct report *report, const char *company, FILE *out);
void report_release(struct report *report);

struct check {
    struct db *db;
    struct str company;
    bool partial; /* the ledger does not hold all that was sent */
    struct ledger *ledger;
    struct report *report;
    struct progress progress; /* in rows read */
    uint64_t rows;
};

/* Counts a row that was read, for whoever watches. */
static inline void check_row(struct check *check)
{
    progress_show(&check->progress, ++check->rows);
}

/* Each looks at one thing. Errors of db.h; findings are no errors. */
int check_rejected(struct check *check);
int check_coupons(struct check *check);
int check_users(struct check *check);
int check_events(struct check *check);
/* Counts, orphans, rows of other companies. */
int check_tables(struct check *check);

/* What is stored of a user or event: content is of its attributes. */
struct stored_state {
    bool there, known, withdrawn;
    int64_t version;
    uint8_t content[SHA256_SIZE];
};

/*
 * Whether the attempts on one user or event, in their order, allow this state in the end: attempts
 * that were acknowledged count in their order, unknown ones at any time from their own on or never.
 */
bool check_state_is_possible(const struct attempt *attempts, size_t count,
                             const struct stored_state *stored);

#endif
