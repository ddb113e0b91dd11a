/*
 * The one writer of a view: opens or makes the environment, and applies changes to it in
 * transactions that hold the offsets as well. Owned by one thread. Readers of other processes go on
 * meanwhile and see whole transactions only.
 *
 *   begin, (apply | load | set)…, commit      or abort at any point before commit
 *
 * Errors: TIP_ERETRY: the map was too small; the transaction is gone and the map has grown: do the
 * same again from begin. TIP_EIO: the disk or LMDB refuses, TIP_EFATAL: the view contradicts itself
 * and must be built anew; abort, view_writer_problem says what. After any error only abort (or
 * close) is allowed; what was not committed is not there.
 *
 * Nothing is synced to disk: a killed process loses no commit, a stopped machine may lose the
 * view's consistency, which is why the boot id stands in it and view_writer_open looks at it.
 */
#ifndef TIPSTER_VIEW_WRITER_H
#define TIPSTER_VIEW_WRITER_H

#include "base/buf.h"
#include "domain/change.h"
#include "domain/decide.h"
#include "view/layout.h"

struct view_writer;

struct view_writer_options {
    const char *dir;        /* must exist; holds data.mdb and lock.mdb */
    const char *boot_id;    /* NULL: of this machine's run (view_boot_id) */
    int64_t half_life_ms;   /* of the weights: another one than the view's is refused */
    size_t map_bytes;       /* to begin with; 0: 1 GiB. Grows by itself */
    size_t sweep_users;     /* users looked at per commit while events are pending; 0: 20 000 */
    uint32_t shard, shards; /* users of other shards only count; shards 0 or 1: all are here */
    bool create;            /* make an empty one (state VIEW_BUILDING); else it must be there */
};

/*
 * Opens a view to write. TIP_ENOTFOUND: there is none (and create is not set). TIP_EINVAL: there is
 * one that cannot be continued and must be built anew: of another layout, machine run, half-life or
 * shard, or damaged. With create: TIP_EINVAL where one is already. ret_problem says what, for
 * people. view_writer_close forgets an open transaction; NULL is allowed.
 */
int view_writer_open(const struct view_writer_options *options, struct view_writer **ret_writer,
                     struct buf *ret_problem);
void view_writer_close(struct view_writer *writer);

/* This machine's run: from /proc/sys/kernel/random/boot_id; "unknown" where there is none. */
void view_boot_id(char ret_id[static VIEW_BOOT_ID_SIZE]);

/* The shard of a user, 0 to shards - 1. */
uint32_t view_shard_of(struct str company, struct str user_id, uint32_t shards);

int view_writer_begin(struct view_writer *writer);
/*
 * Brings the counts and lists of what was applied up to date, looks at the next sweep_users users
 * for pending events, and commits.
 */
int view_writer_commit(struct view_writer *writer);
/* Also after an error; nothing happens when no transaction is open. */
void view_writer_abort(struct view_writer *writer);
/* What the last error was about; "" for none. */
const char *view_writer_problem(const struct view_writer *writer);
/* Whether users are still to be brought up to date with changed events: then commit again soon,
 * also without changes. Answers are exact meanwhile, only slower. Between transactions too. */
bool view_writer_is_behind(const struct view_writer *writer);

/* Where a change stands in its topic. */
struct view_position {
    int32_t partition;
    uint64_t position; /* position_of(generation, offset) */
};

/*
 * Applies one change of a topic, deciding with domain/decide.h as ingest does; one that was applied
 * before changes nothing. Changes of one partition come in their order (again from an earlier one
 * on: harmless). ret_decision: APPLY, ABSORB, SUPERSEDED, or REJECT (another coupon has the id):
 * then nothing changed. An erasure is APPLY. The change may be released afterwards.
 */
int view_writer_apply(struct view_writer *writer, const struct change *change,
                      const struct view_position *position, enum decision *ret_decision);

/*
 * How far a partition of a topic has been applied, as stream_offsets has it. topic is the name.
 * _each: all of them, by topic and partition; a negative return of visit ends it. Both inside a
 * transaction.
 */
struct view_partition {
    struct str topic;
    int32_t partition;
    unsigned generation;
    int64_t next_offset;
    struct str cluster_id, topic_id; /* at most 64 bytes */
};
int view_writer_set_offset(struct view_writer *writer, const struct view_partition *partition);
typedef int (*view_partition_visit)(void *ctx, const struct view_partition *partition);
int view_writer_each_offset(struct view_writer *writer, view_partition_visit visit, void *ctx);

/* The head of the view, as this transaction (or the last one) has it. */
struct view_meta view_writer_meta(const struct view_writer *writer);
/* In a transaction. */
int view_writer_set_state(struct view_writer *writer, enum view_state state);
int view_writer_set_heartbeat(struct view_writer *writer, int64_t now_ms);
/* Where the first contents came from, for people; at most 400 bytes. */
int view_writer_set_source(struct view_writer *writer, struct str source);
/*
 * Events that begin before from_ms need not be listed any more (never moves back): takes up to
 * max_events of them out of the lists. >0: there are more. In a transaction.
 */
int view_writer_prune(struct view_writer *writer, int64_t from_ms, size_t max_events);

/* Pages in use and the size of the map, for metrics. */
struct view_size {
    size_t used_bytes, map_bytes;
};
struct view_size view_writer_size(const struct view_writer *writer);

/* What the records take, in pages: of events with their lists, of users. In a transaction. */
struct view_usage {
    size_t event_bytes, user_bytes;
};
int view_writer_usage(const struct view_writer *writer, struct view_usage *ret_usage);

/*
 * Bulk load into a view that is VIEW_BUILDING and has had no view_writer_apply yet: all events,
 * then all users, each sorted by company and id as the tables' primary keys are (another order is
 * only slower and wastes room), in as many transactions as one likes (some 10 000 records each),
 * then view_writer_load_end in the last one or in one of its own. Each key once. What the rows of
 * one user say must be of one moment (read in one statement or one snapshot); apart from that the
 * rows may be of different moments, since the topics are followed from before the first.
 */
struct view_load_event {
    struct str company;
    const struct event *event; /* only event_id and version set where it is not known */
    bool known;                /* it has attributes (sport is not null) */
    bool withdrawn;
    uint64_t position;
};
int view_writer_load_event(struct view_writer *writer, const struct view_load_event *event);

struct view_load_coupon {
    struct str coupon_id;
    const uint8_t *content_hash; /* 32 bytes */
    int64_t placed_at_ms;
    const struct str *event_ids; /* of its selections, sorted by bytes */
    size_t event_count;
};
struct view_load_user {
    struct str company, user_id;
    bool known; /* there is a record: position and version are its */
    uint64_t position;
    int64_t version;                        /* or VERSION_NONE */
    const struct view_load_coupon *coupons; /* in any order */
    size_t coupon_count;
};
int view_writer_load_user(struct view_writer *writer, const struct view_load_user *user);
/* Writes the counts and the lists by popularity. */
int view_writer_load_end(struct view_writer *writer);

#endif
