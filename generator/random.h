/*
 * Random numbers that are the same on every machine: integers only, no libm. xoshiro256** by
 * David Blackman and Sebastiano Vigna (2018, public domain), seeded by their splitmix64.
 * Each record has a stream of its own, so that records can be made in any order.
 */
#ifndef TIPSTER_GENERATOR_RANDOM_H
#define TIPSTER_GENERATOR_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct random_source {
    uint64_t state[4];
};

/* Starts stream `stream`, element `index`, of a seed; any values are fine. */
void random_init(struct random_source *random, uint64_t seed, uint64_t stream, uint64_t index);
uint64_t random_next(struct random_source *random);
/* Uniform in 0 … bound-1, without bias; bound > 0. */
uint64_t random_below(struct random_source *random, uint64_t bound);
/* Uniform in the low part more often than in the high one: 0 … bound-1; bound > 0. */
uint64_t random_low(struct random_source *random, uint64_t bound);
/* True in `percent` of 100 cases. */
bool random_chance(struct random_source *random, unsigned percent);

#endif
