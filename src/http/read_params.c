/* The parameters of the read routes; see read_params.h. */
#include "http/read_params.h"

#include "base/err.h"
#include "base/timefmt.h"
#include "domain/utf8.h"

enum param_form { FORM_INTEGER, FORM_TIME, FORM_TEXT, FORM_CURSOR, FORM_LIST, FORM_VIA };

struct rule {
    enum read_param param;
    const char *name;
    enum param_form form;
    size_t offset;    /* in struct read_params */
    int64_t min, max; /* of an integer; of a list max values; of a cursor min is its list */
};

#define AT(field) offsetof(struct read_params, field)

static const struct rule rules[] = {
    {PARAM_N, "n", FORM_INTEGER, AT(n), 1, 100},
    {PARAM_N_OLDER, "n", FORM_INTEGER, AT(n), -1, INT64_MAX},
    {PARAM_LIMIT, "limit", FORM_INTEGER, AT(limit), 1, 1000},
    {PARAM_CURSOR, "cursor", FORM_CURSOR, AT(cursor), CURSOR_EVENTS, 0},
    {PARAM_CURSOR_COUPONS, "cursor", FORM_CURSOR, AT(cursor), CURSOR_COUPONS, 0},
    {PARAM_CURSOR_REJECTED, "cursor", FORM_CURSOR, AT(cursor), CURSOR_REJECTED, 0},
    {PARAM_SPORT, "sport", FORM_LIST, AT(sports), 0, FILTER_VALUES_MAX},
    {PARAM_LEAGUE, "league", FORM_LIST, AT(leagues), 0, FILTER_VALUES_MAX},
    {PARAM_COUNTRY, "country", FORM_LIST, AT(countries), 0, FILTER_VALUES_MAX},
    {PARAM_PARTICIPANT, "participant", FORM_LIST, AT(participants), 0, FILTER_VALUES_MAX},
    {PARAM_EXCLUDE, "exclude", FORM_LIST, AT(excludes), 0, EXCLUDES_MAX},
    {PARAM_FROM, "from", FORM_TIME, AT(from_ms), 0, 0},
    {PARAM_TO, "to", FORM_TIME, AT(to_ms), 0, 0},
    {PARAM_BEFORE, "before", FORM_TIME, AT(before_ms), 0, 0},
    {PARAM_AS_OF, "as_of", FORM_TIME, AT(as_of_ms), 0, 0},
    {PARAM_EXPLAIN, "explain", FORM_INTEGER, AT(explain), 0, 1},
    {PARAM_INCLUDE_STARTED, "include_started", FORM_INTEGER, AT(include_started), 0, 1},
    {PARAM_USER_ID, "user_id", FORM_TEXT, AT(user_id), 0, 0},
    {PARAM_VIA, "via", FORM_VIA, AT(via), 0, 0},
};

/* What parsing carries along. */
struct reading {
    struct read_params *params;
    struct arena *arena;
    struct violations *violations;
    enum generation generation;
    unsigned seen; /* enum read_param */
    size_t values_max;
};

static const struct rule *rule_find(struct str name, unsigned allowed)
{
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        if ((rules[i].param & allowed) != 0 && str_equal(name, str_of(rules[i].name)))
            return &rules[i];
    return NULL;
}

/* Digits with an optional '-', nothing else. */
static bool parse_integer(struct str text, int64_t *ret_value)
{
    bool negative = text.len > 0 && text.data[0] == '-';
    int64_t value = 0;
    if (text.len == negative)
        return false;
    for (size_t i = negative; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, text.data[i] - '0', &value))
            return false;
    }
    *ret_value = negative ? -value : value;
    return true;
}

static void read_integer(struct reading *reading, const struct rule *rule, struct str text,
                         int64_t *number)
{
    int64_t value;
    if (!parse_integer(text, &value))
        violation_add(reading->violations, VIOLATION_FORMAT, "", "%s: not an integer", rule->name);
    else if (value < rule->min || value > rule->max)
        violation_add(reading->violations, VIOLATION_RANGE, "", "%s: not from %lld to %lld",
                      rule->name, (long long)rule->min, (long long)rule->max);
    else
        *number = value;
}

static void read_time(struct reading *reading, const struct rule *rule, struct str text,
                      int64_t *time_ms)
{
    int err = time_parse(text, TIME_NEEDS_OFFSET, time_ms);
    if (err == TIP_EINVAL)
        violation_add(reading->violations, VIOLATION_RANGE, "", "%s: a year from %d to %d",
                      rule->name, TIME_YEAR_MIN, TIME_YEAR_MAX);
    else if (err != 0)
        violation_add(reading->violations, VIOLATION_FORMAT, "",
                      "%s: not a date, or a date-time with an offset (RFC 3339)", rule->name);
}

static void read_list(struct reading *reading, const struct rule *rule, struct str text,
                      struct param_list *list)
{
    if (list->values == NULL)
        list->values = arena_array(reading->arena, reading->values_max, sizeof(*list->values));
    if (text.len == 0)
        violation_add(reading->violations, VIOLATION_EMPTY, "", "%s: empty", rule->name);
    else if (!utf8_is_valid(text))
        violation_add(reading->violations, VIOLATION_ENCODING, "", "%s: not UTF-8", rule->name);
    else if (list->count == (size_t)rule->max)
        violation_add(reading->violations, VIOLATION_LENGTH, "", "%s: more than %lld values",
                      rule->name, (long long)rule->max);
    else
        list->values[list->count++] = arena_copy(reading->arena, text);
}

static void read_via(struct reading *reading, const struct rule *rule, struct str text,
                     enum param_via *via)
{
    if (str_equal(text, str_of("view")))
        *via = VIA_VIEW;
    else if (str_equal(text, str_of("sql")))
        *via = VIA_SQL;
    else
        violation_add(reading->violations, VIOLATION_FORMAT, "", "%s: neither view nor sql",
                      rule->name);
}

static void read_value(struct reading *reading, const struct rule *rule, struct str text)
{
    void *field = (char *)reading->params + rule->offset;
    switch (rule->form) {
    case FORM_INTEGER:
        read_integer(reading, rule, text, field);
        break;
    case FORM_TIME:
        read_time(reading, rule, text, field);
        break;
    case FORM_TEXT:
        *(struct str *)field = arena_copy(reading->arena, text);
        break;
    case FORM_CURSOR:
        if (cursor_read((enum cursor_list)rule->min, text, field) != 0)
            violation_add(reading->violations, VIOLATION_FORMAT, "",
                          "%s: not a next_cursor of this list", rule->name);
        else
            reading->params->has_cursor = true;
        break;
    case FORM_LIST:
        read_list(reading, rule, text, field);
        break;
    case FORM_VIA:
        read_via(reading, rule, text, field);
    }
}

static void read_param(struct reading *reading, const struct query_param *param, unsigned allowed)
{
    const struct rule *rule = rule_find(param->name, allowed);
    bool strict = reading->generation == GENERATION_V1;
    if (rule == NULL && strict && id_is_valid(param->name))
        violation_add(reading->violations, VIOLATION_UNKNOWN_FIELD, "", "%.*s: unknown parameter",
                      (int)param->name.len, param->name.data);
    else if (rule == NULL && strict)
        violation_add(reading->violations, VIOLATION_UNKNOWN_FIELD, "",
                      "a parameter whose name is no text");
    if (rule == NULL)
        return;
    if (rule->form != FORM_LIST && (reading->seen & rule->param) != 0) {
        if (strict)
            violation_add(reading->violations, VIOLATION_DUPLICATE, "", "%s: given twice",
                          rule->name);
        return;
    }
    reading->seen |= rule->param;
    read_value(reading, rule, param->value);
}

int read_params_parse(const struct query *query, unsigned allowed, enum generation generation,
                      struct arena *arena, struct read_params *ret_params,
                      struct violations *violations)
{
    size_t before = violations->total;
    *ret_params = (struct read_params){
        .n = PARAM_ABSENT,
        .limit = PARAM_ABSENT,
        .explain = PARAM_ABSENT,
        .include_started = PARAM_ABSENT,
        .from_ms = PARAM_ABSENT,
        .to_ms = PARAM_ABSENT,
        .before_ms = PARAM_ABSENT,
        .as_of_ms = PARAM_ABSENT,
    };
    struct reading reading = {
        .params = ret_params,
        .arena = arena,
        .violations = violations,
        .generation = generation,
        .values_max = query->count < EXCLUDES_MAX ? query->count : EXCLUDES_MAX,
    };
    for (size_t i = 0; i < query->count; i++)
        read_param(&reading, &query->params[i], allowed);
    return violations->total == before ? 0 : TIP_EINVAL;
}
