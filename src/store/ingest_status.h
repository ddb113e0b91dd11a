/* What each ingest process says of itself, in the database, for /metrics of serve to show. */
#ifndef TIPSTER_STORE_INGEST_STATUS_H
#define TIPSTER_STORE_INGEST_STATUS_H

#include "store/db.h"

/* Counters since the process started; X(field, name of the metric, help). */
#define INGEST_COUNTERS(X)                                                                         \
    X(users_stored, "tipster_ingest_users_stored_total", "Users written to the database.")         \
    X(events_stored, "tipster_ingest_events_stored_total",                                         \
      "Events and withdrawals written to the database.")                                           \
    X(coupons_stored, "tipster_ingest_coupons_stored_total", "Coupons written to the database.")   \
    X(absorbed, "tipster_ingest_absorbed_total", "Repeated coupons that changed nothing.")         \
    X(superseded, "tipster_ingest_superseded_total",                                               \
      "Users and events that something newer had overtaken.")                                      \
    X(rejected, "tipster_ingest_rejected_total", "Records that went to the table `rejected`.")     \
    X(erased, "tipster_ingest_erased_total",                                                       \
      "Erasures applied: one of a user and one of the user's coupons.")                            \
    X(batches, "tipster_ingest_batches_total", "Transactions committed.")                          \
    X(database_retries, "tipster_ingest_database_retries_total",                                   \
      "Transactions rolled back and repeated.")                                                    \
    X(fenced, "tipster_ingest_fenced_total",                                                       \
      "Batches dropped because the partition had another owner.")

/* The label of these metrics with the process's name. Not "instance": a Prometheus that scrapes
 * sets that one itself. */
#define INGEST_LABEL "ingest_instance"

struct ingest_counters {
#define X(field, metric, help) uint64_t field;
    INGEST_COUNTERS(X)
#undef X
};

struct ingest_status {
    char instance[129];
    int64_t updated_at_ms;
    struct ingest_counters counters;
};

int ingest_status_write(struct db *db, const struct ingest_status *status);
/* The processes heard of since `since_ms`, at most `capacity`. */
int ingest_status_read(struct db *db, int64_t since_ms, struct ingest_status *ret_statuses,
                       size_t capacity, size_t *ret_count);

#endif
