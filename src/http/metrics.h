/*
 * Counters and histograms of all workers, in memory that they share with each other: one slot per
 * worker, written by that worker's loop alone, so there are no locks; any worker can render all of
 * them. A slot outlives a crash of its worker, so counters never go back.
 */
#ifndef TIPSTER_HTTP_METRICS_H
#define TIPSTER_HTTP_METRICS_H

#include "base/buf.h"

#include <stdint.h>

enum metric {
#define COUNTER_OF(id, name, label, help) METRIC_##id,
#define GAUGE_OF(id, name, label, help)   METRIC_##id,
#include "http/metrics.def"
#undef COUNTER_OF
#undef GAUGE_OF
    METRIC_COUNT
};

enum { METRICS_ROUTES_MAX = 48 };

/* Makes the slots; in the parent, before the fork. route_names (route_count of them) must live on.
 */
void metrics_setup(int workers, const char *const *route_names, int route_count);
/* Chooses this process's slot (from 0), and sets its gauges to 0. */
void metrics_attach(int slot);

void metrics_add(enum metric metric, int64_t amount);
void metrics_set(enum metric metric, int64_t value);

/* One answered request: its route (an index into route_names), HTTP status and duration. */
void metrics_request(int route, int status, int64_t duration_us);

/* For metrics of other modules, in the same format: the two lines before the values, and a label's
 * value with its escapes. */
void metrics_head(struct buf *out, const char *name, const char *type, const char *help);
void metrics_label(struct buf *out, struct str value);

/* Appends all slots in Prometheus' text format (version 0.0.4). */
void metrics_render(struct buf *out);

#endif
