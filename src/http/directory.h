/*
 * What the server knows of companies: the database's rows, read again every few seconds by one
 * worker and shared by all of them. What was read last stays while the database is away. Over how
 * many partitions a company's keys spread is never taken from the settings: another number than the
 * one its row was made with would tear users from their coupons. Until it was read for the first
 * time, writes cannot be taken.
 */
#ifndef TIPSTER_HTTP_DIRECTORY_H
#define TIPSTER_HTTP_DIRECTORY_H

#include "base/buf.h"
#include "config/config.h"
#include "store/db.h"

struct pool;

struct directory_company {
    int32_t partitions; /* its keys spread over so many */
    bool include_started;
};

/* In the parent, before the fork. config must live on. */
void directory_setup(const struct config *config);
/* Reads now, on the caller's connection. TIP_ENOTFOUND: the company has no row; others as db.h. */
int directory_read(struct db *db);
/* In the one worker that watches; pool: threads with a backend. */
void directory_watch(struct pool *pool);

/*
 * The company that calls without a key act for. TIP_EUNAVAIL: not read yet; TIP_ENOTFOUND: it has
 * no row.
 */
int directory_company(struct directory_company *ret_company);
/* Whether events that have begun are recommended unless a request says otherwise. */
bool directory_includes_started(void);
/* A sentence for clients and operators about a failure of directory_company. */
void directory_problem(int err, struct buf *out);

/* Appends metrics. */
void directory_render(struct buf *out);

#endif
