/* Stable hashes; see hash.h. */
#include "base/hash.h"

static const uint64_t fnv_offset = 0xcbf29ce484222325ULL;
static const uint64_t fnv_prime = 0x100000001b3ULL;

uint64_t hash_mix(uint64_t value)
{
    value ^= value >> 33;
    value *= 0xff51afd7ed558ccdULL;
    value ^= value >> 33;
    value *= 0xc4ceb9fe1a85ec53ULL;
    value ^= value >> 33;
    return value;
}

static uint64_t fnv1a(uint64_t state, struct str data)
{
    for (size_t i = 0; i < data.len; i++)
        state = (state ^ (unsigned char)data.data[i]) * fnv_prime;
    return state;
}

uint64_t hash_bytes(struct str data)
{
    return hash_mix(fnv1a(fnv_offset, data));
}

uint64_t hash_pair(struct str first, struct str second)
{
    uint64_t state = fnv1a(fnv_offset, first) * fnv_prime; /* the NUL between: xor 0, times prime */
    return hash_mix(fnv1a(state, second));
}
