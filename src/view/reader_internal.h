/* What the files of the reader share; see reader.h for what it is. */
#ifndef TIPSTER_VIEW_READER_INTERNAL_H
#define TIPSTER_VIEW_READER_INTERNAL_H

#include "rank/topn.h"
#include "view/history.h"
#include "view/number_set.h"
#include "view/profile.h"
#include "view/reader.h"

/* An event that may be an answer; LMDB's memory, until the request ends. */
struct hit {
    uint32_t event;
    struct str document; /* v1, without version; empty: it stands in events */
    bool popular;
    int64_t numerator;
};

/* What is yet to be read, by the best that it may hold. */
struct view_source {
    int64_t bound;
    uint32_t member; /* 0: all of the group */
    uint32_t group;  /* 0: of any group: still to be taken apart */
};

enum view_cursor { CURSOR_RUNS, CURSOR_BEGINS, CURSOR_POPULAR, CURSOR_OLDER_BETS, CURSORS };

struct view_reader {
    struct tables tables;
    MDB_txn *txn; /* kept between requests */
    bool is_open; /* it shows a moment; else it is reset */
    bool lingers; /* see view_reader_linger */
    MDB_cursor *cursors[CURSORS];
    bool cursor_ready[CURSORS]; /* bound to the transaction since it was opened */
    struct view_meta meta;
    struct rank_weights weights;
    int64_t half_life_ms;
    struct view_catalogue catalogue;
    /* Of the request at hand: */
    uint32_t company;      /* 0: the view knows none of this name */
    char company_name[64]; /* the one looked up last: its number never changes */
    size_t company_name_len;
    uint32_t company_named;
    size_t seen_txn; /* meta and catalogue are as this one has them; 0: of none */
    struct str user_id;
    bool has_older; /* the user has older bets: each candidate is looked up there */
    struct profile profile;
    struct history history;  /* scratch */
    struct number_set known; /* events that are excluded or listed */
    struct hit *hits;
    size_t hit_count, hit_capacity;
    struct view_source *sources;
    size_t source_count, source_capacity, sources_taken;
    struct topn *topn;
    struct buf scratch;
};

/* An event's record taken apart, in place. */
struct event_view {
    struct view_event head;
    const char *members; /* view_event_member[] */
    struct str document, older, id;
};

/* reader.c */
int reader_cursor(struct view_reader *reader, enum view_cursor which, MDB_cursor **ret_cursor);
/* Sets reader->company. */
int reader_company(struct view_reader *reader, struct str company);
int reader_event(const struct view_reader *reader, uint32_t event, struct event_view *ret_event);
/* The number of an event id; TIP_ENOTFOUND. */
int reader_event_number(const struct view_reader *reader, struct str event_id,
                        uint32_t *ret_number);
/* The event of an id and its number; TIP_ENOTFOUND also where it is not known or withdrawn. */
int reader_named_event(const struct view_reader *reader, struct str event_id, uint32_t *ret_number,
                       struct event_view *ret_event);
struct view_event_member event_view_member(const struct event_view *event, size_t at);

/* Appends a listed event as GET /v1/events/{id} shows it. */
int reader_add_record(const struct view_reader *reader, uint32_t number, struct buf *out);

/* reader_known.c: what may not be listed, or is. */
void known_start(struct view_reader *reader);
/* Whether an event must not be let in: >0; 0: it may; or an error. */
int known_has(struct view_reader *reader, uint32_t event);
int known_add_excludes(struct view_reader *reader, const struct view_query *query);

/* reader_user.c: a user's record into reader->profile and what is known. */
int reader_user(struct view_reader *reader, struct str user_id, bool *ret_known);

/* reader_lists.c */
/* Whether the query's filters admit a group. */
bool reader_admits(const struct view_reader *reader, uint32_t group,
                   const struct event_filter *sports, const struct event_filter *leagues,
                   const struct event_filter *countries);
struct hit *reader_add_hit(struct view_reader *reader);

/* reader_popular.c: appends popular events to the hits until there are n. */
int reader_fill(struct view_reader *reader, const struct view_query *query, size_t n);

/* reader_items.c: appends the array of the hits. */
int reader_items(struct view_reader *reader, const struct view_query *query, struct buf *out);

/* What a run's entry says. */
struct run_entry {
    uint32_t event;
    struct rank_key key;
    struct str document;
};

/* A walk over a part of a run. >0: it is over. */
int run_first(struct view_reader *reader, uint32_t member, uint32_t group,
              const struct event_range *range, MDB_cursor **ret_cursor,
              struct run_entry *ret_entry);
int run_next(MDB_cursor *cursor, uint32_t member, uint32_t group, int64_t before_ms,
             struct run_entry *ret_entry);

#endif
