/* xoshiro256**; see random.h. https://prng.di.unimi.it/xoshiro256starstar.c, .../splitmix64.c */
#include "generator/random.h"

static uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void random_init(struct random_source *random, uint64_t seed, uint64_t stream, uint64_t index)
{
    uint64_t state = seed;
    state = splitmix64(&state) ^ stream;
    state = splitmix64(&state) ^ index;
    for (int i = 0; i < 4; i++)
        random->state[i] = splitmix64(&state);
}

static uint64_t rotate_left(uint64_t value, int bits)
{
    return (value << bits) | (value >> (64 - bits));
}

uint64_t random_next(struct random_source *random)
{
    uint64_t *s = random->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

/* Lemire, "Fast random integer generation in an interval" (2019). */
uint64_t random_below(struct random_source *random, uint64_t bound)
{
    unsigned __int128 product = (unsigned __int128)random_next(random) * bound;
    if ((uint64_t)product < bound) {
        uint64_t threshold = (0 - bound) % bound;
        while ((uint64_t)product < threshold)
            product = (unsigned __int128)random_next(random) * bound;
    }
    return (uint64_t)(product >> 64);
}

uint64_t random_low(struct random_source *random, uint64_t bound)
{
    return random_below(random, random_below(random, bound) + 1);
}

bool random_chance(struct random_source *random, unsigned percent)
{
    return random_below(random, 100) < percent;
}
