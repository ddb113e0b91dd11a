/* Reading JSON from strangers; see json_input.h. */
#include "domain/json_input.h"

#include "base/err.h"
#include "domain/codec.h"

const char *json_type_text(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "object";
    case JSON_ARRAY:
        return "array";
    case JSON_STRING:
        return "string";
    case JSON_INTEGER:
        return "integer";
    case JSON_REAL:
        return "number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "boolean";
    default:
        return "null";
    }
}

size_t utf8_count(struct str text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += ((unsigned char)text.data[i] & 0xc0) != 0x80;
    return count;
}

/* The code point at *cursor, which moves past it; -1 when the bytes are not UTF-8. */
static int32_t utf8_next(struct str text, size_t *cursor)
{
    static const int32_t smallest[] = {0, 0x80, 0x800, 0x10000};
    unsigned char lead = (unsigned char)text.data[(*cursor)++];
    if (lead < 0x80)
        return lead;
    size_t extra = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    if (lead < 0xc2 || lead > 0xf4 || *cursor + extra > text.len)
        return -1;
    int32_t point = lead & (0x3f >> extra);
    for (size_t i = 0; i < extra; i++) {
        unsigned char next = (unsigned char)text.data[(*cursor)++];
        if ((next & 0xc0) != 0x80)
            return -1;
        point = (point << 6) | (next & 0x3f);
    }
    bool surrogate = point >= 0xd800 && point <= 0xdfff;
    return point < smallest[extra] || point > 0x10ffff || surrogate ? -1 : point;
}

bool utf8_is_valid(struct str text)
{
    size_t cursor = 0;
    while (cursor < text.len)
        if (utf8_next(text, &cursor) < 0)
            return false;
    return true;
}

bool utf8_has_control(struct str text)
{
    size_t cursor = 0;
    while (cursor < text.len) {
        int32_t c = utf8_next(text, &cursor);
        bool control = c < 0x20 || (c >= 0x7f && c <= 0x9f);
        bool bidi = c == 0x61c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
                    (c >= 0x2066 && c <= 0x2069);
        if (control || bidi)
            return true;
    }
    return false;
}

/* Deepest nesting of brackets outside strings; a cheap look before the parser recurses. */
static int nesting_depth(struct str text)
{
    int depth = 0, deepest = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
            continue;
        }
        if (c == '"')
            in_string = true;
        else if (c == '{' || c == '[')
            deepest = ++depth > deepest ? depth : deepest;
        else if (c == '}' || c == ']')
            depth--;
    }
    return deepest;
}

static enum violation_code code_of(const json_error_t *error)
{
    switch (json_error_code(error)) {
    case json_error_duplicate_key:
        return VIOLATION_DUPLICATE_KEY;
    case json_error_invalid_utf8:
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return VIOLATION_ENCODING;
    case json_error_numeric_overflow:
        return VIOLATION_RANGE;
    default:
        return VIOLATION_SYNTAX;
    }
}

int json_input(struct str text, json_t **ret_json, struct violations *violations)
{
    if (text.len == 0) {
        violation_add(violations, VIOLATION_EMPTY, "", "nothing here; a JSON object is expected");
        return TIP_ESYNTAX;
    }
    int depth = nesting_depth(text);
    if (depth > JSON_DEPTH_MAX) {
        violation_add(violations, VIOLATION_DEPTH, "", "nested %d deep; at most %d", depth,
                      JSON_DEPTH_MAX);
        return TIP_ESYNTAX;
    }
    json_error_t error;
    json_t *json = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, &error);
    if (json == NULL) {
        violation_add(violations, code_of(&error), "", "not valid JSON at byte %d: %s",
                      error.position, error.text);
        return TIP_ESYNTAX;
    }
    *ret_json = json;
    return 0;
}
