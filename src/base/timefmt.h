/*
 * Times as text and as milliseconds since 1970-01-01 UTC, in the proleptic Gregorian calendar,
 * without the C library's time zones. Read: RFC 3339 date-times with an offset, or dates
 * (midnight UTC). Years 1900 to 2200 only.
 * Calendar arithmetic after Howard Hinnant, "chrono-compatible low-level date algorithms".
 */
#ifndef TIPSTER_BASE_TIMEFMT_H
#define TIPSTER_BASE_TIMEFMT_H

#include "base/str.h"

#include <stdint.h>

enum { TIME_TEXT_SIZE = 32, TIME_YEAR_MIN = 1900, TIME_YEAR_MAX = 2200 };

/* First and last millisecond that a time may have. */
#define TIME_MIN_MS (-2208988800000LL)
#define TIME_MAX_MS (7289654399999LL)

struct civil {
    int year, month, day, hour, minute, second, millisecond;
};

int64_t time_from_civil(const struct civil *civil);
void time_to_civil(int64_t time_ms, struct civil *ret_civil);

enum time_flags { TIME_NEEDS_OFFSET = 0, TIME_OFFSET_OPTIONAL = 1 };

/*
 * Reads text. With TIME_OFFSET_OPTIONAL a date-time without an offset is UTC. Fractions of a
 * second are cut to the millisecond. A leap second (:60) is read as the next second.
 * Returns 0, TIP_ESYNTAX (not such a text) or TIP_EINVAL (year outside 1900-2200).
 */
int time_parse(struct str text, enum time_flags flags, int64_t *ret_ms);

/* "2026-11-21T06:00:00.000Z" */
void time_format(int64_t time_ms, char ret_text[static TIME_TEXT_SIZE]);
/* As the older routes show it: "2026-11-21" at midnight, else "2026-11-21T06:00:00Z", with .mmm
 * only when needed. */
void time_format_older(int64_t time_ms, char ret_text[static TIME_TEXT_SIZE]);

#endif
