/*
 * The JSON codec of one kind of record (FUZZ_KIND), by every way in. What one generation takes, the
 * canonical form keeps: decoding it and writing it again gives the same bytes. What /v1 takes, the
 * older routes take too, as the same record, and it can be put under its own id and under no other.
 */
#include "domain/codec.h"
#include "fuzz.h"

static struct violations violations;

static int parse(enum generation generation, struct str text, struct record *ret_record)
{
    violations_clear(&violations);
    return record_parse(FUZZ_KIND, generation, text, FUZZ_NOW_MS, ret_record, &violations);
}

/* Appends the canonical form, which must read back as itself. */
static void canonical_of(const struct record *record, struct buf *out)
{
    AUTO_RECORD again = {0};
    AUTO_BUF text = {0};
    record_canonical(record, out);
    FUZZ_REQUIRE(parse(GENERATION_CANONICAL, buf_str(out), &again) == 0,
                 "the canonical form is readable");
    record_canonical(&again, &text);
    FUZZ_REQUIRE(str_equal(buf_str(out), buf_str(&text)), "the canonical form is a fixed point");
    FUZZ_REQUIRE(str_equal(record_id(record), record_id(&again)) &&
                     str_equal(record_key_id(record), record_key_id(&again)),
                 "ids survive byte by byte");
}

/* False: refused, and properly so. */
static bool accepted(enum generation generation, struct str text, struct buf *ret_canonical)
{
    AUTO_RECORD record = {0};
    int err = parse(generation, text, &record);
    if (err != 0) {
        fuzz_require_violations(&violations);
        return false;
    }
    FUZZ_REQUIRE(violations.total == 0, "what is taken breaks no rule");
    canonical_of(&record, ret_canonical);
    return true;
}

/* What a reader of /v1 is shown can be sent again as the same record. */
static void check_shown(struct str text, struct str canonical)
{
    AUTO_RECORD record = {0}, again = {0};
    AUTO_BUF shown = {0}, same = {0};
    FUZZ_REQUIRE(parse(GENERATION_V1, text, &record) == 0, "parsing repeats itself");
    record_json(&record, &shown);
    FUZZ_REQUIRE(parse(GENERATION_V1, buf_str(&shown), &again) == 0, "what is shown can be sent");
    record_canonical(&again, &same);
    FUZZ_REQUIRE(str_equal(canonical, buf_str(&same)), "what is shown is what was sent");
}

static void check_put(struct str text, struct str canonical)
{
    AUTO_RECORD record = {0}, own = {0}, other = {0};
    AUTO_BUF same = {0};
    if (FUZZ_KIND == RECORD_COUPON)
        return;
    FUZZ_REQUIRE(parse(GENERATION_V1, text, &record) == 0, "parsing repeats itself");
    struct str id = record_id(&record);
    FUZZ_REQUIRE(id_is_valid(id), "an id that is taken in a body is one in a path");
    FUZZ_REQUIRE(record_parse_put(FUZZ_KIND, id, text, FUZZ_NOW_MS, &own, &violations) == 0,
                 "a record can be put under its id");
    record_canonical(&own, &same);
    FUZZ_REQUIRE(str_equal(canonical, buf_str(&same)), "a put is the same record");
    violations_clear(&violations);
    struct str foreign = str_equal(id, str_of("x")) ? str_of("y") : str_of("x");
    FUZZ_REQUIRE(record_parse_put(FUZZ_KIND, foreign, text, FUZZ_NOW_MS, &other, &violations) != 0,
                 "a record is not put under another id");
    FUZZ_REQUIRE(violations.items[0].code == VIOLATION_MISMATCH, "and the reason is that");
}

/* A canonical form without its version, which the older routes do not know. */
static struct str without_version(struct buf *canonical)
{
    static const char label[] = ",\"version\":";
    struct str text = buf_str(canonical);
    const char *last = memrchr(text.data, ',', text.len);
    if (last != NULL && strncmp(last, label, sizeof(label) - 1) == 0) {
        canonical->len = (size_t)(last - text.data);
        buf_add_char(canonical, '}');
    }
    return buf_str(canonical);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = fuzz_input(data, size);
    AUTO_BUF v1 = {0}, older = {0}, canonical = {0};
    bool is_v1 = accepted(GENERATION_V1, text, &v1);
    bool is_older = accepted(GENERATION_OLDER, text, &older);
    accepted(GENERATION_CANONICAL, text, &canonical);
    if (is_v1) {
        check_shown(text, buf_str(&v1));
        check_put(text, buf_str(&v1));
        FUZZ_REQUIRE(is_older, "the older routes take what /v1 takes");
        buf_add_char(&v1, '\0');
        v1.len--;
        FUZZ_REQUIRE(str_equal(without_version(&v1), buf_str(&older)), "and as the same record");
    } else if (FUZZ_KIND != RECORD_COUPON) {
        AUTO_RECORD record = {0};
        violations_clear(&violations);
        if (record_parse_put(FUZZ_KIND, str_of("x"), text, FUZZ_NOW_MS, &record, &violations) != 0)
            fuzz_require_violations(&violations);
    }
    return 0;
}
