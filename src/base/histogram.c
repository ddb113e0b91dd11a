/* Latency histogram; see histogram.h. */
#include "base/histogram.h"

static unsigned bucket_of(uint64_t value)
{
    if (value < 16)
        return (unsigned)value;
    unsigned exponent = 63u - (unsigned)__builtin_clzll(value);
    unsigned bucket = (exponent - 3) * 16 + (unsigned)((value >> (exponent - 4)) & 15);
    return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

/* The largest value of a bucket. */
static int64_t bucket_top(unsigned bucket)
{
    if (bucket < 16)
        return bucket;
    unsigned exponent = bucket / 16 + 3;
    return (int64_t)(((uint64_t)(16 + bucket % 16 + 1) << (exponent - 4)) - 1);
}

void histogram_add(struct histogram *histogram, int64_t value_us)
{
    histogram->counts[bucket_of(value_us < 0 ? 0 : (uint64_t)value_us)]++;
    histogram->total++;
    if (value_us > histogram->max_us)
        histogram->max_us = value_us;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
    for (int i = 0; i < HISTOGRAM_BUCKETS; i++)
        into->counts[i] += from->counts[i];
    into->total += from->total;
    if (from->max_us > into->max_us)
        into->max_us = from->max_us;
}

int64_t histogram_percentile_us(const struct histogram *histogram, double percentile)
{
    uint64_t rank = (uint64_t)(percentile / 100.0 * (double)histogram->total + 0.5);
    uint64_t seen = 0;
    if (rank == 0)
        rank = 1;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->counts[i];
        if (seen >= rank) {
            int64_t top = bucket_top(i);
            return top < histogram->max_us ? top : histogram->max_us;
        }
    }
    return histogram->max_us;
}
