/*
 * Parsing and validation of the three records; see codec.h. Each kind has a table of its fields; a
 * first pass sorts the object's members into it, a second reads each field and notes what is wrong.
 */
#include "domain/codec.h"

#include "base/err.h"
#include "base/timefmt.h"
#include "domain/json_input.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIELDS_MAX = 9 };

struct field_name {
    const char *name;
    bool optional;
};

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
    [USER_ID] = {"user_id", false},      [USER_BIRTH_YEAR] = {"birth_year", false},
    [USER_COUNTRY] = {"country", false}, [USER_CURRENCY] = {"currency", false},
    [USER_GENDER] = {"gender", false},   [USER_REGISTRATION_DATE] = {"registration_date", false},
    [USER_VERSION] = {"version", true},
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
    [EVENT_ID] = {"event_id", false},
    [EVENT_SPORT] = {"sport", false},
    [EVENT_LEAGUE] = {"league", false},
    [EVENT_COUNTRY] = {"country", false},
    [EVENT_PARTICIPANTS] = {"participants", false},
    [EVENT_BEGIN] = {"begin_timestamp", false},
    [EVENT_END] = {"end_timestamp", false},
    [EVENT_VERSION] = {"version", true},
};

enum { COUPON_ID, COUPON_USER_ID, COUPON_STAKE, COUPON_TIMESTAMP, COUPON_SELECTIONS };
static const struct field_name coupon_fields[FIELDS_MAX] = {
    [COUPON_ID] = {"coupon_id", false},          [COUPON_USER_ID] = {"user_id", false},
    [COUPON_STAKE] = {"stake", false},           [COUPON_TIMESTAMP] = {"timestamp", false},
    [COUPON_SELECTIONS] = {"selections", false},
};

enum { SELECTION_EVENT_ID, SELECTION_ODDS };
static const struct field_name selection_fields[FIELDS_MAX] = {
    [SELECTION_EVENT_ID] = {"event_id", false},
    [SELECTION_ODDS] = {"odds", false},
};
/* Older clients, and so what stands in Kafka, may leave the odds out. */
static const struct field_name selection_fields_lax[FIELDS_MAX] = {
    [SELECTION_EVENT_ID] = {"event_id", false},
    [SELECTION_ODDS] = {"odds", true},
};

struct reader {
    enum generation generation;
    int64_t now_ms;
    struct violations *violations;
    const struct field_name *fields;
    json_t *values[FIELDS_MAX]; /* of the object being read; NULL: absent or refused */
    const char *prefix;         /* pointer of that object: "" or "/selections/3" */
};

static void refuse(struct reader *reader, const char *name, enum violation_code code,
                   const char *problem)
{
    char pointer[128];
    snprintf(pointer, sizeof(pointer), "%s/%s", reader->prefix, name);
    violation_add(reader->violations, code, pointer, "%s", problem);
}

static void refuse_type(struct reader *reader, const char *name, const char *wanted,
                        const json_t *value)
{
    char problem[96];
    snprintf(problem, sizeof(problem), "must be %s, not %s", wanted, json_type_text(value));
    refuse(reader, name, VIOLATION_TYPE, problem);
}

/* Writes a member's name as a JSON pointer token (RFC 6901: ~ is ~0, / is ~1). */
static void refuse_unknown(struct reader *reader, const char *name)
{
    char token[96];
    size_t len = 0;
    for (; *name != '\0' && len + 3 < sizeof(token); name++) {
        if (*name == '~' || *name == '/') {
            token[len++] = '~';
            token[len++] = *name == '~' ? '0' : '1';
        } else {
            token[len++] = *name;
        }
    }
    token[len] = '\0';
    refuse(reader, token, VIOLATION_UNKNOWN_FIELD, "is not a field of this record");
}

static int field_index(const struct field_name *fields, const char *name)
{
    for (int i = 0; i < FIELDS_MAX && fields[i].name != NULL; i++)
        if (strcmp(fields[i].name, name) == 0)
            return i;
    return -1;
}

/* First pass: members into reader->values; missing and unknown ones become violations. */
static void sort_members(struct reader *reader, json_t *object)
{
    const char *name;
    json_t *value;
    memset(reader->values, 0, sizeof(reader->values));
    json_object_foreach(object, name, value)
    {
        int index = field_index(reader->fields, name);
        if (index >= 0)
            reader->values[index] = value;
        else if (reader->generation != GENERATION_OLDER)
            refuse_unknown(reader, name);
    }
    for (int i = 0; i < FIELDS_MAX && reader->fields[i].name != NULL; i++)
        if (reader->values[i] == NULL && !reader->fields[i].optional)
            refuse(reader, reader->fields[i].name, VIOLATION_REQUIRED, "is missing");
}

/* Points the reader at an object's members; false (with a violation) when value is no object. */
static bool open_object(struct reader *reader, const struct field_name *fields, const char *prefix,
                        json_t *value)
{
    reader->fields = fields;
    reader->prefix = prefix;
    if (!json_is_object(value)) {
        violation_add(reader->violations, VIOLATION_TYPE, prefix, "must be an object, not %s",
                      json_type_text(value));
        return false;
    }
    sort_members(reader, value);
    return true;
}

static void read_id(struct reader *reader, int index, struct str *ret_id)
{
    const char *name = reader->fields[index].name;
    json_t *value = reader->values[index];
    if (value == NULL)
        return;
    if (!json_is_string(value)) {
        refuse_type(reader, name, "a string", value);
        return;
    }
    struct str id = json_slice(value);
    if (id.len < 1 || id.len > ID_MAX_BYTES)
        refuse(reader, name, VIOLATION_LENGTH, "must have 1 to 64 bytes");
    else if (utf8_has_control(id))
        refuse(reader, name, VIOLATION_CONTROL_CHARACTER,
               "must not have control or bidi characters");
    *ret_id = id;
}

static void read_text(struct reader *reader, const char *name, json_t *value, size_t min_points,
                      size_t max_points, struct str *ret_text)
{
    if (value == NULL)
        return;
    if (!json_is_string(value)) {
        refuse_type(reader, name, "a string", value);
        return;
    }
    struct str text = json_slice(value);
    size_t points = utf8_count(text);
    if (points < min_points || points > max_points) {
        char problem[96];
        snprintf(problem, sizeof(problem), "must have %zu to %zu characters, has %zu", min_points,
                 max_points, points);
        refuse(reader, name, VIOLATION_LENGTH, problem);
    }
    *ret_text = text;
}

static void read_field_text(struct reader *reader, int index, size_t max_points,
                            struct str *ret_text)
{
    read_text(reader, reader->fields[index].name, reader->values[index], 1, max_points, ret_text);
}

static void read_currency(struct reader *reader, struct str *ret_currency)
{
    json_t *value = reader->values[USER_CURRENCY];
    if (reader->generation != GENERATION_V1) {
        read_text(reader, "currency", value, 0, 50, ret_currency);
        return;
    }
    if (value == NULL)
        return;
    if (!json_is_string(value)) {
        refuse_type(reader, "currency", "a string", value);
        return;
    }
    struct str text = json_slice(value);
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
    json_t *value = reader->values[index];
    if (value == NULL)
        return;
    if (!json_is_integer(value)) {
        refuse_type(reader, name, "an integer", value);
        return;
    }
    int64_t number = json_integer_value(value);
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
    json_t *value = reader->values[index];
    if (value == NULL)
        return;
    if (reader->generation == GENERATION_CANONICAL) {
        read_integer(reader, index, TIME_MIN_MS, TIME_MAX_MS, ret_ms);
        return;
    }
    if (!json_is_string(value)) {
        refuse_type(reader, name, "a string", value);
        return;
    }
    enum time_flags flags =
        reader->generation == GENERATION_OLDER ? TIME_OFFSET_OPTIONAL : TIME_NEEDS_OFFSET;
    switch (time_parse(json_slice(value), flags, ret_ms)) {
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
    json_t *value = reader->values[index];
    bool strict = reader->generation == GENERATION_V1;
    if (value == NULL)
        return;
    if (!json_is_number(value)) {
        refuse_type(reader, name, "a number", value);
        return;
    }
    double number = json_number_value(value);
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

static void read_user(struct reader *reader, json_t *json, struct user *user)
{
    struct civil now;
    int64_t birth_year = 0;
    if (!open_object(reader, user_fields, "", json))
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

static void read_participants(struct reader *reader, json_t *array, struct event *event)
{
    bool strict = reader->generation == GENERATION_V1;
    size_t index;
    json_t *value;
    json_array_foreach(array, index, value)
    {
        char name[40];
        struct str participant = {0};
        snprintf(name, sizeof(name), "participants/%zu", index);
        read_text(reader, name, value, 1, 100, &participant);
        if (participant.data == NULL)
            continue;
        if (!has_participant(event, participant)) {
            if (event->participant_count == PARTICIPANTS_MAX) {
                refuse(reader, "participants", VIOLATION_LENGTH, "must have at most 64 items");
                return;
            }
            event->participants[event->participant_count++] = participant;
        } else if (strict) {
            refuse(reader, name, VIOLATION_DUPLICATE, "stands here twice");
        }
    }
}

static void read_event(struct reader *reader, json_t *json, struct event *event)
{
    if (!open_object(reader, event_fields, "", json))
        return;
    read_id(reader, EVENT_ID, &event->event_id);
    read_field_text(reader, EVENT_SPORT, 50, &event->sport);
    read_field_text(reader, EVENT_LEAGUE, 50, &event->league);
    read_field_text(reader, EVENT_COUNTRY, 100, &event->country);
    json_t *participants = reader->values[EVENT_PARTICIPANTS];
    if (participants != NULL && !json_is_array(participants))
        refuse_type(reader, "participants", "an array", participants);
    else if (participants != NULL && json_array_size(participants) == 0 &&
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

static void read_selections(struct reader *reader, json_t *array, struct coupon *coupon)
{
    bool strict = reader->generation == GENERATION_V1;
    size_t index;
    json_t *value;
    json_array_foreach(array, index, value)
    {
        char prefix[40];
        struct selection selection = {.odds_e4 = DECIMAL_NONE};
        snprintf(prefix, sizeof(prefix), "/selections/%zu", index);
        if (!open_object(reader, strict ? selection_fields : selection_fields_lax, prefix, value))
            continue;
        if (!strict && json_is_null(reader->values[SELECTION_ODDS]))
            reader->values[SELECTION_ODDS] = NULL;
        read_id(reader, SELECTION_EVENT_ID, &selection.event_id);
        read_decimal(reader, SELECTION_ODDS, DECIMAL_SCALE,
                     (strict ? INT64_C(1000000) : INT64_C(1000000000)) * DECIMAL_SCALE,
                     &selection.odds_e4);
        if (selection.event_id.data != NULL && !insert_selection(coupon, &selection))
            refuse(reader, "event_id", VIOLATION_DUPLICATE, "is an event of this coupon already");
    }
}

static void read_coupon(struct reader *reader, json_t *json, struct coupon *coupon)
{
    if (!open_object(reader, coupon_fields, "", json))
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
    json_t *selections = reader->values[COUPON_SELECTIONS];
    if (selections == NULL)
        return;
    size_t count = json_array_size(selections);
    if (!json_is_array(selections))
        refuse_type(reader, "selections", "an array", selections);
    else if (count > SELECTIONS_MAX || (count == 0 && reader->generation == GENERATION_V1))
        refuse(reader, "selections", VIOLATION_LENGTH, "must have 1 to 100 items");
    else
        read_selections(reader, selections, coupon);
}

static int read_record(enum record_kind kind, enum generation generation, json_t *json,
                       int64_t now_ms, struct record *ret_record, struct violations *violations)
{
    struct reader reader = {.generation = generation, .now_ms = now_ms, .violations = violations};
    size_t before = violations->total;
    ret_record->kind = kind;
    ret_record->json = json;
    switch (kind) {
    case RECORD_USER:
        ret_record->user = (struct user){.version = VERSION_NONE};
        read_user(&reader, json, &ret_record->user);
        break;
    case RECORD_EVENT:
        ret_record->event.participant_count = 0;
        ret_record->event.event_id = (struct str){0};
        read_event(&reader, json, &ret_record->event);
        break;
    default:
        ret_record->coupon.selection_count = 0;
        ret_record->coupon.coupon_id = ret_record->coupon.user_id = (struct str){0};
        read_coupon(&reader, json, &ret_record->coupon);
    }
    if (violations->total == before)
        return 0;
    record_release(ret_record);
    return TIP_EINVAL;
}

int record_parse(enum record_kind kind, enum generation generation, struct str text, int64_t now_ms,
                 struct record *ret_record, struct violations *violations)
{
    json_t *json = NULL;
    int err = json_input(text, &json, violations);
    return err != 0 ? err : read_record(kind, generation, json, now_ms, ret_record, violations);
}

int record_parse_put(enum record_kind kind, struct str id, struct str text, int64_t now_ms,
                     struct record *ret_record, struct violations *violations)
{
    json_t *json = NULL;
    int err = json_input(text, &json, violations);
    if (err != 0)
        return err;
    const char *name = kind == RECORD_USER ? "user_id" : "event_id";
    json_t *own = json_object_get(json, name);
    size_t before = violations->total;
    if (own == NULL && json_is_object(json))
        json_object_set_new(json, name, json_stringn(id.data, id.len));
    else if (json_is_string(own) && !str_equal(json_slice(own), id))
        violation_add(violations, VIOLATION_MISMATCH,
                      kind == RECORD_USER ? "/user_id" : "/event_id",
                      "must equal the id in the path");
    bool mismatch = violations->total > before;
    err = read_record(kind, GENERATION_V1, json, now_ms, ret_record, violations);
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
    json_t *array = json_loadb(text.data, text.len, 0, NULL);
    if (!json_is_array(array) || json_array_size(array) > PARTICIPANTS_MAX) {
        json_decref(array);
        return TIP_ESYNTAX;
    }
    size_t index;
    json_t *value;
    event->participant_count = 0;
    json_array_foreach(array, index, value) if (json_is_string(value))
        event->participants[event->participant_count++] = json_slice(value);
    *ret_json = array;
    return 0;
}

void json_release(void *json)
{
    json_decref((json_t *)json);
}
