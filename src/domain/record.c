/* Names and ids of records; see record.h. */
#include "domain/record.h"

#include "domain/codec.h"

const char *record_kind_name(enum record_kind kind)
{
    static const char *const names[RECORD_KINDS] = {"user", "event", "coupon"};
    return names[kind];
}

const char *record_kind_plural(enum record_kind kind)
{
    static const char *const names[RECORD_KINDS] = {"users", "events", "coupons"};
    return names[kind];
}

struct str record_id(const struct record *record)
{
    switch (record->kind) {
    case RECORD_USER:
        return record->user.user_id;
    case RECORD_EVENT:
        return record->event.event_id;
    default:
        return record->coupon.coupon_id;
    }
}

struct str record_key_id(const struct record *record)
{
    return record->kind == RECORD_COUPON ? record->coupon.user_id : record_id(record);
}

void record_release(struct record *record)
{
    json_release(record->json);
    record->json = NULL;
}
