/* Whose address counts. */
#include "tests/unit/unit.h"

#include "base/err.h"
#include "http/peer.h"

static struct address of(const char *text)
{
    struct address address;
    assert_int_equal(address_parse(str_of(text), &address), 0);
    return address;
}

static void addresses(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",      "1.2.3", "1.2.3.4.5", "1.2.3.4:80",
        "[::1]", "name",  "1.2.3.256", "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000"};
    struct address address;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(address_parse(str_of(bad[i]), &address), TIP_ESYNTAX);
    assert_memory_equal(of("1.2.3.4").bytes, of("::ffff:1.2.3.4").bytes, 16);
    struct address four = of("1.2.3.4"), five = of("1.2.3.5");
    assert_true(address_tag(&four) != address_tag(&five));
    struct address one = of("2001:db8:1:2::1"), neighbour = of("2001:db8:1:2:ffff::9"),
                   other = of("2001:db8:1:3::1");
    assert_true(address_tag(&one) == address_tag(&neighbour));
    assert_true(address_tag(&one) != address_tag(&other));
}

static void lists_of_proxies(void **state)
{
    (void)state;
    static const char *const bad[] = {"10.0.0.0/33", "10.0.0.0/",  "10.0.0.0/x", "proxy",
                                      "::/129",      "1.2.3.4/-1", "1.2.3.4/0x8"};
    struct proxies proxies;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(proxies_parse(str_of(bad[i]), &proxies), TIP_EINVAL);
    assert_int_equal(proxies_parse(str_of(""), &proxies), 0);
    assert_int_equal(proxies.count, 0);
    assert_int_equal(proxies_parse(str_of("10.0.0.0/8, 192.0.2.7,::1"), &proxies), 0);
    assert_int_equal(proxies.count, 3);
}

static void the_last_stranger_is_the_client(void **state)
{
    (void)state;
    static const struct {
        const char *connection, *header, *client;
    } cases[] = {
        {"192.0.2.9", "", "192.0.2.9"},
        {"192.0.2.9", "1.1.1.1", "192.0.2.9"}, /* nobody trusts who says that */
        {"10.1.2.3", "1.1.1.1", "1.1.1.1"},
        {"10.1.2.3", "9.9.9.9, 1.1.1.1", "1.1.1.1"}, /* 9.9.9.9 is what the client wrote */
        {"10.1.2.3", "9.9.9.9,1.1.1.1 , 10.9.9.9", "1.1.1.1"},
        {"10.1.2.3", "10.0.0.1,10.0.0.2", "10.0.0.1"},
        {"10.1.2.3", "2001:db8::1", "2001:db8::1"},
        {"10.1.2.3", "1.1.1.1, nonsense", "10.1.2.3"},
        {"10.1.2.3", "1.1.1.1,", "10.1.2.3"},
        {"10.1.2.3", "", "10.1.2.3"},
        {"11.1.2.3", "1.1.1.1", "11.1.2.3"},
        {"2001:db8:7::1", "1.1.1.1", "1.1.1.1"},
    };
    struct proxies proxies;
    assert_int_equal(proxies_parse(str_of("10.0.0.0/8,2001:db8:7::/48"), &proxies), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct address got =
            peer_resolve(&proxies, of(cases[i].connection), str_of(cases[i].header));
        assert_memory_equal(got.bytes, of(cases[i].client).bytes, 16);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses),
        cmocka_unit_test(lists_of_proxies),
        cmocka_unit_test(the_last_stranger_is_the_client),
    };
    return RUN_TESTS(tests);
}
