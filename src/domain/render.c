/* Records as JSON text: canonical, /v1 and older; see codec.h. */
#include "domain/codec.h"

#include "base/sha256.h"
#include "base/timefmt.h"
#include "domain/utf8.h"

void decimal_add(struct buf *out, int64_t value_e4)
{
    uint64_t magnitude = value_e4 < 0 ? 0 - (uint64_t)value_e4 : (uint64_t)value_e4;
    if (value_e4 < 0)
        buf_add_char(out, '-');
    buf_add_int(out, (int64_t)(magnitude / DECIMAL_SCALE));
    unsigned rest = (unsigned)(magnitude % DECIMAL_SCALE);
    if (rest == 0)
        return;
    char digits[5] = {'.', (char)('0' + rest / 1000), (char)('0' + rest / 100 % 10),
                      (char)('0' + rest / 10 % 10), (char)('0' + rest % 10)};
    size_t len = sizeof(digits);
    while (digits[len - 1] == '0')
        len--;
    buf_add(out, digits, len);
}

bool text_json(struct str text, struct buf *out)
{
    if (!utf8_is_valid(text))
        return false;
    buf_add_json(out, text);
    return true;
}

enum time_form { TIME_AS_MS, TIME_AS_TEXT, TIME_AS_OLDER_TEXT };

static void add_time(struct buf *out, const char *label, int64_t time_ms, enum time_form form)
{
    char text[TIME_TEXT_SIZE];
    buf_add_text(out, label);
    if (form == TIME_AS_MS) {
        buf_add_int(out, time_ms);
        return;
    }
    if (form == TIME_AS_TEXT)
        time_format(time_ms, text);
    else
        time_format_older(time_ms, text);
    buf_add_char(out, '"');
    buf_add_text(out, text);
    buf_add_char(out, '"');
}

static void add_string(struct buf *out, const char *label, struct str text)
{
    buf_add_text(out, label);
    buf_add_json(out, text);
}

static void add_version(struct buf *out, int64_t version)
{
    if (version == VERSION_NONE)
        return;
    buf_add_text(out, ",\"version\":");
    buf_add_int(out, version);
}

static void add_user(const struct user *user, enum time_form form, struct buf *out)
{
    add_string(out, "{\"user_id\":", user->user_id);
    buf_add_text(out, ",\"birth_year\":");
    buf_add_int(out, user->birth_year);
    add_string(out, ",\"country\":", user->country);
    add_string(out, ",\"currency\":", user->currency);
    add_string(out, ",\"gender\":", user->gender);
    add_time(out, ",\"registration_date\":", user->registration_date_ms, form);
    add_version(out, user->version);
    buf_add_char(out, '}');
}

void participants_json(const struct event *event, struct buf *out)
{
    buf_add_char(out, '[');
    for (size_t i = 0; i < event->participant_count; i++) {
        if (i > 0)
            buf_add_char(out, ',');
        buf_add_json(out, event->participants[i]);
    }
    buf_add_char(out, ']');
}

static void add_event(const struct event *event, enum time_form form, struct buf *out)
{
    add_string(out, "{\"event_id\":", event->event_id);
    add_string(out, ",\"sport\":", event->sport);
    add_string(out, ",\"league\":", event->league);
    add_string(out, ",\"country\":", event->country);
    buf_add_text(out, ",\"participants\":");
    participants_json(event, out);
    add_time(out, ",\"begin_timestamp\":", event->begin_ms, form);
    add_time(out, ",\"end_timestamp\":", event->end_ms, form);
    add_version(out, event->version);
    buf_add_char(out, '}');
}

static void add_selection(const struct selection *selection, struct buf *out)
{
    add_string(out, "{\"event_id\":", selection->event_id);
    if (selection->odds_e4 != DECIMAL_NONE) {
        buf_add_text(out, ",\"odds\":");
        decimal_add(out, selection->odds_e4);
    }
    buf_add_char(out, '}');
}

static void add_coupon(const struct coupon *coupon, enum time_form form, struct buf *out)
{
    add_string(out, "{\"coupon_id\":", coupon->coupon_id);
    add_string(out, ",\"user_id\":", coupon->user_id);
    buf_add_text(out, ",\"stake\":");
    decimal_add(out, coupon->stake_e4);
    add_time(out, ",\"timestamp\":", coupon->placed_at_ms, form);
    buf_add_text(out, ",\"selections\":[");
    for (size_t i = 0; i < coupon->selection_count; i++) {
        if (i > 0)
            buf_add_char(out, ',');
        add_selection(&coupon->selections[i], out);
    }
    buf_add_text(out, "]}");
}

static void add_record(const struct record *record, enum time_form form, struct buf *out)
{
    switch (record->kind) {
    case RECORD_USER:
        add_user(&record->user, form, out);
        break;
    case RECORD_EVENT:
        add_event(&record->event, form, out);
        break;
    default:
        add_coupon(&record->coupon, form, out);
    }
}

void record_canonical(const struct record *record, struct buf *out)
{
    add_record(record, TIME_AS_MS, out);
}

void record_json(const struct record *record, struct buf *out)
{
    add_record(record, TIME_AS_TEXT, out);
}

void event_json(const struct event *event, bool with_version, struct buf *out)
{
    struct event shown = *event;
    if (!with_version)
        shown.version = VERSION_NONE;
    add_event(&shown, TIME_AS_TEXT, out);
}

int64_t event_number(struct str company, struct str event_id)
{
    uint8_t digest[SHA256_SIZE];
    AUTO_BUF key = {0};
    buf_add_str(&key, company);
    buf_add_char(&key, '\0');
    buf_add_str(&key, event_id);
    sha256_of(buf_str(&key), digest);
    uint64_t first = 0;
    for (int i = 0; i < 8; i++)
        first = first << 8 | digest[i];
    first >>= 11; /* 64 - 53 bits */
    return first == 0 ? 1 : (int64_t)first;
}

void event_json_older(const struct event *event, struct str company, struct buf *out)
{
    buf_add_text(out, "{\"id\":");
    buf_add_int(out, event_number(company, event->event_id));
    add_string(out, ",\"event_id\":", event->event_id);
    add_time(out, ",\"begin_timestamp\":", event->begin_ms, TIME_AS_OLDER_TEXT);
    add_time(out, ",\"end_timestamp\":", event->end_ms, TIME_AS_OLDER_TEXT);
    add_string(out, ",\"country\":", event->country);
    add_string(out, ",\"league\":", event->league);
    buf_add_text(out, ",\"participants\":");
    participants_json(event, out);
    add_string(out, ",\"sport\":", event->sport);
    buf_add_char(out, '}');
}
