/*
 * Parsing and validation of the three records; see codec.h. Each kind has a table of its fields; a
 * first pass sorts the object's members into it, a second reads each field and notes what is wrong.
 */
#include "domain/codec.h"

#include "base/err.h"
#include "base/timefmt.h"
#include "domain/json_input.h"
#include "domain/utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIELDS_MAX = 9 };

struct field_name {
    const char *name;
    size_t len;
    bool optional;
};

#define REQUIRED(name)                                                                             \
    {                                                                                              \
        name, sizeof(name) - 1, false                                                              \
    }
#define OPTIONAL(name)                                                                             \
    {                                                                                              \
        name, sizeof(name) - 1, true                                                               \
    }

enum {
    USER_ID,
    USER_BIRTH_YEAR,
    USER_COUNTRY,
    USER_CURRENCY,
    USER_GENDER,
    USER_REGISTRATION_DATE,
    USER_VERSION
};
static const struct field_name user_fields[FIELDS_MAX] = {
    [USER_ID] = REQUIRED("user_id"),      [USER_BIRTH_YEAR] = REQUIRED("birth_year"),
    [USER_COUNTRY] = REQUIRED("country"), [USER_CURRENCY] = REQUIRED("currency"),
    [USER_GENDER] = REQUIRED("gender"),   [USER_REGISTRATION_DATE] = REQUIRED("registration_date"),
    [USER_VERSION] = OPTIONAL("version"),
};

enum {
    EVENT_ID,
    EVENT_SPORT,
    EVENT_LEAGUE,
    EVENT_COUNTRY,
    EVENT_PARTICIPANTS,
    EVENT_BEGIN,
    EVENT_END,
    EVENT_VERSION
};
static const struct field_name event_fields[FIELDS_MAX] = {
    [EVENT_ID] = REQUIRED("event_id"),
    [EVENT_SPORT] = REQUIRED("sport"),
    [EVENT_LEAGUE] = REQUIRED("league"),
    [EVENT_COUNTRY] = REQUIRED("country"),
    [EVENT_PARTICIPANTS] = REQUIRED("participants"),
    [EVENT_BEGIN] = REQUIRED("begin_timestamp"),
    [EVENT_END] = REQUIRED("end_timestamp"),
    [EVENT_VERSION] = OPTIONAL("version"),
};

enum { COUPON_ID, COUPON_USER_ID, COUPON_STAKE, COUPON_TIMESTAMP, COUPON_SELECTIONS };
static const struct field_name coupon_fields[FIELDS_MAX] = {
    [COUPON_ID] = REQUIRED("coupon_id"),          [COUPON_USER_ID] = REQUIRED("user_id"),
    [COUPON_STAKE] = REQUIRED("stake"),           [COUPON_TIMESTAMP] = REQUIRED("timestamp"),
    [COUPON_SELECTIONS] = REQUIRED("selections"),
};

enum { SELECTION_EVENT_ID, SELECTION_ODDS };
static const struct field_name selection_fields[FIELDS_MAX] = {
    [SELECTION_EVENT_ID] = REQUIRED("event_id"),
    [SELECTION_ODDS] = REQUIRED("odds"),
};
/* Older clients, and so what stands in Kafka, may leave the odds out. */
static const struct field_name selection_fields_lax[FIELDS_MAX] = {
    [SELECTION_EVENT_ID] = REQUIRED("event_id"),
    [SELECTION_ODDS] = OPTIONAL("odds"),
};

struct reader {
    enum generation generation;
    int64_t now_ms;
    struct violations *violations;
    const struct json_node *path_id; /* stands in for an id that the body leaves out, or NULL */
    const struct field_name *fields;
    const struct json_node *values[FIELDS_MAX]; /* of the object being read; NULL: absent */
    const char *prefix; /* pointer of that object: "" or "/selections"; see index */
    int index;          /* of the object in an array, or -1 */
};

/* The pointer of the object being read. */
static void object_pointer(const struct reader *reader, char *out, size_t size)
{
    if (reader->index < 0)
        snprintf(out, size, "%s", reader->prefix);
    else
        snprintf(out, size, "%s/%d", reader->prefix, reader->index);
}

static void refuse(struct reader *reader, const char *name, enum violation_code code,
                   const char *problem)
{
    char object[48], pointer[128];
    object_pointer(reader, object, sizeof(object));
    snprintf(pointer, sizeof(pointer), "%s/%s", object, name);
    violation_add(reader->violations, code, pointer, "%s", problem);
}

static void refuse_type(struct reader *reader, const char *name, const char *wanted,
                        const struct json_node *value)
{
    char problem[96];
    snprintf(problem, sizeof(problem), "must be %s, not %s", wanted, json_type_text(value));
    refuse(reader, name, VIOLATION_TYPE, problem);
}

/* Writes a member's name as a JSON pointer token (RFC 6901: ~ is ~0, / is ~1). */
static void refuse_unknown(struct reader *reader, struct str name)
{
    char token[96];
    size_t len = 0;
    for (size_t i = 0; i < name.len && len + 3 < sizeof(token); i++) {
        char c = name.data[i];
        if (c == '~' || c == '/') {
            token[len++] = '~';
            token[len++] = c == '~' ? '0' : '1';
        } else {
            token[len++] = c;
        }
    }
    token[len] = '\0';
    refuse(reader, token, VIOLATION_UNKNOWN_FIELD, "is not a field of this record");
}

static int field_index(const struct field_name *fields, struct str name)
{
    for (int i = 0; i < FIELDS_MAX && fields[i].name != NULL; i++)
        if (fields[i].len == name.len && memcmp(fields[i].name, name.data, name.len) == 0)
            return i;
    return -1;
}

/* First pass: members into reader->values; missing and unknown ones become violations. */
static void sort_members(struct reader *reader, const struct json_node *object)
{
    const struct json_node *name = json_first(object);
    memset(reader->values, 0, sizeof(reader->values));
    for (size_t i = 0; i < object->count; i++, name = json_after(name + 1)) {
        int index = field_index(reader->fields, name->text);
        if (index >= 0)
            reader->values[index] = name + 1;
        else if (reader->generation != GENERATION_OLDER)
            refuse_unknown(reader, name->text);
    }
    /* The first field of users and events is their id. */
    if (reader->path_id != NULL && reader->values[0] == NULL)
        reader->values[0] = reader->path_id;
    for (int i = 0; i < FIELDS_MAX && reader->fields[i].name != NULL; i++)
        if (reader->values[i] == NULL && !reader->fields[i].optional)
            refuse(reader, reader->fields[i].name, VIOLATION_REQUIRED, "is missing");
}

/* Points the reader at an object's members; false (with a violation) when value is no object.
 * prefix and index: see struct reader. */
static bool open_object(struct reader *reader, const struct field_name *fields, const char *prefix,
                        int index, const struct json_node *value)
{
    reader->fields = fields;
    reader->prefix = prefix;
    reader->index = index;
    if (value->type != NODE_OBJECT) {
        char pointer[48];
        object_pointer(reader, pointer, sizeof(pointer));
        violation_add(reader->violations, VIOLATION_TYPE, pointer, "must be an object, not %s",
                      json_type_text(value));
        return false;
    }
    sort_members(reader, value);
    return true;
}

static void read_id(struct reader *reader, int index, struct str *ret_id)
{
    const char *name = reader->fields[index].name;
    const struct json_node *value = reader->values[index];
    if (value == NULL)
        return;
    if (value->type != NODE_STRING) {
        refuse_type(reader, name, "a string", value);
        return;
    }
    struct str id = value->text;
    if (id.len < 1 || id.len > ID_MAX_BYTES)
        refuse(reader, name, VIOLATION_LENGTH, "must have 1 to 64 bytes");
    else if (utf8_has_control(id))
        refuse(reader, name, VIOLATION_CONTROL_CHARACTER,
               "must not have control or bidi characters");
    *ret_id = id;
}

static bool is_text(const struct json_node *value, size_t min_points, size_t max_points)
{
    if (value->type != NODE_STRING)
        return false;
    size_t points = utf8_count(value->text);
    return points >= min_points && points <= max_points;
}

static void read_text(struct reader *reader, const char *name, const struct json_node *value,
                      size_t min_points, size_t max_points, struct str *ret_text)
{
    if (value == NULL)
        return;
    if (value->type != NODE_STRING) {
        refuse_type(reader, name, "a string", value);
        return;
    }
    if (!is_text(value, min_points, max_points)) {
        char problem[96];
        snprintf(problem, sizeof(problem), "must have %zu to %zu characters, has %zu", min_points,
                 max_points, utf8_count(value->text));
        refuse(reader, name, VIOLATION_LENGTH, problem);
    }
    *ret_text = value->text;
}

static void read_field_text(struct reader *reader, int index, size_t max_points,
                            struct str *ret_text)
{
    read_text(reader, reader->fields[index].name, reader->values[index], 1, max_points, ret_text);
}

static void read_currency(struct reader *reader, struct str *ret_currency)
{
    const struct json_node *value = reader->values[USER_CURRENCY];
    if (reader->generation != GENERATION_V1) {
        read_text(reader, "currency", value, 0, 50, ret_currency);
        return;
    }
    if (value == NULL)
        return;
    if (value->type != NODE_STRING) {
        refuse_type(reader, "currency", "a string", value);
        return;
    }
    struct str text = value->text;
    bool letters = text.len == 3;
    for (size_t i = 0; letters && i < 3; i++)
        letters = text.data[i] >= 'A' && text.data[i] <= 'Z';
    if (!letters)
        refuse(reader, "currency", VIOLATION_FORMAT,
               "must be an ISO 4217 code: three letters A-Z, such as EUR");
    *ret_currency = text;
}

static void read_integer(struct reader *reader, int index, int64_t min, int64_t max,
                         int64_t *ret_value)
{
    const char *name = reader->fields[index].name;
    const struct json_node *value = reader->values[index];
    if (value == NULL)
        return;
    if (value->type != NODE_INTEGER) {
        refuse_type(reader, name, "an integer", value);
        return;
    }
    int64_t number = value->integer;
    if (number < min || number > max) {
        char problem[96];
        snprintf(problem, sizeof(problem), "must be from %lld to %lld, is %lld", (long long)min,
                 (long long)max, (long long)number);
        refuse(reader, name, VIOLATION_RANGE, problem);
        return;
    }
    *ret_value = number;
}

static void read_version(struct reader *reader, int index, int64_t *ret_version)
{
    *ret_version = VERSION_NONE;
    if (reader->generation != GENERATION_OLDER) /* there it is an unknown field: ignored */
        read_integer(reader, index, 0, VERSION_MAX, ret_version);
}

static void read_time(struct reader *reader, int index, int64_t *ret_ms)
{
    const char *name = reader->fields[index].name;
    const struct json_node *value = reader->values[index];
    if (value == NULL)
        return;
    if (reader->generation == GENERATION_CANONICAL) {
        read_integer(reader, index, TIME_MIN_MS, TIME_MAX_MS, ret_ms);
        return;
    }
    if (value->type != NODE_STRING) {
        refuse_type(reader, name, "a string", value);
        return;
    }
    enum time_flags flags =
        reader->generation == GENERATION_OLDER ? TIME_OFFSET_OPTIONAL : TIME_NEEDS_OFFSET;
    switch (time_parse(value->text, flags, ret_ms)) {
    case 0:
        break;
    case TIP_EINVAL:
        refuse(reader, name, VIOLATION_RANGE, "must be in the years 1900 to 2200");
        break;
    default:
        refuse(reader, name, VIOLATION_FORMAT,
               "must be an RFC 3339 date-time with an offset (2026-11-21T18:00:00Z) or a date");
    }
}

/*
 * A decimal in ten-thousandths. The nearest double of k/10^4 is unique below 2^53, so a value with
 * at most 4 decimals is found again exactly, whatever its notation.
 */
static void read_decimal(struct reader *reader, int index, int64_t above_e4, int64_t max_e4,
                         int64_t *ret_e4)
{
    const char *name = reader->fields[index].name;
    const struct json_node *value = reader->values[index];
    bool strict = reader->generation == GENERATION_V1;
    if (value == NULL)
        return;
    if (value->type != NODE_REAL && value->type != NODE_INTEGER) {
        refuse_type(reader, name, "a number", value);
        return;
    }
    double number = value->type == NODE_REAL ? value->real : (double)value->integer;
    double limit = (double)max_e4 / DECIMAL_SCALE;
    double bottom = (double)above_e4 / DECIMAL_SCALE;
    if (number > limit || (strict ? number <= bottom : number < -limit)) {
        char problem[96];
        snprintf(problem, sizeof(problem),
                 strict ? "must be above %.0f and at most %.0f" : "must be within %.0f of %.0f",
                 strict ? bottom : limit, strict ? limit : 0.0);
        refuse(reader, name, VIOLATION_RANGE, problem);
        return;
    }
    int64_t scaled = llround(number * DECIMAL_SCALE);
    if (strict && (double)scaled / DECIMAL_SCALE != number) {
        refuse(reader, name, VIOLATION_DECIMALS, "must have at most 4 decimals");
        return;
    }
    *ret_e4 = scaled;
}

static void read_user(struct reader *reader, const struct json_node *json, struct user *user)
{
    struct civil now;
    int64_t birth_year = 0;
    if (!open_object(reader, user_fields, "", -1, json))
        return;
    time_to_civil(reader->now_ms, &now);
    bool older = reader->generation != GENERATION_V1;
    int64_t last_year = reader->generation == GENERATION_CANONICAL ? TIME_YEAR_MAX : now.year;
    read_id(reader, USER_ID, &user->user_id);
    read_integer(reader, USER_BIRTH_YEAR, TIME_YEAR_MIN, last_year, &birth_year);
    user->birth_year = (int)birth_year;
    read_field_text(reader, USER_COUNTRY, 100, &user->country);
    read_currency(reader, &user->currency);
    read_text(reader, "gender", reader->values[USER_GENDER], older ? 0 : 1, older ? 50 : 20,
              &user->gender);
    read_time(reader, USER_REGISTRATION_DATE, &user->registration_date_ms);
    read_version(reader, USER_VERSION, &user->version);
}

static bool has_participant(const struct event *event, struct str name)
{
    for (size_t i = 0; i < event->participant_count; i++)
        if (str_equal(event->participants[i], name))
            return true;
    return false;
}

/* One item of participants; false: they are too many, the rest need not be read. */
static bool read_participant(struct reader *reader, size_t index, const struct json_node *value,
                             struct event *event)
{
    bool good = is_text(value, 1, 100), known = good && has_participant(event, value->text);
    if (good && !known) {
        if (event->participant_count == PARTICIPANTS_MAX) {
            refuse(reader, "participants", VIOLATION_LENGTH, "must have at most 64 items");
            return false;
        }
        event->participants[event->participant_count++] = value->text;
    } else if (!good || reader->generation == GENERATION_V1) {
        char name[40];
        struct str unused;
        snprintf(name, sizeof(name), "participants/%zu", index);
        if (!good)
            read_text(reader, name, value, 1, 100, &unused);
        else
            refuse(reader, name, VIOLATION_DUPLICATE, "stands here twice");
    }
    return true;
}

static void read_participants(struct reader *reader, const struct json_node *array,
                              struct event *event)
{
    const struct json_node *item = json_first(array);
    for (size_t i = 0; i < array->count; i++, item = json_after(item))
        if (!read_participant(reader, i, item, event))
            return;
}

static void read_event(struct reader *reader, const struct json_node *json, struct event *event)
{
    if (!open_object(reader, event_fields, "", -1, json))
        return;
    read_id(reader, EVENT_ID, &event->event_id);
    read_field_text(reader, EVENT_SPORT, 50, &event->sport);
    read_field_text(reader, EVENT_LEAGUE, 50, &event->league);
    read_field_text(reader, EVENT_COUNTRY, 100, &event->country);
    const struct json_node *participants = reader->values[EVENT_PARTICIPANTS];
    if (participants != NULL && participants->type != NODE_ARRAY)
        refuse_type(reader, "participants", "an array", participants);
    else if (participants != NULL && participants->count == 0 &&
             reader->generation == GENERATION_V1)
        refuse(reader, "participants", VIOLATION_LENGTH, "must have 1 to 64 items");
    else if (participants != NULL)
        read_participants(reader, participants, event);
    int64_t begin = INT64_MIN, end = INT64_MAX;
    read_time(reader, EVENT_BEGIN, &begin);
    read_time(reader, EVENT_END, &end);
    if (end < begin)
        refuse(reader, "end_timestamp", VIOLATION_ORDER, "must not be before begin_timestamp");
    event->begin_ms = begin;
    event->end_ms = end;
    read_version(reader, EVENT_VERSION, &event->version);
}

/* Puts a selection into its place by event_id; false when its event is there already. */
static bool insert_selection(struct coupon *coupon, const struct selection *selection)
{
    size_t at = coupon->selection_count;
    while (at > 0) {
        int order = str_compare(coupon->selections[at - 1].event_id, selection->event_id);
        if (order == 0)
            return false;
        if (order < 0)
            break;
        at--;
    }
    memmove(&coupon->selections[at + 1], &coupon->selections[at],
            (coupon->selection_count - at) * sizeof(*selection));
    coupon->selections[at] = *selection;
    coupon->selection_count++;
    return true;
}

static void read_selections(struct reader *reader, const struct json_node *array,
                            struct coupon *coupon)
{
    bool strict = reader->generation == GENERATION_V1;
    const struct json_node *item = json_first(array);
    for (size_t i = 0; i < array->count; i++, item = json_after(item)) {
        struct selection selection = {.odds_e4 = DECIMAL_NONE};
        if (!open_object(reader, strict ? selection_fields : selection_fields_lax, "/selections",
                         (int)i, item))
            continue;
        const struct json_node **odds = &reader->values[SELECTION_ODDS];
        if (!strict && *odds != NULL && (*odds)->type == NODE_NULL)
            *odds = NULL;
        read_id(reader, SELECTION_EVENT_ID, &selection.event_id);
        read_decimal(reader, SELECTION_ODDS, DECIMAL_SCALE,
                     (strict ? INT64_C(1000000) : INT64_C(1000000000)) * DECIMAL_SCALE,
                     &selection.odds_e4);
        if (selection.event_id.data != NULL && !insert_selection(coupon, &selection))
            refuse(reader, "event_id", VIOLATION_DUPLICATE, "is an event of this coupon already");
    }
}

static void read_coupon(struct reader *reader, const struct json_node *json, struct coupon *coupon)
{
    if (!open_object(reader, coupon_fields, "", -1, json))
        return;
    read_id(reader, COUPON_ID, &coupon->coupon_id);
    read_id(reader, COUPON_USER_ID, &coupon->user_id);
    read_decimal(reader, COUPON_STAKE, 0, INT64_C(1000000000) * DECIMAL_SCALE, &coupon->stake_e4);
    int64_t placed_at_ms = INT64_MIN;
    read_time(reader, COUPON_TIMESTAMP, &placed_at_ms);
    if (reader->generation != GENERATION_CANONICAL &&
        placed_at_ms > reader->now_ms + COUPON_AHEAD_MAX_MS)
        refuse(reader, "timestamp", VIOLATION_FUTURE, "must be at most 24 hours ahead");
    coupon->placed_at_ms = placed_at_ms;
    const struct json_node *selections = reader->values[COUPON_SELECTIONS];
    if (selections == NULL)
        return;
    if (selections->type != NODE_ARRAY)
        refuse_type(reader, "selections", "an array", selections);
    else if (selections->count > SELECTIONS_MAX ||
             (selections->count == 0 && reader->generation == GENERATION_V1))
        refuse(reader, "selections", VIOLATION_LENGTH, "must have 1 to 100 items");
    else
        read_selections(reader, selections, coupon);
}

/* A document into a record, which takes its bytes; the document is released. */
static int read_record(struct reader *reader, enum record_kind kind, struct json_document *document,
                       struct record *ret_record)
{
    const struct json_node *root = document->nodes;
    struct violations *violations = reader->violations;
    size_t before = violations->total;
    ret_record->kind = kind;
    switch (kind) {
    case RECORD_USER:
        ret_record->user = (struct user){.version = VERSION_NONE};
        read_user(reader, root, &ret_record->user);
        break;
    case RECORD_EVENT:
        ret_record->event.participant_count = 0;
        ret_record->event.event_id = (struct str){0};
        read_event(reader, root, &ret_record->event);
        break;
    default:
        ret_record->coupon.selection_count = 0;
        ret_record->coupon.coupon_id = ret_record->coupon.user_id = (struct str){0};
        read_coupon(reader, root, &ret_record->coupon);
    }
    ret_record->json = violations->total == before ? json_document_take(document) : NULL;
    json_document_release(document);
    return violations->total == before ? 0 : TIP_EINVAL;
}

int record_parse(enum record_kind kind, enum generation generation, struct str text, int64_t now_ms,
                 struct record *ret_record, struct violations *violations)
{
    struct reader reader = {.generation = generation, .now_ms = now_ms, .violations = violations};
    struct json_document document;
    int err = json_document_parse(text, &document, violations);
    return err != 0 ? err : read_record(&reader, kind, &document, ret_record);
}

int record_parse_put(enum record_kind kind, struct str id, struct str text, int64_t now_ms,
                     struct record *ret_record, struct violations *violations)
{
    const struct json_node path_id = {.type = NODE_STRING, .span = 1, .text = id};
    struct reader reader = {.generation = GENERATION_V1,
                            .now_ms = now_ms,
                            .violations = violations,
                            .path_id = &path_id};
    struct json_document document;
    int err = json_document_parse(text, &document, violations);
    if (err != 0)
        return err;
    const char *name = kind == RECORD_USER ? "user_id" : "event_id";
    const struct json_node *own = json_member(document.nodes, str_of(name));
    bool mismatch = own != NULL && own->type == NODE_STRING && !str_equal(own->text, id);
    if (mismatch)
        violation_add(violations, VIOLATION_MISMATCH,
                      kind == RECORD_USER ? "/user_id" : "/event_id",
                      "must equal the id in the path");
    err = read_record(&reader, kind, &document, ret_record);
    if (err == 0 && mismatch) {
        record_release(ret_record);
        err = TIP_EINVAL;
    }
    return err;
}

bool id_is_valid(struct str id)
{
    return id.len >= 1 && id.len <= ID_MAX_BYTES && utf8_is_valid(id) && !utf8_has_control(id);
}

int participants_parse(struct str text, struct event *event, void **ret_json)
{
    static _Thread_local struct violations ignored;
    struct json_document document;
    violations_clear(&ignored);
    if (json_document_parse(text, &document, &ignored) != 0)
        return TIP_ESYNTAX;
    const struct json_node *array = document.nodes, *item = json_first(array);
    bool good = array->type == NODE_ARRAY && array->count <= PARTICIPANTS_MAX;
    if (good) {
        event->participant_count = 0;
        for (size_t i = 0; i < array->count; i++, item = json_after(item))
            if (item->type == NODE_STRING)
                event->participants[event->participant_count++] = item->text;
        *ret_json = json_document_take(&document);
    }
    json_document_release(&document);
    return good ? 0 : TIP_ESYNTAX;
}

void json_release(void *json)
{
    free(json);
}
