/* Times as text; see timefmt.h. */
#include "base/timefmt.h"

#include "base/err.h"

#include <stdbool.h>
#include <stdio.h>

enum { MS_PER_DAY = 86400000 };

/* Days since 1970-01-01 (Hinnant, days_from_civil). */
static int64_t days_from_civil(int year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

int64_t time_from_civil(const struct civil *civil)
{
    int64_t seconds = ((int64_t)civil->hour * 60 + civil->minute) * 60 + civil->second;
    return days_from_civil(civil->year, civil->month, civil->day) * MS_PER_DAY + seconds * 1000 +
           civil->millisecond;
}

void time_to_civil(int64_t time_ms, struct civil *ret_civil)
{
    int64_t days = time_ms / MS_PER_DAY;
    int64_t rest_ms = time_ms % MS_PER_DAY;
    if (rest_ms < 0) {
        rest_ms += MS_PER_DAY;
        days--;
    }
    int64_t shifted = days + 719468;
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t day_of_era = shifted - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_index = (5 * day_of_year + 2) / 153;
    int month = (int)(month_index < 10 ? month_index + 3 : month_index - 9);
    *ret_civil = (struct civil){
        .year = (int)(year_of_era + era * 400 + (month <= 2)),
        .month = month,
        .day = (int)(day_of_year - (153 * month_index + 2) / 5 + 1),
        .hour = (int)(rest_ms / 3600000),
        .minute = (int)(rest_ms / 60000 % 60),
        .second = (int)(rest_ms / 1000 % 60),
        .millisecond = (int)(rest_ms % 1000),
    };
}

/* Reads exactly count digits at *cursor; false when there are other bytes. */
static bool read_digits(struct str text, size_t *cursor, int count, int *ret_value)
{
    int value = 0;
    for (int i = 0; i < count; i++, (*cursor)++) {
        if (*cursor >= text.len || text.data[*cursor] < '0' || text.data[*cursor] > '9')
            return false;
        value = value * 10 + (text.data[*cursor] - '0');
    }
    *ret_value = value;
    return true;
}

static bool read_char(struct str text, size_t *cursor, const char *allowed)
{
    if (*cursor >= text.len || text.data[*cursor] == '\0' ||
        strchr(allowed, text.data[*cursor]) == NULL)
        return false;
    (*cursor)++;
    return true;
}

static bool read_date(struct str text, size_t *cursor, struct civil *civil)
{
    static const int days_in_month[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (!read_digits(text, cursor, 4, &civil->year) || !read_char(text, cursor, "-") ||
        !read_digits(text, cursor, 2, &civil->month) || !read_char(text, cursor, "-") ||
        !read_digits(text, cursor, 2, &civil->day))
        return false;
    if (civil->month < 1 || civil->month > 12 || civil->day < 1)
        return false;
    bool leap = (civil->year % 4 == 0 && civil->year % 100 != 0) || civil->year % 400 == 0;
    return civil->day <= days_in_month[civil->month - 1] + (leap && civil->month == 2);
}

static bool read_time_of_day(struct str text, size_t *cursor, struct civil *civil)
{
    if (!read_digits(text, cursor, 2, &civil->hour) || !read_char(text, cursor, ":") ||
        !read_digits(text, cursor, 2, &civil->minute) || !read_char(text, cursor, ":") ||
        !read_digits(text, cursor, 2, &civil->second))
        return false;
    if (civil->hour > 23 || civil->minute > 59 || civil->second > 60)
        return false;
    if (!read_char(text, cursor, "."))
        return true;
    int scale = 100, digit = 0, count = 0;
    while (*cursor < text.len && read_digits(text, cursor, 1, &digit)) {
        civil->millisecond += digit * scale;
        scale /= 10;
        count++;
    }
    return count > 0;
}

static bool read_offset(struct str text, size_t *cursor, int64_t *ret_offset_ms)
{
    if (read_char(text, cursor, "Zz")) {
        *ret_offset_ms = 0;
        return true;
    }
    if (*cursor >= text.len)
        return false;
    int64_t sign = text.data[*cursor] == '-' ? -1 : 1;
    int hours = 0, minutes = 0;
    if (!read_char(text, cursor, "+-") || !read_digits(text, cursor, 2, &hours) ||
        !read_char(text, cursor, ":") || !read_digits(text, cursor, 2, &minutes))
        return false;
    *ret_offset_ms = sign * (hours * 60 + minutes) * 60000;
    return hours <= 23 && minutes <= 59;
}

int time_parse(struct str text, enum time_flags flags, int64_t *ret_ms)
{
    struct civil civil = {0};
    size_t cursor = 0;
    int64_t offset_ms = 0;
    if (!read_date(text, &cursor, &civil))
        return TIP_ESYNTAX;
    if (cursor < text.len) {
        if (!read_char(text, &cursor, "Tt ") || !read_time_of_day(text, &cursor, &civil))
            return TIP_ESYNTAX;
        bool may_end = (flags & TIME_OFFSET_OPTIONAL) != 0 && cursor == text.len;
        if (!may_end && !read_offset(text, &cursor, &offset_ms))
            return TIP_ESYNTAX;
        if (cursor != text.len)
            return TIP_ESYNTAX;
    }
    int64_t time_ms = time_from_civil(&civil) - offset_ms;
    if (time_ms < TIME_MIN_MS || time_ms > TIME_MAX_MS)
        return TIP_EINVAL;
    *ret_ms = time_ms;
    return 0;
}

/* Decimal digits of a value with leading zeros. */
static char *put_digits(char *out, int value, int count)
{
    for (int i = count - 1; i >= 0; i--) {
        out[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return out + count;
}

static char *put_date(char *out, const struct civil *civil)
{
    out = put_digits(out, civil->year, 4);
    *out++ = '-';
    out = put_digits(out, civil->month, 2);
    *out++ = '-';
    return put_digits(out, civil->day, 2);
}

static char *put_time_of_day(char *out, const struct civil *civil)
{
    *out++ = 'T';
    out = put_digits(out, civil->hour, 2);
    *out++ = ':';
    out = put_digits(out, civil->minute, 2);
    *out++ = ':';
    return put_digits(out, civil->second, 2);
}

void time_format(int64_t time_ms, char ret_text[static TIME_TEXT_SIZE])
{
    struct civil civil;
    time_to_civil(time_ms, &civil);
    char *out = put_time_of_day(put_date(ret_text, &civil), &civil);
    *out++ = '.';
    out = put_digits(out, civil.millisecond, 3);
    *out++ = 'Z';
    *out = '\0';
}

void time_format_older(int64_t time_ms, char ret_text[static TIME_TEXT_SIZE])
{
    struct civil civil;
    time_to_civil(time_ms, &civil);
    char *out = put_date(ret_text, &civil);
    if (civil.hour != 0 || civil.minute != 0 || civil.second != 0 || civil.millisecond != 0) {
        out = put_time_of_day(out, &civil);
        if (civil.millisecond != 0) {
            *out++ = '.';
            out = put_digits(out, civil.millisecond, 3);
        }
        *out++ = 'Z';
    }
    *out = '\0';
}
