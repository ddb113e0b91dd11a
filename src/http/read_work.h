/*
 * A read on its way: what a handler of a read route makes of its request, and what a thread of the
 * database pool turns into the body of the answer. Nothing in it belongs to the connection.
 */
#ifndef TIPSTER_HTTP_READ_WORK_H
#define TIPSTER_HTTP_READ_WORK_H

#include "http/call.h"
#include "http/problem.h"
#include "http/read_params.h"
#include "http/reader.h"

enum { LIMIT_DEFAULT = 100 };

struct read_work {
    reader_query query; /* gets the work as its second argument */
    struct arena arena; /* the slices of company, id and params */
    struct str company, id;
    bool include_started; /* what is set for the company */
    struct read_params params;
    int64_t now_ms;
    uint64_t random;
    struct buf body; /* what query writes: JSON */
};

/* Parses the parameters; NULL: they are wrong, and that is answered. */
struct read_work *read_work_new(struct call *call, unsigned allowed, enum generation generation,
                                reader_query query);
/* Hands it to a thread, as the handler's last act; the answer is 200 with the body, or the error.
 */
void read_work_start(struct call *call, struct read_work *work);
/* One that was not started. */
void read_work_free(void *work);

/* Both for a route about one thing: an id that cannot be one is not there, or refused with
 * `bad_id`. */
void read_work_start_with_id(struct call *call, unsigned allowed, reader_query query,
                             enum problem bad_id);
/* The same without starting it; NULL: answered. */
struct read_work *read_work_with_id(struct call *call, unsigned allowed, reader_query query,
                                    enum problem bad_id);

static inline int64_t param_or(int64_t value, int64_t fallback)
{
    return value == PARAM_ABSENT ? fallback : value;
}

#endif
