/* Text about users and events; see show.h. */
#include "view/show.h"

#include "base/err.h"
#include "base/timefmt.h"
#include "rank/affinity.h"
#include "view/history.h"
#include "view/reader_internal.h"

#include <inttypes.h>

/* A reader of any view that can be read, whatever its state and half-life. */
static int open_any(const char *dir, struct view_reader **ret_reader)
{
    static const struct rank_weights none = {0};
    struct view_reader *reader;
    struct str value;
    int err = view_reader_open(dir, &none, 1, &reader);
    if (err != 0)
        return err;
    err = table_error(mdb_txn_renew(reader->txn));
    reader->tables.txn = reader->txn;
    if (err == 0)
        err = table_get(&reader->tables, VIEW_TABLE_meta, str_of("view"), &value);
    if (err == 0 && value.len != sizeof(reader->meta))
        err = TIP_EINVAL;
    if (err == 0)
        memcpy(&reader->meta, value.data, sizeof(reader->meta));
    if (err == 0)
        err = catalogue_refresh(&reader->catalogue, &reader->tables, &reader->meta);
    if (err != 0) {
        view_reader_close(reader);
        return err;
    }
    *ret_reader = reader;
    return 0;
}

static void add_time(struct buf *out, int64_t time_ms)
{
    char text[TIME_TEXT_SIZE];
    if (time_ms < TIME_MIN_MS || time_ms > TIME_MAX_MS) {
        buf_add_text(out, "-");
        return;
    }
    time_format(time_ms, text);
    buf_add_text(out, text);
}

int view_show_head(const char *dir, struct buf *out)
{
    static const char *const states[] = {"building", "serving", "retired", "damaged"};
    struct view_reader *reader;
    struct str source;
    int err = open_any(dir, &reader);
    if (err != 0)
        return err;
    const struct view_meta *meta = &reader->meta;
    buf_addf(out, "layout     %u\nstate      %s\n", meta->layout,
             meta->state < sizeof(states) / sizeof(states[0]) ? states[meta->state] : "unknown");
    buf_add_text(out, "heartbeat  ");
    add_time(out, meta->heartbeat_ms);
    buf_add_text(out, "\nlists from ");
    add_time(out, meta->lists_from_ms);
    buf_addf(out, "\nhalf-life  %" PRId64 " ms\nshard      %u of %u\n", meta->half_life_ms,
             meta->shard, meta->shards);
    buf_addf(out, "companies  %u\ngroups     %u\nnames      %u attributes, %u participants\n",
             meta->company_count, meta->group_count, meta->attribute_count, meta->member_count);
    buf_addf(out, "events     %u named, %u pending\n", meta->event_count, meta->pending_count);
    if (table_get(&reader->tables, VIEW_TABLE_meta, str_of("source"), &source) == 0)
        buf_addf(out, "source     %.*s\n", (int)source.len, source.data);
    view_reader_close(reader);
    return 0;
}

static void add_group(const struct view_reader *reader, uint32_t group, struct buf *out)
{
    if (group == 0 || group > reader->catalogue.group_count) {
        buf_add_text(out, "(not known)");
        return;
    }
    const struct catalogue_group *names = &reader->catalogue.groups[group];
    buf_add_str(out, names->sport_name);
    buf_add_text(out, " / ");
    buf_add_str(out, names->league_name);
    buf_add_text(out, " / ");
    buf_add_str(out, names->country_name);
}

static int add_bet(const struct view_reader *reader, size_t at, struct buf *out)
{
    const struct history *history = &reader->history;
    const struct bet *bet = &history->bets[at];
    struct event_view event;
    int err = reader_event(reader, bet->event, &event);
    if (err != 0)
        return err;
    buf_add_text(out, "  ");
    add_time(out, history_time(history, at));
    buf_addf(out, "  weight %.6f  %.*s  ",
             (double)history->coupons[bet->coupon].weight / (double)RANK_WEIGHT_ONE,
             (int)event.id.len, event.id.data);
    add_group(reader, bet->group, out);
    buf_add_char(out, '\n');
    return 0;
}

static int show_user(struct view_reader *reader, struct str company, struct str user_id,
                     struct buf *out)
{
    struct history *history = &reader->history;
    struct table_key key;
    struct str value;
    int err = reader_company(reader, company);
    if (err == 0 && (reader->company == 0 || user_id.len > ID_MAX_BYTES))
        err = TIP_ENOTFOUND;
    if (err == 0)
        err = table_get(&reader->tables, VIEW_TABLE_users,
                        key_owned(&key, reader->company, user_id), &value);
    if (err == 0)
        err = history_read(history, value);
    if (err != 0)
        return err;
    buf_addf(out, "user %.*s: %s, %zu bytes, %zu coupons and %zu selections here%s\n",
             (int)user_id.len, user_id.data,
             (history->head.flags & VIEW_USER_KNOWN) != 0 ? "has a record" : "has no record",
             value.len, history->coupon_count, history->bet_count,
             (history->head.flags & VIEW_USER_OLDER) != 0 ? ", older ones apart" : "");
    for (size_t i = 0; err == 0 && i < history->bet_count; i++)
        err = add_bet(reader, i, out);
    return err;
}

static void add_flags(const struct view_event *head, struct buf *out)
{
    if ((head->flags & VIEW_EVENT_KNOWN) == 0)
        buf_add_text(out, " not known");
    if ((head->flags & VIEW_EVENT_WITHDRAWN) != 0)
        buf_add_text(out, " withdrawn");
    buf_add_text(out, (head->flags & VIEW_EVENT_LISTED) != 0 ? " listed" : " not listed");
}

static int show_event(struct view_reader *reader, struct str company, struct str event_id,
                      struct buf *out)
{
    struct event_view event;
    struct str value;
    uint32_t number;
    uint64_t count = 0;
    int err = reader_company(reader, company);
    if (err == 0)
        err = reader_event_number(reader, event_id, &number);
    if (err == 0)
        err = reader_event(reader, number, &event);
    if (err == 0 &&
        table_get(&reader->tables, VIEW_TABLE_counts, number_key(&number), &value) == 0 &&
        value.len == sizeof(count))
        memcpy(&count, value.data, sizeof(count));
    if (err != 0)
        return err;
    buf_addf(out, "event %.*s: number %u,", (int)event_id.len, event_id.data, number);
    add_flags(&event.head, out);
    buf_addf(out, ", %" PRIu64 " selections\n  group  ", count);
    add_group(reader, event.head.group, out);
    if ((event.head.flags & VIEW_EVENT_KNOWN) != 0) {
        buf_add_text(out, "\n  begin  ");
        add_time(out, event.head.begin_ms);
    }
    buf_addf(out, "\n  position %" PRIu64 ", version %" PRId64 ", %u participants\n",
             event.head.position, event.head.version, event.head.member_count);
    if (event.document.len > 0)
        buf_addf(out, "  %.*s\n  %.*s\n", (int)event.document.len, event.document.data,
                 (int)event.older.len, event.older.data);
    return 0;
}

int view_show_user(const char *dir, struct str company, struct str user_id, struct buf *out)
{
    struct view_reader *reader;
    int err = open_any(dir, &reader);
    if (err != 0)
        return err;
    err = show_user(reader, company, user_id, out);
    view_reader_close(reader);
    return err;
}

int view_show_event(const char *dir, struct str company, struct str event_id, struct buf *out)
{
    struct view_reader *reader;
    int err = open_any(dir, &reader);
    if (err != 0)
        return err;
    err = show_event(reader, company, event_id, out);
    view_reader_close(reader);
    return err;
}
