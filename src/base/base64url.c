/* base64url; see base64url.h. */
#include "base/base64url.h"

#include "base/err.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void base64url_add(struct buf *out, const void *data, size_t len)
{
    const uint8_t *bytes = data;
    for (size_t at = 0; at < len; at += 3) {
        size_t some = len - at < 3 ? len - at : 3;
        uint32_t group = (uint32_t)bytes[at] << 16;
        group |= some > 1 ? (uint32_t)bytes[at + 1] << 8 : 0;
        group |= some > 2 ? bytes[at + 2] : 0;
        for (size_t i = 0; i <= some; i++)
            buf_add_char(out, digits[group >> (18 - 6 * i) & 63]);
    }
}

int base64url_read(struct str text, void *data, size_t capacity, size_t *ret_len)
{
    uint8_t *bytes = data;
    size_t len = 0;
    uint32_t bits = 0;
    unsigned bit_count = 0;
    for (size_t i = 0; i < text.len; i++) {
        const char *digit = memchr(digits, text.data[i], sizeof(digits) - 1);
        if (digit == NULL)
            return TIP_EINVAL;
        bits = (bits << 6 | (uint32_t)(digit - digits)) & 0xfff;
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            if (len == capacity)
                return TIP_EINVAL;
            bytes[len++] = (uint8_t)(bits >> bit_count);
        }
    }
    if (bit_count == 6 || (bits & ((1U << bit_count) - 1)) != 0)
        return TIP_EINVAL;
    *ret_len = len;
    return 0;
}
