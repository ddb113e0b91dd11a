/*
 * JSON in and out for the records: one parser and one validator for every way in, told apart by the
 * generation of the contract. Parsing reports every violation at once, not only the first.
 *
 * The canonical form is the value of the Kafka record: fixed field order, decimals by value, times
 * as UTC milliseconds, selections sorted by event_id. Two records are the same content when the
 * SHA-256 of their canonical forms is the same.
 */
#ifndef TIPSTER_DOMAIN_CODEC_H
#define TIPSTER_DOMAIN_CODEC_H

#include "base/buf.h"
#include "domain/record.h"
#include "domain/violation.h"

enum generation {
    GENERATION_V1,        /* API.md, /v1: strict */
    GENERATION_OLDER,     /* the older routes: unknown fields ignored, see API.md */
    GENERATION_CANONICAL, /* what stands in Kafka: the bounds of both, times as integers */
};

enum { JSON_DEPTH_MAX = 16 };

/*
 * Reads one record. now_ms bounds a coupon's time and a birth year.
 * Returns 0; TIP_ESYNTAX: not JSON, answered 400; TIP_EINVAL: JSON that breaks a rule, answered
 * 422. In both failures violations has at least one new item. The caller releases ret_record.
 */
int record_parse(enum record_kind kind, enum generation generation, struct str text, int64_t now_ms,
                 struct record *ret_record, struct violations *violations);

/*
 * As record_parse, for a PUT: id is the one of the path. A body without an id takes it (so id must
 * stay as long as ret_record does); a body with another one is a violation (mismatch).
 */
int record_parse_put(enum record_kind kind, struct str id, struct str text, int64_t now_ms,
                     struct record *ret_record, struct violations *violations);

/* Checks an id that came in a path or a query: length, UTF-8, no control or bidi characters. */
bool id_is_valid(struct str id);

/* Appends the canonical form. */
void record_canonical(const struct record *record, struct buf *out);

/* Appends the record as /v1 answers it. */
void record_json(const struct record *record, struct buf *out);
/* The same of an event; recommendations show it without its version. */
void event_json(const struct event *event, bool with_version, struct buf *out);

/* Appends ,"name":value pieces of an event as a list item of the older /recommend, with its numeric
 * id. */
void event_json_older(const struct event *event, struct str company, struct buf *out);

/* The number an older client knows an event by: the first 53 bits of SHA-256(company NUL event_id),
 * 0 -> 1. */
int64_t event_number(struct str company, struct str event_id);

/* Appends text as a JSON string; false, and nothing: it is not UTF-8. */
bool text_json(struct str text, struct buf *out);

/* A decimal in ten-thousandths by value: 21500 -> 2.15. */
void decimal_add(struct buf *out, int64_t value_e4);

/* A JSON array of strings, as events.participants holds it, and back. */
void participants_json(const struct event *event, struct buf *out);
/* Fills event->participants from such an array. TIP_ESYNTAX when it is none. *ret_json owns the
 * bytes: json_release, or record_release where it is the record's. */
int participants_parse(struct str text, struct event *event, void **ret_json);
void json_release(void *json);

#endif
