/* Reading Prometheus' text format (0.0.4), as this project writes it. */
#ifndef TIPSTER_CLI_METRICS_TEXT_H
#define TIPSTER_CLI_METRICS_TEXT_H

#include "base/str.h"

/* labels: what stands between the braces, empty when there are none. */
typedef void metrics_sample_fn(void *context, struct str labels, double value);

/* Calls each sample of the metric (NULL: just counts); returns how many there are. */
size_t metrics_each(struct str text, const char *name, metrics_sample_fn *each, void *context);

/* The sum of the samples whose labels contain `label` (all: ""), 0 when there is none. */
double metrics_sum(struct str text, const char *name, const char *label);

#endif
