/* Which key a request's headers bring. */
#include "tests/unit/unit.h"

#include "http/credentials.h"

/* What the headers come to: the key, "-" for none, "!" for what cannot be a key. NULL: absent. */
static void expect(const char *authorization, const char *api_key, const char *wanted)
{
    struct credentials credentials = {0};
    if (authorization != NULL)
        credentials_add_authorization(&credentials, str_of(authorization));
    if (api_key != NULL)
        credentials_add_api_key(&credentials, str_of(api_key));
    if (strcmp(wanted, "-") == 0) {
        assert_false(credentials.given);
    } else if (strcmp(wanted, "!") == 0) {
        assert_true(credentials.given && credentials.wrong);
    } else {
        assert_true(credentials.given && !credentials.wrong);
        assert_true(str_equal(credentials.key, str_of(wanted)));
    }
}

static void one_header(void **state)
{
    (void)state;
    expect(NULL, NULL, "-");
    expect("", NULL, "-");
    expect("  ", NULL, "-");
    expect(NULL, "", "-");
    expect("Bearer k", NULL, "k");
    expect("bearer  k ", NULL, "k");
    expect("BEARER k", NULL, "k");
    expect(NULL, " k ", "k");
    expect("Bearer", NULL, "!");
    expect("Bearer\tk", NULL, "!");
    expect("Bearerk", NULL, "!");
    expect("Basic k", NULL, "!");
    expect("k", NULL, "!");
}

static void two_headers(void **state)
{
    (void)state;
    expect("Bearer k", "k", "k");
    expect("Bearer k", "", "k");
    expect("", "k", "k");
    expect("Bearer k", "other", "!");
    expect("Basic k", "k", "!");
    struct credentials credentials = {0};
    credentials_add_api_key(&credentials, str_of("k"));
    credentials_add_api_key(&credentials, str_of("other"));
    assert_true(credentials.wrong);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_header),
        cmocka_unit_test(two_headers),
    };
    return RUN_TESTS(tests);
}
