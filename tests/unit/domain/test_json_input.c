/*
 * The reader of JSON against jansson, which has long been in use elsewhere: the same texts are
 * taken, with the same values. Seeds of all forms, and many thousand texts with a few bytes of them
 * changed at random.
 */
#include "tests/unit/unit.h"

#include "base/err.h"
#include "domain/codec.h"
#include "domain/json_input.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

static struct violations violations;

/* Jansson's values against a node and what it holds. */
static void expect_equal(const json_t *wanted, const struct json_node *node, const char *text)
{
    const struct json_node *at = node + 1;
    const json_t *value;
    size_t i;
    switch (json_typeof(wanted)) {
    case JSON_OBJECT:
        assert_int_equal(node->type, NODE_OBJECT);
        assert_int_equal(node->count, json_object_size(wanted));
        for (i = 0; i < node->count; i++, at = json_after(at + 1)) {
            value = json_object_getn(wanted, at->text.data, at->text.len);
            if (value == NULL)
                fail_msg("%s: no member %.*s", text, (int)at->text.len, at->text.data);
            expect_equal(value, at + 1, text);
        }
        break;
    case JSON_ARRAY:
        assert_int_equal(node->type, NODE_ARRAY);
        assert_int_equal(node->count, json_array_size(wanted));
        for (i = 0; i < node->count; i++, at = json_after(at))
            expect_equal(json_array_get(wanted, i), at, text);
        break;
    case JSON_STRING:
        assert_int_equal(node->type, NODE_STRING);
        assert_int_equal(node->text.len, json_string_length(wanted));
        assert_memory_equal(node->text.data, json_string_value(wanted), node->text.len);
        break;
    case JSON_INTEGER:
        assert_int_equal(node->type, NODE_INTEGER);
        assert_true(node->integer == json_integer_value(wanted));
        break;
    case JSON_REAL:
        assert_int_equal(node->type, NODE_REAL);
        if (node->real != json_real_value(wanted))
            fail_msg("%s: %.17g is not %.17g", text, node->real, json_real_value(wanted));
        break;
    default:
        assert_int_equal(node->type, json_is_null(wanted) ? NODE_NULL : NODE_BOOLEAN);
    }
}

/* Depth of brackets outside strings: jansson has another limit. */
static bool is_deep(struct str text)
{
    int depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (in_string && c == '\\')
            i++;
        else if (c == '"')
            in_string = !in_string;
        else if (!in_string && (c == '{' || c == '['))
            depth++;
        else if (!in_string && (c == '}' || c == ']'))
            depth--;
        if (depth > JSON_DEPTH_MAX)
            return true;
    }
    return false;
}

/* Whether it was taken. */
static bool compare(struct str text)
{
    struct json_document document;
    AUTO_BUF shown = {0};
    buf_add_str(&shown, text);
    violations_clear(&violations);
    int err = json_document_parse(text, &document, &violations);
    json_error_t error;
    json_t *wanted = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, &error);
    if (wanted != NULL && err != 0 && !is_deep(text))
        fail_msg("refused: %s: %s", buf_cstr(&shown), violations.items[0].detail);
    if (wanted == NULL && err == 0)
        fail_msg("taken: %s: jansson says %s", buf_cstr(&shown), error.text);
    if (err == 0) {
        expect_equal(wanted, document.nodes, buf_cstr(&shown));
        assert_int_equal(document.nodes[0].span, document.count);
        json_document_release(&document);
    } else {
        assert_int_equal(err, TIP_ESYNTAX);
        assert_int_equal(violations.total, 1);
    }
    json_decref(wanted);
    return err == 0;
}

static const char *const seeds[] = {
    "{}",
    "[]",
    " [ ] ",
    "{\"a\":1,\"b\":[true,false,null],\"c\":{\"d\":\"e\"}}",
    "{\"a\" : 1 ,\t\"b\"\r\n: [ 1 , 2 ] }",
    "[0,-0,1,-1,12,9223372036854775807,-9223372036854775808,9223372036854775808]",
    "[9223372036854775808]",
    "[-9223372036854775809]",
    "[18446744073709551616]",
    "[1844674407370955161600]",
    "[0.1,1.5,2.15,-3.25e2,1e22,1E+23,1e-7,123456789012345678901234567890e-10]",
    "[0.00000000000000000000000000000000000000000000000000001e53]",
    "[1e999]",
    "[-1e999]",
    "[1e-999]",
    "[0e99999999999999999999]",
    "[1e-99999999999999999999]",
    "[9007199254740993.0,9007199254740992.5,1.7976931348623157e308,4.9e-324,2.2250738585072014e-"
    "308]",
    "[01]",
    "[1.]",
    "[.5]",
    "[-]",
    "[+1]",
    "[1e]",
    "[NaN]",
    "[Infinity]",
    "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u20ac\\ud83d\\ude00\"]",
    "[\"\\ud800\"]",
    "[\"\\udc00\\ud800\"]",
    "[\"\\ud800\\u0041\"]",
    "[\"a\\u0000b\"]",
    "{\"a\\u0000b\":1}",
    "[\"\\x\"]",
    "[\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \xf4\x8f\xbf\xbf\"]",
    "[\"\xc0\xaf\"]",
    "[\"\xed\xa0\x80\"]",
    "[\"\xf4\x90\x80\x80\"]",
    "[\"\xff\"]",
    "[\"\xe2\x82\"]",
    "{\"a\":1,\"a\":2}",
    "{\"a\":1,\"\\u0061\":2}",
    "{\"x\":{\"a\":1,\"b\":2,\"a\":3}}",
    "{\"a\":1,}",
    "[1,]",
    "[1 2]",
    "{\"a\"}",
    "{a:1}",
    "{'a':1}",
    "[1]x",
    "[1]]",
    "1",
    "\"a\"",
    "null",
    "   ",
    "\xef\xbb\xbf[]",
    "[/**/1]",
    "[tru]",
    "[truex]",
    "[\"a\nb\"]",
    "{\"coupon_id\":\"c1\",\"user_id\":\"u1\",\"stake\":10.50,\"timestamp\":\"2026-11-21T05:00:"
    "00Z\","
    "\"selections\":[{\"event_id\":\"e2\",\"odds\":2.15},{\"event_id\":\"e1\",\"odds\":3}]}",
};
enum { SEEDS = sizeof(seeds) / sizeof(seeds[0]) };

static void forms(void **state)
{
    (void)state;
    int taken = 0;
    for (int i = 0; i < SEEDS; i++)
        taken += compare(str_of(seeds[i]));
    assert_int_equal(taken, 14);
}

/* Jansson passes over a NUL between tokens. */
static void nul(void **state)
{
    (void)state;
    static const struct str texts[] = {{"[1\0]", 4}, {"[\"a\0b\"]", 7}, {"[1]\0", 4}, {"\0[]", 3}};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct json_document document;
        violations_clear(&violations);
        assert_int_equal(json_document_parse(texts[i], &document, &violations), TIP_ESYNTAX);
    }
}

/* Each text cut off after each byte is refused, and nothing behind its end is looked at. */
static void cut_off(void **state)
{
    (void)state;
    for (int i = 0; i < SEEDS; i++) {
        for (size_t len = 1; len < strlen(seeds[i]); len++) {
            char *exact = malloc(len); /* so that a sanitizer sees a look beyond */
            assert_non_null(exact);
            memcpy(exact, seeds[i], len);
            compare(str_from(exact, len));
            free(exact);
        }
    }
}

static void changed_at_random(void **state)
{
    (void)state;
    static const char pieces[] = "{}[]\",:\\u0019eE+-. \n\x80\xc3\xed\xa0tfn/\x01";
    int taken = 0;
    srandom(7);
    for (int round = 0; round < 60000; round++) {
        char text[512];
        size_t len = strlen(strcpy(text, seeds[random() % SEEDS]));
        for (int changes = 1 + (int)(random() % 3); changes > 0 && len > 1; changes--) {
            size_t at = (size_t)random() % len;
            char piece = pieces[(size_t)random() % (sizeof(pieces) - 1)];
            if (random() % 3 == 0) {
                memmove(text + at, text + at + 1, --len - at);
            } else if (random() % 2 == 0 && len < sizeof(text)) {
                memmove(text + at + 1, text + at, len++ - at);
                text[at] = piece;
            } else {
                text[at] = piece;
            }
        }
        taken += compare(str_from(text, len));
    }
    assert_in_range(taken, 3000, 50000);
}

/* The nearest double, whatever the notation. */
static void numbers_at_random(void **state)
{
    (void)state;
    srandom(11);
    for (int round = 0; round < 60000; round++) {
        char text[80];
        size_t len = 1, digits = 1 + (size_t)random() % 24;
        text[0] = '[';
        for (size_t i = 0; i < digits; i++)
            text[len++] = (char)((i == 0 ? '1' : '0') + random() % 9);
        text[len++] = '.';
        for (size_t i = 0; i < 1 + digits % 7; i++)
            text[len++] = (char)('0' + random() % 10);
        if (random() % 2 == 0)
            len += (size_t)sprintf(text + len, "e%ld", random() % 80 - 40);
        text[len++] = ']';
        assert_true(compare(str_from(text, len)));
    }
}

static void depth(void **state)
{
    (void)state;
    struct json_document document;
    char text[2 * JSON_DEPTH_MAX + 2];
    for (int levels = 1; levels <= JSON_DEPTH_MAX + 1; levels++) {
        memset(text, '[', (size_t)levels);
        memset(text + levels, ']', (size_t)levels);
        violations_clear(&violations);
        int err = json_document_parse(str_from(text, (size_t)levels * 2), &document, &violations);
        assert_int_equal(err, levels > JSON_DEPTH_MAX ? TIP_ESYNTAX : 0);
        if (err == 0)
            json_document_release(&document);
        else
            assert_int_equal(violations.items[0].code, VIOLATION_DEPTH);
    }
}

/* The room for nodes grows at a node of each type: the arrays before it shift the place. */
static void growth(void **state)
{
    (void)state;
    static const char *const values[] = {"\"text\"", "7", "1.5", "null", "true", "[]", "{\"a\":1}"};
    for (size_t value = 0; value < sizeof(values) / sizeof(values[0]); value++) {
        for (int shift = 0; shift < 4; shift++) {
            AUTO_BUF text = {0};
            buf_add_char(&text, '[');
            for (int i = 0; i < shift; i++)
                buf_add_text(&text, "[],");
            for (int i = 0; i < 600; i++) {
                buf_add_text(&text, values[value]);
                buf_add_char(&text, i == 599 ? ']' : ',');
            }
            assert_true(compare(buf_str(&text)));
        }
    }
}

/* More members, and more nodes, than there is room for at first; the last name may be the first. */
static void many_members(void **state)
{
    (void)state;
    for (int count = 10; count <= 20000; count = count * 5 / 4) {
        for (int repeated = 0; repeated < 2; repeated++) {
            AUTO_BUF text = {0};
            for (int i = 0; i < count; i++) {
                buf_add_text(&text, i == 0 ? "{\"n" : ",\"n");
                buf_add_int(&text, repeated && i == count - 1 ? 0 : i);
                buf_add_text(&text, "\":[1]");
            }
            buf_add_char(&text, '}');
            assert_int_equal(compare(buf_str(&text)), !repeated);
            if (repeated)
                assert_int_equal(violations.items[0].code, VIOLATION_DUPLICATE_KEY);
        }
    }
}

static void codes(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
        enum violation_code code;
    } cases[] = {
        {"[\"\xff\"]", "byte 2", VIOLATION_ENCODING},
        {"[\"\\u0000\"]", "byte 2", VIOLATION_ENCODING},
        {"[\"\\ud800\"]", "surrogate", VIOLATION_SYNTAX},
        {"[1e999]", "beyond a double", VIOLATION_RANGE},
        {"[9223372036854775808]", "beyond 64 bits", VIOLATION_RANGE},
        {"[1,", "byte 3: it ends too early", VIOLATION_SYNTAX},
        {"{\"a\" 1}", "byte 5: ':'", VIOLATION_SYNTAX},
        {"5", "'{' is expected", VIOLATION_SYNTAX},
        {"", "nothing here", VIOLATION_EMPTY},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct json_document document;
        violations_clear(&violations);
        assert_int_equal(json_document_parse(str_of(cases[i].text), &document, &violations),
                         TIP_ESYNTAX);
        assert_int_equal(violations.items[0].code, cases[i].code);
        if (strstr(violations.items[0].detail, cases[i].says) == NULL)
            fail_msg("%s: %s", cases[i].text, violations.items[0].detail);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nul),
        cmocka_unit_test(forms),
        cmocka_unit_test(cut_off),
        cmocka_unit_test(codes),
        cmocka_unit_test(changed_at_random),
        cmocka_unit_test(growth),
        cmocka_unit_test(depth),
        cmocka_unit_test(numbers_at_random),
        cmocka_unit_test(many_members),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
