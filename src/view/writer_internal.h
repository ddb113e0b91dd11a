/* What the files of the writer share; see writer.h for what it is. */
#ifndef TIPSTER_VIEW_WRITER_INTERNAL_H
#define TIPSTER_VIEW_WRITER_INTERNAL_H

#include "view/event_cache.h"
#include "view/history.h"
#include "view/table.h"
#include "view/writer.h"

/* A pass over a company's users that brings them up to date with changed events. */
struct sweep {
    bool active;
    uint32_t company;
    struct hash_index events; /* those that the pass is for */
    uint32_t *numbers;        /* the same */
    size_t count, capacity;
    char after[64]; /* user_id up to which it has come */
    size_t after_len;
};

struct view_writer {
    struct tables tables;
    struct view_meta meta;      /* as this transaction has it */
    struct view_meta committed; /* as the last one left it */
    bool meta_changed;
    int64_t half_life_ms;
    size_t sweep_users;
    struct event_cache events;
    struct sweep sweep;
    struct history history; /* scratch: the user at hand */
    struct buf record;      /* scratch: what is being put together */
    struct buf text;
    struct buf problem;
    struct str company_name; /* of the company looked up last, in company_bytes */
    char company_bytes[64];
    uint32_t company;
    bool loading;              /* view_writer_load_end is still to come */
    struct loaded_bet *loaded; /* scratch of writer_load.c */
    size_t loaded_capacity;
};

/* After TIP_ERETRY: gives up the transaction and makes the map larger. Returns err, or TIP_EIO. */
int writer_after_full(struct view_writer *writer, int err);
/* Keeps the first problem. Returns err. */
int writer_fail(struct view_writer *writer, int err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A contradiction in the tables. */
#define WRITER_DAMAGED(writer, what)                                                               \
    writer_fail(writer, TIP_EFATAL, "the view is damaged: %s", what)

/* writer_names.c: numbers for names, made on demand. Errors as table.h. */
int writer_company(struct view_writer *writer, struct str company, uint32_t *ret_number);
int writer_member(struct view_writer *writer, uint32_t company, uint32_t sport, struct str name,
                  uint32_t *ret_number);
int writer_group(struct view_writer *writer, uint32_t company, const struct event *event,
                 uint32_t *ret_group, uint32_t *ret_sport);
/* Notes that a member has listed events in a group. */
int writer_pair(struct view_writer *writer, uint32_t company, uint32_t member, uint32_t group);

/* writer_events.c */
/* The entry of an event; one that nobody named before is made. */
int writer_event(struct view_writer *writer, uint32_t company, struct str event_id,
                 struct event_entry **ret_entry);
int writer_event_by_number(struct view_writer *writer, uint32_t number,
                           struct event_entry **ret_entry);
int writer_apply_event(struct view_writer *writer, const struct change *change, uint64_t position,
                       enum decision *ret_decision);
int writer_load_event(struct view_writer *writer, const struct view_load_event *event);
/* What stands in the runs of a listed event. */
int writer_run_value(struct view_writer *writer, uint32_t event, struct buf *out);
/* Brings counts and popular up to date with what changed. */
int writer_flush_counts(struct view_writer *writer);

/* writer_users.c */
int writer_apply_user(struct view_writer *writer, const struct change *change, uint64_t position,
                      enum decision *ret_decision);
int writer_apply_coupon(struct view_writer *writer, const struct change *change,
                        enum decision *ret_decision);
int writer_load_user(struct view_writer *writer, const struct view_load_user *user);
/* Reads a user into writer->history (empty when there is none). */
int writer_read_user(struct view_writer *writer, uint32_t company, struct str user_id);
/* Writes a user of another shard, whose bets stand in the order of their coupons. */
int writer_write_foreign(struct view_writer *writer, uint32_t company, struct str user_id);
/* Notes that a user has bet on an event that is not known. */
int writer_wait(struct view_writer *writer, uint32_t event, struct str user_id);
/* Settles writer->history and writes it back, what leaves it too. */
int writer_write_user(struct view_writer *writer, uint32_t company, struct str user_id);
/* Gives the bets of writer->history on an event its present tags. */
int writer_retag(struct view_writer *writer, const struct event_entry *entry);
bool writer_is_foreign(const struct view_writer *writer, struct str company, struct str user_id);
uint64_t writer_coupon_hash(const struct view_writer *writer, struct str coupon_id);

/* writer_sweep.c */
/* The tags of a known event changed, or it became known: its bettors are brought up to date, now
 * if they are few and wait for it, else by a sweep. */
int writer_event_changed(struct view_writer *writer, const struct event_entry *entry,
                         bool was_known);
int writer_sweep(struct view_writer *writer);
void writer_sweep_forget(struct view_writer *writer);

#endif
