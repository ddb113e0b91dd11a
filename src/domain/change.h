/*
 * A Kafka record as the rest of the program sees it: whose, what kind of change, and the decoded
 * record. Encoding (key, headers) and decoding stand side by side here.
 *
 * Key: company NUL id. Headers: company, kind (put, delete, erase), schema (1), request_id.
 */
#ifndef TIPSTER_DOMAIN_CHANGE_H
#define TIPSTER_DOMAIN_CHANGE_H

#include "domain/codec.h"

enum change_kind { CHANGE_PUT, CHANGE_DELETE, CHANGE_ERASE, CHANGE_KINDS };

enum { COMPANY_MAX_BYTES = 32, REQUEST_ID_MAX_BYTES = 64, CHANGE_SCHEMA = 1 };

/* Position in a partition: comparable also after the topic was made anew. */
#define POSITION_OFFSET_BITS 48
static inline uint64_t position_of(unsigned generation, int64_t offset)
{
    return ((uint64_t)generation << POSITION_OFFSET_BITS) | (uint64_t)offset;
}

/* The undecoded parts; slices that the consumer's message owns. Absent parts have data NULL. */
struct change_source {
    struct str key, value;
    struct str company, kind, schema, request_id; /* headers */
};

struct change {
    enum change_kind kind;
    struct str company, request_id;
    struct record record;     /* CHANGE_DELETE: only the id and version are set; CHANGE_ERASE: only
                               * the user_id, of a user or a coupon */
    uint8_t content_hash[32]; /* of the canonical form; coupons only */
};

const char *change_kind_name(enum change_kind kind);

/*
 * Decodes what stands in topic of kind. now_ms is not a bound here: what was accepted stays
 * accepted. Returns 0, or TIP_EINVAL for a poison record: ret_detail (a buffer of detail_size) says
 * why. The caller releases ret_change->record. company and request_id are slices of source.
 */
int change_decode(enum record_kind kind, const struct change_source *source,
                  struct change *ret_change, char *ret_detail, size_t detail_size);
void change_release(struct change *change);

/* Appends company NUL id. */
void change_key(struct str company, struct str id, struct buf *out);
/* Appends the value of a withdrawal. version: or VERSION_NONE. */
void change_delete_value(struct str event_id, int64_t version, struct buf *out);
/* Appends the value of an erasure: one and the same in the topics of users and of coupons. */
void change_erase_value(struct str user_id, struct buf *out);

enum { PARTITIONS_MAX = 1024 };

/*
 * The partitions that a company's keys spread over, chosen by rendezvous hashing (Thaler,
 * Ravishankar 1998), so that the choice depends on nothing but the company, `partitions` (at most
 * PARTITIONS_MAX) and `count`. Fixed when the company is made: another choice would tear users from
 * their coupons.
 */
struct partition_set {
    int32_t count;
    int32_t members[PARTITIONS_MAX];
};

void partition_set_choose(struct str company, int32_t partitions, int32_t count,
                          struct partition_set *ret_set);
/* The partition of an id: the same for a user and for the coupons of that user. */
int32_t partition_of(const struct partition_set *set, struct str key_id);

#endif
