/* The stable hash is part of the wire: its values must not change. */
#include "tests/unit/unit.h"

#include "base/hash.h"
#include "base/sha256.h"

static void values_are_fixed(void **state)
{
    (void)state;
    /* FNV-1a of nothing is its offset basis, then MurmurHash3's finaliser. */
    assert_int_equal(hash_bytes(str_of("")), hash_mix(0xcbf29ce484222325u));
    assert_int_equal(hash_mix(1), 0xb456bcfc34c2cb2cu); /* fmix64(1), published test value */
    assert_int_equal(hash_pair(str_of("a"), str_of("b")), hash_bytes(str_from("a\0b", 3)));
}

static void sha256_is_the_standards(void **state)
{
    (void)state;
    uint8_t digest[SHA256_SIZE];
    char hex[SHA256_HEX_SIZE];
    sha256_of(str_of("abc"), digest);
    sha256_hex(digest, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_fixed),
        cmocka_unit_test(sha256_is_the_standards),
    };
    return RUN_TESTS(tests);
}
