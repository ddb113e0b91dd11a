/* What a terminal can show that a file cannot: colours, and drawing over what stands there. */
#ifndef TIPSTER_CLI_TERMINAL_H
#define TIPSTER_CLI_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>

enum colour { COLOUR_NONE, COLOUR_GREEN, COLOUR_YELLOW, COLOUR_RED, COLOUR_DIM };

bool terminal_is(FILE *out);

/* Prints text, in a colour where out is a terminal and nobody asked for none (NO_COLOR, TERM=dumb);
 * padded to width characters of ASCII. */
void terminal_print(FILE *out, enum colour colour, const char *text, int width);

/* Empties the screen where it is one. */
void terminal_clear(FILE *out);

#endif
