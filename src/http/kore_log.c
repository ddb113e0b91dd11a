/*
 * Kore's own messages in this program's log: the linker sends its calls of kore_log and fatal here
 * (--wrap, see meson.build).
 */
#include "base/log.h"

#include <kore/kore.h>

#include <stdarg.h>
#include <stdlib.h>

void __wrap_kore_log(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));
void __wrap_fatal(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* What a client can cause is not worth a line each; what happens to workers is. */
static enum log_level level_of(int priority)
{
    if (priority <= LOG_ERR)
        return LOG_LEVEL_ERROR;
    if (priority == LOG_WARNING)
        return LOG_LEVEL_WARN;
    return priority == LOG_NOTICE && worker == NULL ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG;
}

void __wrap_kore_log(int priority, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    log_line(level_of(priority), "kore", "%s", text);
}

void __wrap_fatal(const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    log_error("kore", "%s", text);
    exit(EXIT_FAILURE);
}
