/* Companies: what is fixed or set for each. */
#ifndef TIPSTER_STORE_COMPANY_H
#define TIPSTER_STORE_COMPANY_H

#include "domain/change.h"
#include "store/db.h"

struct company {
    char id[COMPANY_MAX_BYTES + 1];
    int32_t partitions; /* its keys spread over so many, for ever */
    bool include_started;
};

/* Whether text can be a company's id: 1 to 32 of a-z, 0-9, '-', '_'. */
bool company_id_is_valid(const char *text);

/* Makes a company unless it is there. Fixes its spread of partitions. */
int company_add(struct db *db, const char *id, int32_t partitions, bool *ret_added);

/* TIP_ENOTFOUND when there is none of this id. */
int company_read(struct db *db, const char *id, struct company *ret_company);

#endif
