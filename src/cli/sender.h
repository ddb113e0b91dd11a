/*
 * Records to the /v1 ingest routes: collected into batches, sent over several connections, sent
 * again with back-off while the server is away (503, 429, lost connections). When a batch is
 * refused for some of its lines, those are reported and the others sent without them.
 *
 * A repeated record changes nothing (coupons by id and content; users and events are put again), so
 * an unclear outcome is simply sent again. With more than one connection the order in which batches
 * arrive is open.
 */
#ifndef TIPSTER_CLI_SENDER_H
#define TIPSTER_CLI_SENDER_H

#include "cli/load_report.h"
#include "domain/record.h"

enum {
    SENDER_BATCH_MAX = 1000,
    SENDER_CONNECTIONS_MAX = 1024,
    SENDER_RATE_MAX = 10000000,
};

struct sender_options {
    const char *url;    /* http://host:port */
    const char *key;    /* of the API; "": none */
    int connections;    /* 1 to SENDER_CONNECTIONS_MAX */
    int batch;          /* lines, up to SENDER_BATCH_MAX; 1: single JSON objects */
    int64_t rate_per_s; /* records; 0: as fast as it goes */
    int64_t retry_ms;   /* how long one batch is tried again before all is given up */
};

struct sender;

/* report and its progress outlive the sender. TIP_EINVAL: the URL is none. */
int sender_open(const struct sender_options *options, struct load_report *report,
                struct sender **ret_sender);
void sender_close(struct sender *sender);

/*
 * Takes a copy of one record, JSON without a newline; may wait for the network. After a failure
 * (TIP_EFATAL, TIP_EUNAVAIL) nothing more is sent: sender_problem says why.
 */
int sender_add(struct sender *sender, enum record_kind kind, struct str line,
               const struct origin *origin);
/* Sends what is left and waits for all answers; the same failures. */
int sender_finish(struct sender *sender);
/* One line for people about why sending ended; "" while all is well. */
const char *sender_problem(const struct sender *sender);

#endif
