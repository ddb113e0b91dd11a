/* Companies: what is fixed or set for each. */
#ifndef TIPSTER_STORE_COMPANY_H
#define TIPSTER_STORE_COMPANY_H

#include "domain/api_key.h"
#include "domain/change.h"
#include "store/db.h"

enum {
    COMPANY_NAME_MAX_BYTES = 400,
    COMPANY_LIMIT_DEFAULT = -1, /* as the settings say */
    COMPANY_LIMIT_MAX = 1000000,
    COMPANIES_PAGE_MAX = 500,
};

struct company {
    char id[COMPANY_MAX_BYTES + 1];
    char name[COMPANY_NAME_MAX_BYTES + 1];
    int32_t partitions; /* its keys spread over so many, for ever */
    bool include_started;
    bool disabled;
    int64_t limits[SCOPE_CLASSES]; /* per second and key; 0: none */
    int64_t created_at_ms;
};

/* Whether text can be a company's id: 1 to 32 of a-z, 0-9, '-', '_'. */
bool company_id_is_valid(const char *text);

/* Makes a company unless it is there. Fixes its spread of partitions. */
int company_add(struct db *db, const char *id, const char *name, int32_t partitions,
                bool *ret_added);

/* TIP_ENOTFOUND when there is none of this id. */
int company_read(struct db *db, const char *id, struct company *ret_company);
/* Writes name, include_started, disabled and limits. */
int company_write(struct db *db, const struct company *company);

/* Up to COMPANIES_PAGE_MAX companies after an id ("": from the start), by id. */
int company_page(struct db *db, const char *after, struct company *ret_companies,
                 size_t *ret_count);

#endif
