/*
 * Reading JSON from strangers; see json_input.h. The copy of the text ends with a NUL, which no
 * rule takes, so that nothing has to look for the end: whoever meets it stops.
 */
#include "domain/json_input.h"

#include "base/err.h"
#include "base/mem.h"
#include "domain/codec.h"
#include "domain/utf8.h"

#include <math.h>
#include <stdlib.h>

enum {
    FEW_MEMBERS = 16, /* up to so many names are compared each with each */
    EXACT_DIGITS = 19,
    EXACT_POWER = 22,             /* 10^22 is a double, 10^23 is not */
    EXPONENT_BEYOND = 1000000000, /* stands for all exponents of more than 6 digits */
};

struct parser {
    char *at, *begin, *end;
    struct json_document *document;
    int depth;
    enum violation_code code; /* of the problem */
    const char *problem;      /* once something is wrong */
};

static bool fail(struct parser *parser, enum violation_code code, const char *problem)
{
    parser->code = code;
    parser->problem = problem;
    return false;
}

/* What stands at the cursor is not what should: or the text has ended. */
static bool fail_unexpected(struct parser *parser, const char *problem)
{
    return fail(parser, VIOLATION_SYNTAX,
                parser->at == parser->end ? "it ends too early" : problem);
}

static void skip_space(struct parser *parser)
{
    while (*parser->at == ' ' || *parser->at == '\n' || *parser->at == '\t' || *parser->at == '\r')
        parser->at++;
}

/* Adds a node and returns its number: nodes move when they become more. */
static size_t add_node(struct json_document *document, enum node_type type)
{
    if (document->count == document->capacity) {
        bool first = document->nodes == document->at_hand;
        document->capacity *= 2;
        document->nodes = xreallocarray(first ? NULL : document->nodes, document->capacity,
                                        sizeof(*document->nodes));
        if (first)
            memcpy(document->nodes, document->at_hand, sizeof(document->at_hand));
    }
    document->nodes[document->count] = (struct json_node){.type = type, .span = 1};
    return document->count++;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four digits after \u; -1 when they are none. */
static int32_t hex_unit(const char *digits)
{
    int32_t unit = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(digits[i]);
        if (digit < 0)
            return -1;
        unit = unit << 4 | digit;
    }
    return unit;
}

/* The escape \uXXXX, or two of them, at the cursor, which moves past it. */
static bool parse_unicode_escape(struct parser *parser, char **out)
{
    int32_t point = hex_unit(parser->at + 2);
    if (point < 0)
        return fail_unexpected(parser, "\\u needs four hexadecimal digits");
    if (point == 0)
        return fail(parser, VIOLATION_ENCODING, "\\u0000 is not allowed");
    size_t used = 6;
    if (point >= 0xd800 && point <= 0xdfff) {
        int32_t low = -1;
        if (point <= 0xdbff && parser->at[6] == '\\' && parser->at[7] == 'u')
            low = hex_unit(parser->at + 8);
        if (low < 0xdc00 || low > 0xdfff)
            return fail(parser, VIOLATION_SYNTAX, "half of a surrogate pair is no character");
        point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
        used = 12;
    }
    parser->at += used;
    *out += utf8_write(point, *out); /* never longer than the escape */
    return true;
}

static bool parse_escape(struct parser *parser, char **out)
{
    static const char meanings[256] = {['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
                                       ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t'};
    unsigned char letter = (unsigned char)parser->at[1];
    if (letter == 'u')
        return parse_unicode_escape(parser, out);
    if (meanings[letter] == 0)
        return fail_unexpected(parser, "no such escape in a string");
    *(*out)++ = meanings[letter];
    parser->at += 2;
    return true;
}

/* The rest of a string from its first byte on that is not plain, copied down over the escapes. */
static bool parse_string_slowly(struct parser *parser, struct str *ret_text, char *start)
{
    char *out = parser->at;
    for (;;) {
        unsigned char c = (unsigned char)*parser->at;
        if (c == '"') {
            *ret_text = str_from(start, (size_t)(out - start));
            parser->at++;
            return true;
        }
        if (c == '\\') {
            if (!parse_escape(parser, &out))
                return false;
        } else if (c < 0x20) {
            return fail_unexpected(parser, "a control character in a string must be escaped");
        } else {
            struct str rest = str_from(parser->at, (size_t)(parser->end - parser->at));
            size_t len = 0;
            if (utf8_next(rest, &len) < 0)
                return fail(parser, VIOLATION_ENCODING, "a string is not UTF-8");
            memmove(out, rest.data, len);
            out += len;
            parser->at += len;
        }
    }
}

/* The string whose quote is at the cursor. */
static bool parse_string(struct parser *parser, struct str *ret_text)
{
    char *start = ++parser->at, *at = start;
    while ((unsigned char)*at >= 0x20 && (unsigned char)*at < 0x80 && *at != '"' && *at != '\\')
        at++;
    parser->at = at;
    if (*at != '"')
        return parse_string_slowly(parser, ret_text, start);
    *ret_text = str_from(start, (size_t)(at - start));
    parser->at++;
    return true;
}

/* A number's digits, sign and all. */
struct number {
    uint64_t digits; /* of the value without its point; valid while digit_count <= EXACT_DIGITS */
    int digit_count; /* without leading zeros */
    int scale;       /* of them stand behind the point */
    bool negative;
};

/* Digits at the cursor; false when there is none. */
static bool scan_digits(struct parser *parser, struct number *number)
{
    const char *start = parser->at;
    for (; *parser->at >= '0' && *parser->at <= '9'; parser->at++) {
        if (number->digit_count > EXACT_DIGITS)
            continue; /* too many to matter: they are counted no further */
        number->digits = number->digits * 10 + (uint64_t)(*parser->at - '0');
        number->digit_count += number->digit_count > 0 || number->digits != 0;
    }
    return parser->at > start || fail_unexpected(parser, "a digit is missing in a number");
}

/* The exponent at the cursor, if there is one; bounded, since it may be of any length. */
static bool scan_exponent(struct parser *parser, int *ret_exponent)
{
    if ((*parser->at | 0x20) != 'e')
        return true;
    bool negative = *++parser->at == '-';
    if (*parser->at == '-' || *parser->at == '+')
        parser->at++;
    struct number exponent = {0};
    if (!scan_digits(parser, &exponent))
        return false;
    int value = exponent.digit_count > 6 ? EXPONENT_BEYOND : (int)exponent.digits;
    *ret_exponent = negative ? -value : value;
    return true;
}

/* The nearest double: exactly one operation on two exact ones, or the C library's long way. */
static double nearest_double(const struct number *number, int exponent, const char *text)
{
    static const double powers[EXACT_POWER + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    int power = exponent - number->scale;
    if (number->digit_count > EXACT_DIGITS || number->digits > UINT64_C(1) << 53 ||
        power < -EXACT_POWER || power > EXACT_POWER)
        return strtod(text, NULL);
    double value = (double)number->digits;
    value = power < 0 ? value / powers[-power] : value * powers[power];
    return number->negative ? -value : value;
}

static bool set_integer(struct parser *parser, const struct number *number, struct json_node *node)
{
    uint64_t limit = (uint64_t)INT64_MAX + number->negative;
    if (number->digit_count > EXACT_DIGITS || number->digits > limit)
        return fail(parser, VIOLATION_RANGE, "an integer is beyond 64 bits");
    node->type = NODE_INTEGER;
    node->integer = (int64_t)(number->negative ? 0 - number->digits : number->digits);
    return true;
}

static bool parse_number(struct parser *parser, struct json_node *node)
{
    const char *text = parser->at;
    struct number number = {.negative = *text == '-'};
    int exponent = 0;
    parser->at += number.negative;
    bool zero = *parser->at == '0';
    if (!scan_digits(parser, &number))
        return false;
    if (zero && parser->at > text + number.negative + 1)
        return fail(parser, VIOLATION_SYNTAX, "a number must not begin with 0");
    char next = *parser->at;
    if (next != '.' && (next | 0x20) != 'e')
        return set_integer(parser, &number, node);
    if (next == '.') {
        const char *point = parser->at++;
        if (!scan_digits(parser, &number))
            return false;
        number.scale = (int)(parser->at - point - 1);
    }
    if (!scan_exponent(parser, &exponent))
        return false;
    node->type = NODE_REAL;
    node->real = nearest_double(&number, exponent, text);
    return isfinite(node->real) || fail(parser, VIOLATION_RANGE, "a number is beyond a double");
}

static bool parse_literal(struct parser *parser, const char *literal)
{
    size_t len = strlen(literal);
    if (strncmp(parser->at, literal, len) != 0)
        return fail_unexpected(parser, "a value is expected");
    parser->at += len;
    return true;
}

static int order_of_names(const void *a, const void *b)
{
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

/* Whether many names have two equal ones: sorted, so that no choice of names makes it slow. */
static bool has_duplicate_of_many(const struct json_node *object)
{
    AUTO_FREE struct str *names = xreallocarray(NULL, object->count, sizeof(*names));
    const struct json_node *name = json_first(object);
    for (size_t i = 0; i < object->count; i++, name = json_after(name + 1))
        names[i] = name->text;
    qsort(names, object->count, sizeof(*names), order_of_names);
    for (size_t i = 1; i < object->count; i++)
        if (str_equal(names[i - 1], names[i]))
            return true;
    return false;
}

static bool has_duplicate(const struct json_node *object)
{
    const struct json_node *name = json_first(object), *other;
    if (object->count > FEW_MEMBERS)
        return has_duplicate_of_many(object);
    for (size_t i = 1; i < object->count; i++) {
        name = json_after(name + 1);
        other = json_first(object);
        for (size_t j = 0; j < i; j++, other = json_after(other + 1))
            if (str_equal(name->text, other->text))
                return true;
    }
    return false;
}

static bool parse_value(struct parser *parser);

/* A comma, after which `more` is true, or the closing bracket; the cursor moves past it. */
static bool parse_separator(struct parser *parser, char closing, bool *ret_more)
{
    skip_space(parser);
    *ret_more = *parser->at == ',';
    if (!*ret_more && *parser->at != closing)
        return fail_unexpected(parser, closing == ']' ? "',' or ']' is expected"
                                                      : "',' or '}' is expected");
    parser->at++;
    return true;
}

static bool parse_name(struct parser *parser)
{
    skip_space(parser);
    if (*parser->at != '"')
        return fail_unexpected(parser, "a name in quotes is expected");
    size_t name = add_node(parser->document, NODE_STRING);
    if (!parse_string(parser, &parser->document->nodes[name].text))
        return false;
    skip_space(parser);
    if (*parser->at != ':')
        return fail_unexpected(parser, "':' is expected after a name");
    parser->at++;
    return true;
}

/* An array or object, whose bracket is at the cursor. */
static bool parse_container(struct parser *parser, enum node_type type, char closing)
{
    struct json_document *document = parser->document;
    size_t self = add_node(document, type), count = 0;
    if (++parser->depth > JSON_DEPTH_MAX)
        return fail(parser, VIOLATION_DEPTH, "");
    parser->at++;
    skip_space(parser);
    bool more = *parser->at != closing;
    if (!more)
        parser->at++;
    for (; more; count++)
        if ((type == NODE_OBJECT && !parse_name(parser)) || !parse_value(parser) ||
            !parse_separator(parser, closing, &more))
            return false;
    parser->depth--;
    document->nodes[self].count = count;
    document->nodes[self].span = (uint32_t)(document->count - self);
    if (type == NODE_OBJECT && has_duplicate(&document->nodes[self]))
        return fail(parser, VIOLATION_DUPLICATE_KEY, "an object has two members of one name");
    return true;
}

static bool parse_scalar(struct parser *parser)
{
    size_t number = add_node(parser->document, NODE_NULL);
    struct json_node *node = &parser->document->nodes[number];
    switch (*parser->at) {
    case '"':
        node->type = NODE_STRING;
        return parse_string(parser, &node->text);
    case 't':
        node->type = NODE_BOOLEAN;
        return parse_literal(parser, "true");
    case 'f':
        node->type = NODE_BOOLEAN;
        return parse_literal(parser, "false");
    case 'n':
        return parse_literal(parser, "null");
    case '-':
    case '0' ... '9':
        return parse_number(parser, node);
    default:
        return fail_unexpected(parser, "a value is expected");
    }
}

static bool parse_value(struct parser *parser)
{
    skip_space(parser);
    if (*parser->at == '{')
        return parse_container(parser, NODE_OBJECT, '}');
    if (*parser->at == '[')
        return parse_container(parser, NODE_ARRAY, ']');
    return parse_scalar(parser);
}

static bool parse_whole(struct parser *parser)
{
    skip_space(parser);
    if (*parser->at != '{' && *parser->at != '[')
        return fail_unexpected(parser, "'{' is expected");
    if (!parse_value(parser))
        return false;
    skip_space(parser);
    return parser->at == parser->end ||
           fail(parser, VIOLATION_SYNTAX, "nothing may follow the value");
}

int json_document_parse(struct str text, struct json_document *ret_document,
                        struct violations *violations)
{
    if (text.len == 0) {
        violation_add(violations, VIOLATION_EMPTY, "", "nothing here; a JSON object is expected");
        return TIP_ESYNTAX;
    }
    char *bytes = xmemdup0(text.data, text.len);
    struct parser parser = {
        .at = bytes, .begin = bytes, .end = bytes + text.len, .document = ret_document};
    ret_document->nodes = ret_document->at_hand;
    ret_document->count = 0;
    ret_document->capacity = JSON_NODES_AT_HAND;
    ret_document->bytes = bytes;
    if (parse_whole(&parser))
        return 0;
    json_document_release(ret_document);
    if (parser.code == VIOLATION_DEPTH)
        violation_add(violations, VIOLATION_DEPTH, "", "nested deeper than %d", JSON_DEPTH_MAX);
    else
        violation_add(violations, parser.code, "", "not valid JSON at byte %td: %s",
                      parser.at - parser.begin, parser.problem);
    return TIP_ESYNTAX;
}

void json_document_release(struct json_document *document)
{
    if (document->nodes != document->at_hand)
        free(document->nodes);
    free(document->bytes);
    document->bytes = NULL;
}

void *json_document_take(struct json_document *document)
{
    void *bytes = document->bytes;
    document->bytes = NULL;
    return bytes;
}

const struct json_node *json_member(const struct json_node *object, struct str name)
{
    if (object->type != NODE_OBJECT)
        return NULL;
    const struct json_node *at = object + 1;
    for (size_t i = 0; i < object->count; i++, at = json_after(at + 1))
        if (str_equal(at->text, name))
            return at + 1;
    return NULL;
}

const char *json_type_text(const struct json_node *value)
{
    static const char *const texts[] = {
        [NODE_NULL] = "null",     [NODE_BOOLEAN] = "boolean", [NODE_INTEGER] = "integer",
        [NODE_REAL] = "number",   [NODE_STRING] = "string",   [NODE_ARRAY] = "array",
        [NODE_OBJECT] = "object",
    };
    return texts[value->type];
}
