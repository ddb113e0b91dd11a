/* The text of keys, and lists of scopes. */
#include "tests/unit/unit.h"

#include "base/err.h"
#include "domain/api_key.h"

#define ID     "AbcdefGHI123"
#define SECRET "0123456789abcdefghijABCDEFGHIJzz"

static void a_key_has_two_parts(void **state)
{
    (void)state;
    struct api_key_text key;
    assert_int_equal(api_key_parse(str_of("tip_" ID "_" SECRET), &key), 0);
    assert_true(str_equal(key.id, str_of(ID)));
    assert_true(str_equal(key.secret, str_of(SECRET)));
}

static void other_texts_are_no_keys(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "tip_",
        "tip_" ID,
        "tip_" ID "_",
        "tip_" ID "_" SECRET "0",
        "tip_" ID "_0123456789abcdefghijABCDEFGHIJz",
        "TIP_" ID "_" SECRET,
        "tip-" ID "_" SECRET,
        "tip_" ID "-" SECRET,
        "tip_Abcdef_HI123_" SECRET,
        "tip_" ID "_0123456789abcdefghijABCDEFGHIJ_z",
        "tip_" ID "_0123456789abcdefghijABCDEFGHIJ z",
        "tip_" ID "_0123456789abcdefghijABCDEFGHI\303\251",
        " tip_" ID "_0123456789abcdefghijABCDEFGHIJz",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct api_key_text key = {0};
        assert_int_equal(api_key_parse(str_of(texts[i]), &key), TIP_ESYNTAX);
        assert_null(key.id.data);
    }
    char with_nul[API_KEY_LEN + 1] = "tip_" ID "_" SECRET;
    struct api_key_text key;
    with_nul[20] = '\0';
    assert_int_equal(api_key_parse(str_from(with_nul, API_KEY_LEN), &key), TIP_ESYNTAX);
    assert_int_equal(api_key_parse((struct str){0}, &key), TIP_ESYNTAX);
}

static void a_new_key_can_be_read(void **state)
{
    (void)state;
    struct api_key_new first, second;
    struct api_key_text text;
    uint8_t hash[SHA256_SIZE];
    api_key_make(&first);
    api_key_make(&second);
    assert_string_not_equal(first.id, second.id);
    assert_string_not_equal(first.text + 17, second.text + 17);
    assert_int_equal(api_key_parse(str_of(first.text), &text), 0);
    assert_true(str_equal(text.id, str_of(first.id)));
    sha256_of(text.secret, hash);
    assert_true(sha256_equal(hash, first.secret_hash));
    assert_false(sha256_equal(hash, second.secret_hash));
}

static void lists_of_scopes(void **state)
{
    (void)state;
    static const struct {
        const char *text, *again;
        unsigned scopes;
    } good[] = {
        {"ingest", "ingest", SCOPE_INGEST},
        {"read,ingest", "ingest,read", SCOPE_INGEST | SCOPE_READ},
        {"admin,read,ingest", "ingest,read,admin", SCOPE_INGEST | SCOPE_READ | SCOPE_ADMIN},
    };
    static const char *const bad[] = {"",     ",",          "read,",       ",read", "read,read",
                                      "Read", "read write", "read, admin", "all"};
    unsigned scopes = 99;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        AUTO_BUF text = {0};
        assert_int_equal(scopes_parse(str_of(good[i].text), &scopes), 0);
        assert_int_equal(scopes, good[i].scopes);
        scopes_format(scopes, &text);
        assert_string_equal(buf_cstr(&text), good[i].again);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(scopes_parse(str_of(bad[i]), &scopes), TIP_EINVAL);
    assert_string_equal(scope_name(SCOPE_ADMIN), "admin");
    assert_string_equal(scope_name(SCOPE_NONE), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_has_two_parts),
        cmocka_unit_test(other_texts_are_no_keys),
        cmocka_unit_test(a_new_key_can_be_read),
        cmocka_unit_test(lists_of_scopes),
    };
    return RUN_TESTS(tests);
}
