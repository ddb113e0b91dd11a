/*
 * The inside of `tipster doctor`: findings, and the checks that make them. A check is a function in
 * a table; it adds one finding, or several when it looks at several things.
 */
#ifndef TIPSTER_CLI_DOCTOR_H
#define TIPSTER_CLI_DOCTOR_H

#include "base/buf.h"
#include "config/config.h"
#include "domain/record.h"
#include "store/server_facts.h"
#include "stream/topic_facts.h"

enum verdict { VERDICT_OK, VERDICT_WARN, VERDICT_FAIL, VERDICTS };

enum { DOCTOR_FINDINGS_MAX = 40 };

struct diagnosis {
    const char *name; /* of the check; a constant */
    enum verdict verdict;
    struct buf detail;  /* what is so, one line */
    const char *remedy; /* what to do about it; a constant, NULL when it is ok */
};

struct doctor {
    struct config config;
    struct db *db; /* NULL: not reached */
    struct server_facts server;
    bool kafka_known;
    struct topic_facts topics[RECORD_KINDS];
    struct diagnosis findings[DOCTOR_FINDINGS_MAX];
    size_t count;
};

/* Notes a finding and returns its detail, to be written. remedy: where the verdict is not ok. */
struct buf *doctor_note(struct doctor *doctor, const char *name, enum verdict verdict,
                        const char *remedy);

/* The servers: doctor_servers.c. */
void doctor_database(struct doctor *doctor);
void doctor_schema(struct doctor *doctor);
void doctor_company(struct doctor *doctor);
void doctor_database_settings(struct doctor *doctor);
void doctor_kafka(struct doctor *doctor);
void doctor_topics(struct doctor *doctor);

/* This machine: doctor_machine.c. */
void doctor_programs(struct doctor *doctor);
void doctor_ports(struct doctor *doctor);
void doctor_disks(struct doctor *doctor);
void doctor_files(struct doctor *doctor);
void doctor_libraries(struct doctor *doctor);

#endif
