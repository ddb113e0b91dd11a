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
static const char *const level_names[] = {"error", "warn", "info", "debug"};

void log_setup(enum log_level level, bool json)
{
    max_level = level;
    as_json = json;
}

void log_line(enum log_level level, const char *component, const char *format, ...)
{
    if (level > max_level)
        return;
    char message[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);

    log_fields(level, component, message, NULL, 0);
}

static void add_json_field(const struct log_field *field, struct buf *line)
{
    buf_addf(line, ",\"%s\":", field->name);
    if (field->text != NULL)
        buf_add_json(line, str_of(field->text));
    else
        buf_add_int(line, field->number);
}

static void add_text_field(const struct log_field *field, struct buf *line)
{
    buf_addf(line, " %s=", field->name);
    if (field->text != NULL)
        buf_add_text(line, field->text);
    else
        buf_add_int(line, field->number);
}

void log_fields(enum log_level level, const char *component, const char *message,
                const struct log_field *fields, size_t field_count)
{
    if (level > max_level)
        return;
    char now[TIME_TEXT_SIZE];
    time_format(clock_realtime_ms(), now);
    AUTO_BUF line = {0};
    if (as_json) {
        buf_addf(&line, "{\"time\":\"%s\",\"level\":\"%s\",\"component\":\"%s\",\"message\":", now,
                 level_names[level], component);
        buf_add_json(&line, str_of(message));
    } else {
        buf_addf(&line, "%s %-5s %s: %s", now, level_names[level], component, message);
    }
    for (size_t i = 0; i < field_count; i++) {
        if (as_json)
            add_json_field(&fields[i], &line);
        else
            add_text_field(&fields[i], &line);
    }
    buf_add_text(&line, as_json ? "}\n" : "\n");
    ssize_t written = write(STDERR_FILENO, line.data, line.len);
    (void)written; /* a log that cannot be written has nowhere to complain */
}
