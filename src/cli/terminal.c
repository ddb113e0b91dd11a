/* See terminal.h. */
#include "cli/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool terminal_is(FILE *out)
{
    return isatty(fileno(out)) == 1;
}

static bool has_colour(FILE *out)
{
    const char *none = getenv("NO_COLOR"), *kind = getenv("TERM");
    return terminal_is(out) && (none == NULL || *none == '\0') && kind != NULL &&
           strcmp(kind, "dumb") != 0;
}

void terminal_print(FILE *out, enum colour colour, const char *text, int width)
{
    static const char *const codes[] = {"", "32", "33", "31", "2"};
    bool coloured = colour != COLOUR_NONE && has_colour(out);
    if (coloured)
        fprintf(out, "\x1b[%sm", codes[colour]);
    fprintf(out, "%-*s", width, text);
    if (coloured)
        fputs("\x1b[0m", out);
}

void terminal_clear(FILE *out)
{
    if (terminal_is(out))
        fputs("\x1b[H\x1b[2J", out);
}
