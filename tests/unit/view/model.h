/*
 * What a view must answer, by brute force over the records as they were sent: no index, no number,
 * nothing that could be stale. It shares with the view only what defines the answers: rank/ by
 * names, and the documents' form.
 */
#ifndef TIPSTER_TESTS_VIEW_MODEL_H
#define TIPSTER_TESTS_VIEW_MODEL_H

#include "domain/change.h"
#include "domain/decide.h"
#include "view/reader.h"
#include "view/writer.h"

enum {
    MODEL_EVENTS = 160,
    MODEL_USERS = 14,
    MODEL_COUPONS = 4000,
    MODEL_NAMES_MAX = 4, /* participants of an event */
    MODEL_SELECTIONS = 12,
};

struct model_event {
    bool decided, known, withdrawn;
    int64_t version;
    uint64_t position;
    struct event event; /* slices of static text */
};

struct model_user {
    bool known;
    int64_t version;
    uint64_t position;
};

struct model_coupon {
    bool used;
    int company, user, id;
    uint8_t content_hash[32];
    uint64_t position;
    int64_t placed_at_ms;
    int events[MODEL_SELECTIONS];
    size_t event_count;
};

enum { MODEL_COMPANIES = 2 };

struct model {
    struct rank_weights weights;
    int64_t half_life_ms;
    struct model_event events[MODEL_COMPANIES][MODEL_EVENTS];
    struct model_user users[MODEL_COMPANIES][MODEL_USERS];
    struct model_coupon coupons[MODEL_COUPONS];
};

/* Names of what has a number here; static. */
struct str model_company(int company);
struct str model_event_id(int event);
struct str model_user_id(int user);
struct str model_coupon_id(int coupon);

/* Changes in their order; what becomes of them. */
enum decision model_put_event(struct model *model, int company, int event,
                              const struct event *record, uint64_t position);
enum decision model_withdraw(struct model *model, int company, int event, int64_t version,
                             uint64_t position);
enum decision model_put_user(struct model *model, int company, int user, int64_t version,
                             uint64_t position);
void model_erase_user(struct model *model, int company, int user, uint64_t position);
void model_erase_coupons(struct model *model, int company, int user, uint64_t position);
enum decision model_put_coupon(struct model *model, const struct model_coupon *coupon);

/* Answers, appended; company is given by its number besides the query's name. Errors as reader.h.
 */
int model_recommend(const struct model *model, int company, const struct view_query *query,
                    int user, struct buf *out, bool *ret_known);
int model_similar(const struct model *model, int company, const struct view_query *query, int event,
                  struct buf *out);
int model_popular(const struct model *model, int company, const struct view_query *query,
                  struct buf *out);
int model_event_get(const struct model *model, int company, int event, struct buf *out);
int model_list(const struct model *model, int company, const struct view_list_query *query,
               struct buf *out, struct view_list_page *ret_page);

#endif
