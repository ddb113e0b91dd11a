/*
 * Keys and scopes as text, and the headers that bring keys. A text that is a key is nothing but its
 * parts; the scopes that were read are written as the same set; blanks around a header's value, and
 * the same key in both headers, change nothing.
 */
#include "base/err.h"
#include "domain/api_key.h"
#include "fuzz.h"
#include "http/credentials.h"

static void check_key(struct str text)
{
    struct api_key_text key;
    AUTO_BUF again = {0};
    int err = api_key_parse(text, &key);
    FUZZ_REQUIRE(err == 0 || err == TIP_ESYNTAX, "a text is a key or not");
    if (err != 0)
        return;
    FUZZ_REQUIRE(key.id.len == API_KEY_ID_LEN && key.secret.len == API_KEY_SECRET_LEN, "lengths");
    buf_add_text(&again, "tip_");
    buf_add_str(&again, key.id);
    buf_add_char(&again, '_');
    buf_add_str(&again, key.secret);
    FUZZ_REQUIRE(str_equal(text, buf_str(&again)), "a key is its parts");
}

static void check_scopes(struct str text)
{
    unsigned scopes = SCOPE_NONE, again = SCOPE_NONE;
    AUTO_BUF words = {0};
    if (scopes_parse(text, &scopes) != 0)
        return;
    FUZZ_REQUIRE(scopes != SCOPE_NONE && scopes < 1U << SCOPE_CLASSES, "scopes that there are");
    scopes_format(scopes, &words);
    FUZZ_REQUIRE(words.len == text.len, "each word once");
    FUZZ_REQUIRE(scopes_parse(buf_str(&words), &again) == 0 && again == scopes, "the same set");
}

static void check_headers(struct str value)
{
    struct credentials bearer = {0}, plain = {0}, padded = {0};
    AUTO_BUF text = {0};
    credentials_add_authorization(&bearer, value);
    credentials_add_api_key(&plain, value);
    FUZZ_REQUIRE(!plain.wrong && plain.given == (plain.key.len > 0), "any text may be a key");
    FUZZ_REQUIRE(bearer.given == plain.given, "a value is given in either header");
    FUZZ_REQUIRE(bearer.given || !bearer.wrong, "none is not a wrong one");

    buf_addf(&text, "\t ");
    buf_add_str(&text, value);
    buf_add_text(&text, " \t");
    credentials_add_api_key(&padded, buf_str(&text));
    FUZZ_REQUIRE(str_equal(padded.key, plain.key) && !padded.wrong, "blanks around do not count");
    credentials_add_api_key(&padded, value);
    FUZZ_REQUIRE(!padded.wrong, "the same key twice is one key");
    if (plain.given) {
        credentials_add_api_key(&padded, str_of("another"));
        FUZZ_REQUIRE(padded.wrong || str_equal(plain.key, str_of("another")), "two keys are none");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_key(fuzz_input(data, size));
    check_scopes(fuzz_input(data, size));
    check_headers(fuzz_input(data, size));
    return 0;
}
