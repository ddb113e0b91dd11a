/*
 * What recommendations from the view are compared with (docs/performance.md): a route that does all
 * that theirs does, parsing, key, limits, headers and metrics, but asks nothing and answers with a
 * constant of BENCH_BODY_BYTES bytes. Only in builds for benchmarks (meson's option `bench`).
 */
#include "base/mem.h"
#include "http/metrics.h"
#include "http/read_work.h"
#include "http/reply.h"
#include "http/routes.h"

#include <stdlib.h>
#include <string.h>

enum { BYTES_DEFAULT = 3000 };

static struct str body(void)
{
    static char *text; /* of this worker, kept for good */
    static size_t len;
    if (text == NULL) {
        const char *bytes = getenv("BENCH_BODY_BYTES");
        len = bytes != NULL ? strtoul(bytes, NULL, 10) : BYTES_DEFAULT;
        len = len < 2 ? 2 : len;
        text = xmalloc(len);
        memset(text, 'x', len);
        text[0] = text[len - 1] = '"';
    }
    return str_from(text, len);
}

void bench_constant_get(struct call *call)
{
    static const struct read_plan plan = {.allowed = PARAM_N};
    struct read_work *work = read_work_with_id(call, &plan, PROBLEM_INVALID_RECORD);
    if (work == NULL)
        return;
    metrics_add(METRIC_READS_VIEW, 1);
    call_served_by(call, "view");
    reply_json(call, 200, body());
    read_work_free(work);
}
