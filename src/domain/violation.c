/* The list of violations; see violation.h. */
#include "domain/violation.h"

#include <stdarg.h>
#include <stdio.h>

const char *violation_code_text(enum violation_code code)
{
    static const char *const texts[] = {
#define X(name, text) [VIOLATION_##name] = text,
        VIOLATION_CODES(X)
#undef X
    };
    return texts[code];
}

/* Takes away the bytes of a UTF-8 character that was cut in two at the end. */
static void trim_cut_character(char *text)
{
    size_t len = strlen(text);
    size_t back = 0;
    while (back < len && back < 4 && ((unsigned char)text[len - 1 - back] & 0xc0) == 0x80)
        back++;
    if (back == len)
        return;
    unsigned char lead = (unsigned char)text[len - 1 - back];
    size_t need = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
    if (back < need)
        text[len - 1 - back] = '\0';
}

void violation_add(struct violations *violations, enum violation_code code, const char *pointer,
                   const char *format, ...)
{
    violations->total++;
    if (violations->count == VIOLATIONS_MAX)
        return;
    struct violation *item = &violations->items[violations->count++];
    item->line = violations->line;
    item->code = code;
    snprintf(item->pointer, sizeof(item->pointer), "%s", pointer);
    trim_cut_character(item->pointer);
    va_list args;
    va_start(args, format);
    vsnprintf(item->detail, sizeof(item->detail), format, args);
    va_end(args);
    trim_cut_character(item->detail);
}
