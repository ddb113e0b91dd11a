/*
 * The inside of `tipster status`: what was seen of the whole system at one moment, and how it is
 * shown. Each part is looked at in the way that works when others are down; `how` says which it
 * was.
 */
#ifndef TIPSTER_CLI_STATUS_H
#define TIPSTER_CLI_STATUS_H

#include "base/buf.h"
#include "config/config.h"
#include "domain/record.h"

#include <stdio.h>

enum { STATUS_REJECTS_SHOWN = 5 };

/* X(name in texts) */
#define STATUS_PARTS(X) X(serve) X(ingest) X(index) X(database) X(kafka)
enum part_kind {
#define X(name) PART_##name,
    STATUS_PARTS(X)
#undef X
        PART_KINDS
};

enum part_state { PART_UP, PART_LATE, PART_DOWN, PART_OFF };

struct part {
    enum part_state state;
    char how[300];     /* where this was seen */
    struct buf detail; /* one line */
};

/* Of one kind of record; -1: not known. */
struct topic_status {
    int64_t end, stored, lag;
};

struct reject {
    int64_t at_ms;
    char company[40], kind[20], id[70], user_id[70], reason[40];
};

struct status {
    int64_t now_ms, monotonic_ms;
    struct part parts[PART_KINDS];
    struct topic_status topics[RECORD_KINDS];
    char lag_how[100];
    double requests, server_errors, in_flight; /* of serve; requests -1: not known */
    struct reject rejects[STATUS_REJECTS_SHOWN];
    size_t reject_count;
    bool rejects_known;
};

/* What is kept open between two looks. */
struct status_eyes;
struct status_eyes *status_eyes_new(const struct config *config, const char *company);
void status_eyes_free(struct status_eyes *eyes);

/* company "": the rejects of all of them (of the first hundred). */
void status_look(struct status_eyes *eyes, struct status *ret_status);
void status_release(struct status *status);

/* Nothing is down. */
bool status_is_good(const struct status *status);

/* Rates are the differences to an earlier look. */
void status_print(const struct status *before, const struct status *now, FILE *out);
void status_print_json(const struct status *before, const struct status *now, FILE *out);

#endif
