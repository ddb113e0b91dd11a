/* Text and JSON about users and events; see show.h. */
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

/* ,"name":"TIME", or null where there is none. */
static void add_json_time(struct buf *out, const char *name, int64_t time_ms)
{
    char text[TIME_TEXT_SIZE];
    if (time_ms < TIME_MIN_MS || time_ms > TIME_MAX_MS) {
        buf_addf(out, ",\"%s\":null", name);
        return;
    }
    time_format(time_ms, text);
    buf_addf(out, ",\"%s\":\"%s\"", name, text);
}

static const char *bool_text(bool value)
{
    return value ? "true" : "false";
}

/* --- the head */

static const char *state_text(const struct view_meta *meta)
{
    static const char *const states[] = {"building", "serving", "retired", "damaged"};
    return meta->state < sizeof(states) / sizeof(states[0]) ? states[meta->state] : "unknown";
}

/* source.data NULL: it says none. */
static void add_head_text(const struct view_meta *meta, struct str source, struct buf *out)
{
    buf_addf(out, "layout     %u\nstate      %s\n", meta->layout, state_text(meta));
    buf_add_text(out, "heartbeat  ");
    add_time(out, meta->heartbeat_ms);
    buf_add_text(out, "\nlists from ");
    add_time(out, meta->lists_from_ms);
    buf_addf(out, "\nhalf-life  %" PRId64 " ms\nshard      %u of %u\n", meta->half_life_ms,
             meta->shard, meta->shards);
    buf_addf(out, "companies  %u\ngroups     %u\nnames      %u attributes, %u participants\n",
             meta->company_count, meta->group_count, meta->attribute_count, meta->member_count);
    buf_addf(out, "events     %u named, %u pending\n", meta->event_count, meta->pending_count);
    if (source.data != NULL)
        buf_addf(out, "source     %.*s\n", (int)source.len, source.data);
}

static void add_head_json(const struct view_meta *meta, struct str source, struct buf *out)
{
    buf_addf(out, "{\"layout\":%u,\"state\":\"%s\"", meta->layout, state_text(meta));
    add_json_time(out, "heartbeat", meta->heartbeat_ms);
    add_json_time(out, "lists_from", meta->lists_from_ms);
    buf_addf(out, ",\"half_life_ms\":%" PRId64 ",\"shard\":%u,\"shards\":%u", meta->half_life_ms,
             meta->shard, meta->shards);
    buf_addf(out,
             ",\"companies\":%u,\"groups\":%u,\"attributes\":%u,\"participants\":%u,"
             "\"events\":%u,\"pending\":%u,\"source\":",
             meta->company_count, meta->group_count, meta->attribute_count, meta->member_count,
             meta->event_count, meta->pending_count);
    if (source.data != NULL)
        buf_add_json(out, source);
    else
        buf_add_text(out, "null");
    buf_add_text(out, "}\n");
}

int view_show_head(const char *dir, bool json, struct buf *out)
{
    struct view_reader *reader;
    struct str source = {0}, found;
    int err = open_any(dir, &reader);
    if (err != 0)
        return err;
    if (table_get(&reader->tables, VIEW_TABLE_meta, str_of("source"), &found) == 0)
        source = found;
    (json ? add_head_json : add_head_text)(&reader->meta, source, out);
    view_reader_close(reader);
    return 0;
}

/* --- users and events */

/* NULL: not known. */
static const struct catalogue_group *group_names(const struct view_reader *reader, uint32_t group)
{
    bool known = group != 0 && group <= reader->catalogue.group_count;
    return known ? &reader->catalogue.groups[group] : NULL;
}

static void add_group(const struct view_reader *reader, uint32_t group, struct buf *out)
{
    const struct catalogue_group *names = group_names(reader, group);
    if (names == NULL) {
        buf_add_text(out, "(not known)");
        return;
    }
    buf_add_str(out, names->sport_name);
    buf_add_text(out, " / ");
    buf_add_str(out, names->league_name);
    buf_add_text(out, " / ");
    buf_add_str(out, names->country_name);
}

/* ,"sport":…,"league":…,"country":…: null where it is not known. */
static void add_json_group(const struct view_reader *reader, uint32_t group, struct buf *out)
{
    const struct catalogue_group *names = group_names(reader, group);
    if (names == NULL) {
        buf_add_text(out, ",\"sport\":null,\"league\":null,\"country\":null");
        return;
    }
    buf_add_text(out, ",\"sport\":");
    buf_add_json(out, names->sport_name);
    buf_add_text(out, ",\"league\":");
    buf_add_json(out, names->league_name);
    buf_add_text(out, ",\"country\":");
    buf_add_json(out, names->country_name);
}

static int add_bet(const struct view_reader *reader, size_t at, bool json, struct buf *out)
{
    const struct history *history = &reader->history;
    const struct bet *bet = &history->bets[at];
    double weight = (double)history->coupons[bet->coupon].weight / (double)RANK_WEIGHT_ONE;
    struct event_view event;
    int err = reader_event(reader, bet->event, &event);
    if (err != 0)
        return err;
    if (json) {
        buf_addf(out, "%s{\"event_id\":", at > 0 ? "," : "");
        buf_add_json(out, event.id);
        add_json_time(out, "time", history_time(history, at));
        buf_addf(out, ",\"weight\":%.6f", weight);
        add_json_group(reader, bet->group, out);
        buf_add_char(out, '}');
        return 0;
    }
    buf_add_text(out, "  ");
    add_time(out, history_time(history, at));
    buf_addf(out, "  weight %.6f  %.*s  ", weight, (int)event.id.len, event.id.data);
    add_group(reader, bet->group, out);
    buf_add_char(out, '\n');
    return 0;
}

/* What stands before the selections. */
static void add_user_head(const struct history *history, struct str user_id, size_t bytes,
                          bool json, struct buf *out)
{
    bool known = (history->head.flags & VIEW_USER_KNOWN) != 0;
    bool older = (history->head.flags & VIEW_USER_OLDER) != 0;
    if (!json) {
        buf_addf(out, "user %.*s: %s, %zu bytes, %zu coupons and %zu selections here%s\n",
                 (int)user_id.len, user_id.data, known ? "has a record" : "has no record", bytes,
                 history->coupon_count, history->bet_count, older ? ", older ones apart" : "");
        return;
    }
    buf_add_text(out, "{\"user_id\":");
    buf_add_json(out, user_id);
    buf_addf(out, ",\"known\":%s,\"bytes\":%zu,\"coupons\":%zu,\"older\":%s,\"selections\":[",
             bool_text(known), bytes, history->coupon_count, bool_text(older));
}

static int show_user(struct view_reader *reader, struct str company, struct str user_id, bool json,
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
    add_user_head(history, user_id, value.len, json, out);
    for (size_t i = 0; err == 0 && i < history->bet_count; i++)
        err = add_bet(reader, i, json, out);
    if (json)
        buf_add_text(out, "]}\n");
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

static void add_event_text(const struct view_reader *reader, const struct event_view *event,
                           uint32_t number, uint64_t count, struct buf *out)
{
    const struct view_event *head = &event->head;
    buf_addf(out, "event %.*s: number %u,", (int)event->id.len, event->id.data, number);
    add_flags(head, out);
    buf_addf(out, ", %" PRIu64 " selections\n  group  ", count);
    add_group(reader, head->group, out);
    if ((head->flags & VIEW_EVENT_KNOWN) != 0) {
        buf_add_text(out, "\n  begin  ");
        add_time(out, head->begin_ms);
    }
    buf_addf(out, "\n  position %" PRIu64 ", version %" PRId64 ", %u participants\n",
             head->position, head->version, head->member_count);
    if (event->document.len > 0)
        buf_addf(out, "  %.*s\n  %.*s\n", (int)event->document.len, event->document.data,
                 (int)event->older.len, event->older.data);
}

static void add_event_json(const struct view_reader *reader, const struct event_view *event,
                           uint32_t number, uint64_t count, struct buf *out)
{
    const struct view_event *head = &event->head;
    bool known = (head->flags & VIEW_EVENT_KNOWN) != 0;
    buf_add_text(out, "{\"event_id\":");
    buf_add_json(out, event->id);
    buf_addf(out, ",\"number\":%u,\"known\":%s,\"withdrawn\":%s,\"listed\":%s", number,
             bool_text(known), bool_text((head->flags & VIEW_EVENT_WITHDRAWN) != 0),
             bool_text((head->flags & VIEW_EVENT_LISTED) != 0));
    buf_addf(out, ",\"selections\":%" PRIu64, count);
    add_json_group(reader, head->group, out);
    add_json_time(out, "begin", known ? head->begin_ms : INT64_MIN);
    buf_addf(out, ",\"position\":%" PRIu64 ",\"version\":", head->position);
    if (head->version != VERSION_NONE)
        buf_addf(out, "%" PRId64, head->version);
    else
        buf_add_text(out, "null");
    bool listed = event->document.len > 0;
    buf_addf(out, ",\"participants\":%u,\"document\":", head->member_count);
    buf_add_str(out, listed ? event->document : str_of("null"));
    buf_add_text(out, ",\"older_document\":");
    buf_add_str(out, listed ? event->older : str_of("null"));
    buf_add_text(out, "}\n");
}

static int show_event(struct view_reader *reader, struct str company, struct str event_id,
                      bool json, struct buf *out)
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
    if (err == 0)
        (json ? add_event_json : add_event_text)(reader, &event, number, count, out);
    return err;
}

int view_show_user(const char *dir, struct str company, struct str user_id, bool json,
                   struct buf *out)
{
    struct view_reader *reader;
    int err = open_any(dir, &reader);
    if (err != 0)
        return err;
    err = show_user(reader, company, user_id, json, out);
    view_reader_close(reader);
    return err;
}

int view_show_event(const char *dir, struct str company, struct str event_id, bool json,
                    struct buf *out)
{
    struct view_reader *reader;
    int err = open_any(dir, &reader);
    if (err != 0)
        return err;
    err = show_event(reader, company, event_id, json, out);
    view_reader_close(reader);
    return err;
}
