/*
 * Latency percentiles in constant memory: buckets that grow by 1/16 (as HdrHistogram with 4
 * significant bits), so a percentile is off by at most 6 %. Values in microseconds, from 1 to 2^40.
 */
#ifndef TIPSTER_BASE_HISTOGRAM_H
#define TIPSTER_BASE_HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_BUCKETS = 16 * 40 };

struct histogram {
    uint64_t counts[HISTOGRAM_BUCKETS];
    uint64_t total;
    int64_t max_us;
};

void histogram_add(struct histogram *histogram, int64_t value_us);
void histogram_merge(struct histogram *into, const struct histogram *from);
/* The upper bound of the bucket that holds the percentile (0-100); 0 when empty. */
int64_t histogram_percentile_us(const struct histogram *histogram, double percentile);

#endif
