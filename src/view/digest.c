/* Hashing records; see digest.h. */
#include "view/digest.h"

/*
 * 128-bit products of 16 bytes at a time, folded (as in wyhash, Wang Yi 2019): some 10 bytes per
 * nanosecond, so that keeping the digest costs little beside the write itself. The constants are
 * odd numbers with as many ones as zeros.
 */
static const uint64_t mix_a = 0xa0761d6478bd642f, mix_b = 0xe7037ed1a0b428db,
                      mix_c = 0x8ebc6af09c88c6e3;

static uint64_t fold(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash(uint64_t seed, struct str data)
{
    const char *at = data.data;
    size_t left = data.len;
    uint64_t word[2];
    for (; left >= sizeof(word); left -= sizeof(word), at += sizeof(word)) {
        memcpy(word, at, sizeof(word));
        seed = fold(word[0] ^ mix_a, word[1] ^ seed);
    }
    memset(word, 0, sizeof(word));
    if (left > 0)
        memcpy(word, at, left);
    seed = fold(word[0] ^ mix_b, word[1] ^ seed);
    return fold(data.len ^ mix_c, seed ^ mix_a);
}

uint64_t digest_of(unsigned table, struct str key, struct str value)
{
    return hash(hash(table + mix_b, key), value);
}
