/*
 * Zipf's law with exponent 1: of n things the k-th most liked is chosen with a probability in
 * proportion to 1/k. One table of integers serves every n up to its size.
 */
#ifndef TIPSTER_GENERATOR_ZIPF_H
#define TIPSTER_GENERATOR_ZIPF_H

#include "generator/random.h"

#include <stddef.h>

struct zipf {
    uint64_t *sums; /* sums[k] = weight of the first k ranks */
    size_t max;
};

/* For choices among up to max things. */
void zipf_init(struct zipf *zipf, size_t max);
void zipf_release(struct zipf *zipf);
/* A rank in 0 … count-1; 0 < count <= max. */
size_t zipf_pick(const struct zipf *zipf, struct random_source *random, size_t count);

#endif
