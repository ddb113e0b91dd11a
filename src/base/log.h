/*
 * Log lines to stderr, one write each: text for people or JSON for machines. Every line has time,
 * level and the part of the program that speaks. Records' contents and secrets never go here.
 */
#ifndef TIPSTER_BASE_LOG_H
#define TIPSTER_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Lines above level are dropped; json chooses the form. Call once, before threads start. */
void log_setup(enum log_level level, bool json);
/* component: a short word such as "ingest"; thread-safe. */
void log_line(enum log_level level, const char *component, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A value beside the message: its own member in JSON, name=value in text. */
struct log_field {
    const char *name;
    const char *text; /* NULL: the number */
    int64_t number;
};
/* The same with fields. */
void log_fields(enum log_level level, const char *component, const char *message,
                const struct log_field *fields, size_t field_count);

#define log_error(component, ...) log_line(LOG_LEVEL_ERROR, component, __VA_ARGS__)
#define log_warn(component, ...)  log_line(LOG_LEVEL_WARN, component, __VA_ARGS__)
#define log_info(component, ...)  log_line(LOG_LEVEL_INFO, component, __VA_ARGS__)
#define log_debug(component, ...) log_line(LOG_LEVEL_DEBUG, component, __VA_ARGS__)

#endif
