/*
 * A growing byte buffer, for building replies, statements and records. Zero-initialised is
 * empty and ready. Growth aborts when memory is gone; buf_clear keeps the memory for reuse.
 */
#ifndef TIPSTER_BASE_BUF_H
#define TIPSTER_BASE_BUF_H

#include "base/str.h"

#include <stdint.h>

struct buf {
    char *data;
    size_t len;
    size_t capacity;
};

void buf_release(struct buf *buf);
static inline void buf_clear(struct buf *buf)
{
    buf->len = 0;
}
/* Makes room for extra_bytes more and returns where they go; the caller then adds to len. */
char *buf_reserve(struct buf *buf, size_t extra_bytes);
void buf_add(struct buf *buf, const void *data, size_t len);
void buf_add_char(struct buf *buf, char c);
void buf_add_str(struct buf *buf, struct str text);
/* A NUL-terminated string, without its NUL. */
void buf_add_text(struct buf *buf, const char *text);
void buf_addf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_add_int(struct buf *buf, int64_t value);
/* A JSON string with its quotes: escapes only what JSON demands; the bytes must be UTF-8. */
void buf_add_json(struct buf *buf, struct str text);
/* The buffer as a NUL-terminated string (the NUL is not counted in len). */
const char *buf_cstr(struct buf *buf);

static inline struct str buf_str(const struct buf *buf)
{
    return (struct str){.data = buf->data, .len = buf->len};
}

#define AUTO_BUF __attribute__((cleanup(buf_release))) struct buf

#endif
