/*
 * Answers from a view: what http/ asks for, written straight into the caller's reply buffer. One
 * reader per Kore worker, one read transaction per request:
 *
 *   view_reader_begin; any number of questions; view_reader_end
 *
 * No question allocates per event, makes a system call (growth of the map and of this reader's own
 * memory aside) or blocks; all see the same moment. Answers equal those from SQL (http/recommend.h)
 * to the byte. On an error the buffer is as before.
 *
 * Errors of the questions: TIP_ENOTFOUND; TIP_EUNAVAIL: the view does not hold what this takes (its
 * lists begin later than the request's now, an event over for long): ask SQL; TIP_EFATAL: the view
 * contradicts itself.
 */
#ifndef TIPSTER_VIEW_READER_H
#define TIPSTER_VIEW_READER_H

#include "base/buf.h"
#include "domain/codec.h"
#include "rank/score.h"
#include "store/read_popular.h"
#include "view/layout.h"

struct view_reader;

/*
 * Opens the view in dir to read; after fork, in the process that uses it. TIP_ENOTFOUND: there is
 * none. TIP_EINVAL: of another layout, or not an LMDB file. weights and half-life are the
 * process's: view_reader_begin refuses a view of another half-life. To follow a swap of the folder,
 * close and open again.
 */
int view_reader_open(const char *dir, const struct rank_weights *weights, int64_t half_life_ms,
                     struct view_reader **ret_reader);
/* NULL is allowed. */
void view_reader_close(struct view_reader *reader);

/*
 * Begins a request. TIP_EUNAVAIL: the view is still building or of another half-life. ret_meta
 * (until view_reader_end) has the heartbeat, which says how old this moment may be.
 */
int view_reader_begin(struct view_reader *reader, const struct view_meta **ret_meta);
void view_reader_end(struct view_reader *reader);

/*
 * From now on the end of a request leaves its moment open, and the next request goes on with it if
 * nothing has been written since: beginning then costs nearly nothing. The caller in return calls
 * view_reader_rest ten times a second: an open moment keeps the writer from using pages again, and
 * the file grows. Resting twice, or before the first request, is nothing.
 */
void view_reader_linger(struct view_reader *reader);
void view_reader_rest(struct view_reader *reader);

/* The moment that begin showed, in offsets: the next offset of a partition that is not yet in it.
 * TIP_ENOTFOUND: nothing of it is. */
int view_reader_offset(struct view_reader *reader, struct str topic, int32_t partition,
                       struct view_offset *ret_offset);
/* Gives back the reader slots of processes that died without closing. */
void view_reader_clear_stale(struct view_reader *reader);

struct view_query {
    struct str company;
    size_t n;          /* at most RANK_N_MAX */
    int64_t now_ms;    /* candidates begin after it */
    int64_t before_ms; /* and before this */
    struct event_filter sports, leagues, countries;
    const struct str *excludes; /* event ids */
    size_t exclude_count;
    enum generation generation; /* GENERATION_V1 or GENERATION_OLDER: the form of the items */
    bool explain;               /* V1: add because */
    bool fill;                  /* recommend: fill up with popular events */
};

/*
 * Appends the array of items for a user: [{"event":…,"score":…,"source":…},…], or the older
 * route's [{"id":…},…]. A user that the view does not know has no history. ret_known (may be NULL):
 * whether there is a record or a coupon of the user.
 */
int view_recommend(struct view_reader *reader, const struct view_query *query, struct str user_id,
                   struct buf *out, bool *ret_known);
/* The same for what is most like an event; TIP_ENOTFOUND: there is no such event. */
int view_similar(struct view_reader *reader, const struct view_query *query, struct str event_id,
                 struct buf *out);
/* The same for the most popular ones. */
int view_popular(struct view_reader *reader, const struct view_query *query, struct buf *out);
/* The older route's array with the event at place `random` modulo how many upcoming ones there are
 * (at most the first 10 000), empty for none. */
int view_random(struct view_reader *reader, const struct view_query *query, uint64_t random,
                struct buf *out);
/* Whether there is a record or a coupon of the user. */
int view_user_is_known(struct view_reader *reader, struct str company, struct str user_id,
                       bool *ret_known);

/* Appends the event as GET /v1/events/{id} answers it; TIP_ENOTFOUND for one that is withdrawn. */
int view_event(struct view_reader *reader, struct str company, struct str event_id,
               struct buf *out);

struct view_list_query {
    struct str company;
    struct event_range range; /* from_id: the cursor's */
    struct event_filter sports, leagues, countries, participants;
    size_t limit; /* 1 to 1000 */
};
struct view_list_page {
    size_t count;
    bool more;
    int64_t last_begin_ms;
    struct str last_id; /* for the next cursor; valid until view_reader_end */
};
/* Appends the array of events of a page of GET /v1/events. */
int view_list(struct view_reader *reader, const struct view_list_query *query, struct buf *out,
              struct view_list_page *ret_page);

#endif
