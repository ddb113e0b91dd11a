/*
 * What a company looks up of its own: a user's coupons, and what was rejected. Newest first, page
 * by page; a page begins after the sort key of the last item of the one before, so that what is
 * written meanwhile neither repeats nor hides an item.
 */
#include "base/err.h"
#include "domain/codec.h"
#include "http/read_work.h"
#include "http/rejected_list.h"
#include "http/reply.h"
#include "http/routes.h"
#include "store/read_record.h"

/* A list of coupons that is being written. */
struct coupon_items {
    struct buf *out;
    bool any;
};

static int add_coupon(void *ctx, const struct coupon *coupon)
{
    struct coupon_items *items = ctx;
    const struct record record = {.kind = RECORD_COUPON, .coupon = *coupon};
    if (items->any)
        buf_add_char(items->out, ',');
    items->any = true;
    record_json(&record, items->out);
    return 0;
}

/* 0, or TIP_ENOTFOUND for a user of whom there is neither record nor coupon. */
static int require_user(struct reader *reader, const struct read_work *work)
{
    bool known = false;
    int err = read_user_is_known(reader->db, work->company, work->id, &known);
    return err == 0 && !known ? TIP_ENOTFOUND : err;
}

static int query_user_coupons(struct reader *reader, void *arg)
{
    struct read_work *work = arg;
    const struct read_params *params = &work->params;
    struct coupon_items items = {.out = &work->body};
    struct coupon_mark after = {0}, last;
    bool more;
    if (params->has_cursor)
        after = (struct coupon_mark){params->cursor.time_ms, cursor_id(&params->cursor)};
    buf_add_text(&work->body, "{\"items\":[");
    int err = read_coupons(reader->db, work->company, work->id, COUPONS_NEWEST, &after,
                           (size_t)param_or(params->limit, LIMIT_DEFAULT), &reader->arena,
                           add_coupon, &items, &more, &last);
    if (err == 0 && !items.any)
        err = require_user(reader, work);
    if (err != 0)
        return err;
    buf_add_text(&work->body, "],\"next_cursor\":");
    if (more) {
        buf_add_char(&work->body, '"');
        cursor_write(CURSOR_COUPONS, last.placed_at_ms, last.coupon_id, &work->body);
        buf_add_text(&work->body, "\"}");
    } else {
        buf_add_text(&work->body, "null}");
    }
    return 0;
}

static int query_rejected(struct reader *reader, void *arg)
{
    struct read_work *work = arg;
    const struct read_params *params = &work->params;
    return rejected_list(reader, work->company, params->has_cursor ? &params->cursor : NULL,
                         (size_t)param_or(params->limit, LIMIT_DEFAULT), &work->body);
}

void user_coupons_get(struct call *call)
{
    static const struct read_plan plan = {.allowed = PARAM_LIMIT | PARAM_CURSOR_COUPONS,
                                          .from_sql = query_user_coupons};
    read_work_start_with_id(call, &plan, PROBLEM_NOT_FOUND);
}

void rejected_get(struct call *call)
{
    static const struct read_plan plan = {.allowed = PARAM_LIMIT | PARAM_CURSOR_REJECTED,
                                          .from_sql = query_rejected};
    struct read_work *work = read_work_new(call, &plan);
    if (work != NULL)
        read_work_start(call, work);
}
