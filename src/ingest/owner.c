/* Owned partitions; see owner.h. */
#include "ingest/owner.h"

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "stream/topics.h"

#include <stdlib.h>

enum { IDENTIFY_TIMEOUT_MS = 5000 };

struct owner {
    const struct config *config;
    char topics[RECORD_KINDS][TOPIC_NAME_SIZE];
    struct topic_identity identity[RECORD_KINDS];
    struct owned_partition *partitions;
    size_t count;
};

struct owner *owner_new(const struct config *config)
{
    struct owner *owner = xcalloc(1, sizeof(*owner));
    owner->config = config;
    for (int kind = 0; kind < RECORD_KINDS; kind++)
        topic_name(config, (enum record_kind)kind, owner->topics[kind]);
    return owner;
}

void owner_free(struct owner *owner)
{
    owner_drop(owner);
    free(owner);
}

void owner_drop(struct owner *owner)
{
    free(owner->partitions);
    owner->partitions = NULL;
    owner->count = 0;
}

static void adopt(struct owner *owner, const struct partition_claim *claims,
                  struct partition *partitions, size_t count)
{
    owner_drop(owner);
    owner->partitions = xcalloc(count, sizeof(*owner->partitions));
    owner->count = count;
    for (size_t i = 0; i < count; i++) {
        owner->partitions[i] = (struct owned_partition){
            .claim = claims[i], .kind = partitions[i].kind, .read_next = claims[i].next_offset};
        partitions[i].offset = claims[i].next_offset;
        if (claims[i].next_offset == 0 && claims[i].generation > 1)
            log_warn("ingest",
                     "%s [%d] is another topic than before: generation %u, from its beginning",
                     claims[i].topic, claims[i].partition, claims[i].generation);
    }
}

int owner_claim(struct owner *owner, struct db *db, struct partition *partitions, size_t count,
                struct buf *ret_problem)
{
    int err = topics_identify(owner->config, IDENTIFY_TIMEOUT_MS, owner->identity, ret_problem);
    if (err != 0)
        return err;
    AUTO_FREE struct partition_claim *claims = xcalloc(count, sizeof(*claims));
    for (size_t i = 0; i < count; i++) {
        enum record_kind kind = partitions[i].kind;
        claims[i] = (struct partition_claim){.topic = owner->topics[kind],
                                             .partition = partitions[i].number,
                                             .cluster_id = owner->identity[kind].cluster_id,
                                             .topic_id = owner->identity[kind].topic_id};
    }
    err = offsets_claim(db, claims, count);
    if (err != 0) {
        buf_addf(ret_problem, "cannot claim partitions: %s", db_error(db));
        db_rollback(db);
        return err;
    }
    adopt(owner, claims, partitions, count);
    return 0;
}

struct owned_partition *owner_find(struct owner *owner, enum record_kind kind, int32_t number)
{
    for (size_t i = 0; i < owner->count; i++)
        if (owner->partitions[i].kind == kind && owner->partitions[i].claim.partition == number)
            return &owner->partitions[i];
    return NULL;
}

size_t owner_list(struct owner *owner, struct partition *ret_partitions, size_t capacity)
{
    size_t count = 0;
    for (size_t i = 0; i < owner->count && count < capacity; i++)
        ret_partitions[count++] =
            (struct partition){.kind = owner->partitions[i].kind,
                               .number = owner->partitions[i].claim.partition,
                               .offset = owner->partitions[i].claim.next_offset};
    return count;
}
