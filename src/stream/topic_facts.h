/* What Kafka says of the topics, for whoever looks after them. Blocks; for commands. */
#ifndef TIPSTER_STREAM_TOPIC_FACTS_H
#define TIPSTER_STREAM_TOPIC_FACTS_H

#include "base/buf.h"
#include "config/config.h"
#include "domain/record.h"

struct topic_facts {
    int partitions;           /* 0: there is no such topic, and the rest is empty */
    int replicas, in_sync;    /* of the partition that has the fewest */
    bool settings_known;      /* Kafka shows them to this user; else the next two are empty */
    int64_t retention_ms;     /* -1: for ever */
    char timestamp_type[32];  /* "LogAppendTime": the broker's clock */
    int64_t newest_record_ms; /* by that clock; -1: none, or an old broker */
};

/* Fills one per kind. TIP_EUNAVAIL: no broker; TIP_ECONFIG: settings that the client refuses.
 * ret_problem says it in one line. */
int topic_facts_read(const struct config *config, int timeout_ms,
                     struct topic_facts ret_facts[static RECORD_KINDS], struct buf *ret_problem);

/* "2.12.0" */
const char *stream_library_version(void);

#endif
