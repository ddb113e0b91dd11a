/*
 * The hash of rank's own tables. Seeded per table and eight bytes at a time, where base/hash.h is
 * fixed for ever and goes byte by byte: ids and tags come from outside, and whoever sends them must
 * not be able to prepare thousands that collide. Nothing that leaves the process depends on it.
 */
#ifndef TIPSTER_RANK_MIX_H
#define TIPSTER_RANK_MIX_H

#include "base/str.h"

#include <stdint.h>
#include <string.h>

/* Both halves of a product, folded: every bit of either factor reaches the result. */
static inline uint64_t mix_fold(uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 uint128;
    uint128 product = (uint128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t mix_bytes(uint64_t seed, struct str data)
{
    uint64_t state = seed ^ mix_fold(data.len ^ 0x9e3779b97f4a7c15ULL, 0xd6e8feb86659fd93ULL);
    size_t at = 0;
    uint64_t word;

    for (; at + sizeof(word) <= data.len; at += sizeof(word)) {
        memcpy(&word, data.data + at, sizeof(word));
        state = mix_fold(state ^ word, 0xa0761d6478bd642fULL ^ seed);
    }
    word = 0;
    if (at < data.len)
        memcpy(&word, data.data + at, data.len - at);
    return mix_fold(state ^ word, 0xe7037ed1a0b428dbULL);
}

/* A seed that differs between processes and tables: where the loader put them. */
static inline uint64_t mix_seed(const void *table)
{
    return mix_fold((uint64_t)(uintptr_t)table ^ 0x8ebc6af09c88c6e3ULL,
                    (uint64_t)(uintptr_t)&memcpy | 1);
}

#endif
