/* UTF-8; see utf8.h. */
#include "domain/utf8.h"

int32_t utf8_next(struct str text, size_t *cursor)
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

size_t utf8_write(int32_t point, char *out)
{
    if (point < 0x80) {
        out[0] = (char)point;
        return 1;
    }
    size_t extra = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
    static const int lead[] = {0, 0xc0, 0xe0, 0xf0};
    for (size_t i = extra; i > 0; i--) {
        out[i] = (char)(0x80 | (point & 0x3f));
        point >>= 6;
    }
    out[0] = (char)(lead[extra] | point);
    return extra + 1;
}

size_t utf8_count(struct str text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += ((unsigned char)text.data[i] & 0xc0) != 0x80;
    return count;
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
