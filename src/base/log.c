/* Log lines; see log.h. */
#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/timefmt.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static enum log_level max_level = LOG_LEVEL_INFO;
static bool as_json;

void log_setup(enum log_level level, bool json)
{
    max_level = level;
    as_json = json;
}

void log_line(enum log_level level, const char *component, const char *format, ...)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    if (level > max_level)
        return;
    char message[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);

    char now[TIME_TEXT_SIZE];
    time_format(clock_realtime_ms(), now);
    AUTO_BUF line = {0};
    if (as_json) {
        buf_addf(&line, "{\"time\":\"%s\",\"level\":\"%s\",\"component\":\"%s\",\"message\":", now,
                 names[level], component);
        buf_add_json(&line, str_of(message));
        buf_add_text(&line, "}\n");
    } else {
        buf_addf(&line, "%s %-5s %s: %s\n", now, names[level], component, message);
    }
    ssize_t written = write(STDERR_FILENO, line.data, line.len);
    (void)written; /* a log that cannot be written has nowhere to complain */
}
