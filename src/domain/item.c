/* Items of ranked answers; see item.h. */
#include "domain/item.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

__extension__ typedef unsigned __int128 uint128;

enum { DIGITS_MIN = 15, DIGITS_MAX = 17, FRACTION_BITS = 52 };

/* What lies between 2^-13 and 1 is done in integers: its decimals need no exponent, and all
 * products below fit 128 bits. */
static const double exact_from = 0x1p-13;

static const uint64_t powers[] = {
    UINT64_C(1),
    UINT64_C(10),
    UINT64_C(100),
    UINT64_C(1000),
    UINT64_C(10000),
    UINT64_C(100000),
    UINT64_C(1000000),
    UINT64_C(10000000),
    UINT64_C(100000000),
    UINT64_C(1000000000),
    UINT64_C(10000000000),
    UINT64_C(100000000000),
    UINT64_C(1000000000000),
    UINT64_C(10000000000000),
    UINT64_C(100000000000000),
    UINT64_C(1000000000000000),
    UINT64_C(10000000000000000),
    UINT64_C(100000000000000000),
    UINT64_C(1000000000000000000),
};

/* 10^exponent, up to 10^22. */
static uint128 power_of_ten(unsigned exponent)
{
    return exponent <= 18 ? powers[exponent] : (uint128)powers[18] * powers[exponent - 18];
}

/* mantissa * 10^places / 2^shift, to the nearest integer, a half to the even one. */
static uint64_t scale(uint64_t mantissa, unsigned shift, unsigned places)
{
    uint128 product = mantissa * power_of_ten(places);
    uint128 half = (uint128)1 << (shift - 1), rest = product & ((half << 1) - 1);
    uint64_t whole = (uint64_t)(product >> shift);
    return whole + (rest > half || (rest == half && (whole & 1) != 0));
}

/* Whether digits / 10^places reads back as mantissa / 2^shift: it is nearer to it than to its
 * neighbours. It cannot lie half-way (that takes more than 53 decimals), and a power of two, whose
 * lower neighbour is nearer, is exact in 15 digits here. */
static bool reads_back(uint64_t digits, unsigned places, uint64_t mantissa, unsigned shift)
{
    uint128 ten = power_of_ten(places), value = (uint128)digits << shift;
    uint128 exact = mantissa * ten;
    uint128 off = value > exact ? value - exact : exact - value;
    return 2 * off < ten;
}

/* 0.000ddd without the zeros at its end. */
static void add_fraction(uint64_t digits, unsigned places, struct buf *out)
{
    char *text = buf_reserve(out, places + 2);
    while (digits % 10 == 0) {
        digits /= 10;
        places--;
    }
    for (unsigned at = places + 1; at > 1; at--) {
        text[at] = (char)('0' + digits % 10);
        digits /= 10;
    }
    text[0] = '0';
    text[1] = '.';
    out->len += places + 2;
}

static bool add_exactly(double value, struct buf *out)
{
    uint64_t bits;
    if (!(value >= exact_from && value < 1.0))
        return false;
    memcpy(&bits, &value, sizeof(bits));
    unsigned shift = FRACTION_BITS + 1023 - (unsigned)(bits >> FRACTION_BITS);
    uint64_t mantissa = (bits & ((UINT64_C(1) << FRACTION_BITS) - 1)) | UINT64_C(1)
                                                                            << FRACTION_BITS;
    unsigned zeros = value < 1e-3 ? 3 : value < 1e-2 ? 2 : value < 1e-1 ? 1 : 0;
    for (unsigned count = DIGITS_MIN; count <= DIGITS_MAX; count++) {
        unsigned places = count + zeros;
        uint64_t digits = scale(mantissa, shift, places);
        if (digits >= powers[count]) /* rounded up to the next power of ten: a digit less */
            return false;
        if (count < DIGITS_MAX && !reads_back(digits, places, mantissa, shift))
            continue;
        add_fraction(digits, places, out);
        return true;
    }
    return false;
}

void item_number(double value, struct buf *out)
{
    char text[32];
    if (add_exactly(value, out))
        return;
    for (int precision = DIGITS_MIN; precision <= DIGITS_MAX; precision++) {
        snprintf(text, sizeof(text), "%.*g", precision, value);
        if (strtod(text, NULL) == value)
            break;
    }
    buf_add_text(out, text);
}

static const char before[] = "{\"event\":", middle[] = ",\"score\":",
                  after[] = ",\"source\":\"similar\"", popular[] = ",\"source\":\"popular\"}";

static char *put(char *at, const char *data, size_t len)
{
    return (char *)memcpy(at, data, len) + len;
}

/* The event, its score and `last`, in one piece: this is most of what an answer is. */
static void add_event(struct str event_json, struct str score, struct str last, struct buf *out)
{
    size_t bytes = sizeof(before) - 1 + event_json.len + sizeof(middle) - 1 + score.len + last.len;
    char *at = put(buf_reserve(out, bytes), before, sizeof(before) - 1);
    at = put(at, event_json.data, event_json.len);
    at = put(at, middle, sizeof(middle) - 1);
    at = put(at, score.data, score.len);
    put(at, last.data, last.len);
    out->len += bytes;
}

void item_popular(struct str event_json, struct buf *out)
{
    add_event(event_json, str_from("0", 1), str_from(popular, sizeof(popular) - 1), out);
}

void item_similar(struct str event_json, struct str score, const struct item_reason *reasons,
                  size_t reason_count, struct buf *out)
{
    add_event(event_json, score, str_from(after, sizeof(after) - 1), out);
    if (reasons != NULL) {
        buf_add_text(out, ",\"because\":[");
        for (size_t i = 0; i < reason_count; i++) {
            buf_addf(out, "%s{\"tag\":\"%s\",\"value\":", i > 0 ? "," : "", reasons[i].tag);
            buf_add_str(out, reasons[i].value_json);
            buf_add_text(out, ",\"share\":");
            item_number(reasons[i].share, out);
            buf_add_char(out, '}');
        }
        buf_add_char(out, ']');
    }
    buf_add_char(out, '}');
}
