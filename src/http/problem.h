/*
 * Error answers as bytes: RFC 9457 on /v1, {"error": ...} on the older routes. Pure; who sends them
 * is reply.h's matter.
 */
#ifndef TIPSTER_HTTP_PROBLEM_H
#define TIPSTER_HTTP_PROBLEM_H

#include "base/buf.h"
#include "domain/violation.h"

enum problem {
#define PROBLEM(id, status, code, title) PROBLEM_##id,
#include "http/problem.def"
#undef PROBLEM
    PROBLEM_COUNT
};

struct problem_text {
    int status;
    const char *code, *title;
};

const struct problem_text *problem_text(enum problem problem);
/* The first problem with this status; PROBLEM_INTERNAL when there is none. */
enum problem problem_of_status(int status);

/* Appends the problem+json. detail: a sentence, may be empty. violations may be NULL. */
void problem_json(enum problem problem, struct str detail, struct str request_id,
                  const struct violations *violations, struct buf *out);

/* Appends {"error": "..."}: the detail, or the title; with violations the first few of them in
 * words. */
void problem_json_older(enum problem problem, struct str detail,
                        const struct violations *violations, struct buf *out);

#endif
