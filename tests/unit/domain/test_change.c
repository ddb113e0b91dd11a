/* Kafka records: what is written is read back; poison is refused with a reason; partitions are
 * stable and spread. */
#include "tests/unit/unit.h"

#include "base/err.h"
#include "domain/change.h"

#include <stdio.h>

static const char value[] =
    "{\"user_id\":\"u\",\"birth_year\":1990,\"country\":\"N\",\"currency\":\"NOK\","
    "\"gender\":\"f\",\"registration_date\":0}";

static struct change_source source_of(const char *body)
{
    return (struct change_source){
        .key = str_from("co\0u", 4),
        .value = str_of(body),
        .company = str_of("co"),
        .kind = str_of("put"),
        .schema = str_of("1"),
        .request_id = str_of("r"),
    };
}

static void reads_a_put(void **state)
{
    (void)state;
    char detail[100];
    struct change change;
    struct change_source source = source_of(value);
    assert_int_equal(change_decode(RECORD_USER, &source, &change, detail, sizeof(detail)), 0);
    assert_int_equal(change.kind, CHANGE_PUT);
    assert_true(str_equal(change.company, str_of("co")));
    assert_int_equal(change.record.user.birth_year, 1990);
    change_release(&change);
}

static void reads_a_withdrawal(void **state)
{
    (void)state;
    char detail[100];
    struct change change;
    AUTO_BUF body = {0};
    change_delete_value(str_of("u"), 5, &body);
    struct change_source source = source_of(buf_cstr(&body));
    source.kind = str_of("delete");
    assert_int_equal(change_decode(RECORD_EVENT, &source, &change, detail, sizeof(detail)), 0);
    assert_int_equal(change.record.event.version, 5);
    change_release(&change);
    assert_int_equal(change_decode(RECORD_USER, &source, &change, detail, sizeof(detail)),
                     TIP_EINVAL);
    static const int64_t bad[] = {-2, VERSION_MAX + 1};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        buf_clear(&body);
        change_delete_value(str_of("u"), bad[i], &body);
        source.value = buf_str(&body);
        assert_int_equal(change_decode(RECORD_EVENT, &source, &change, detail, sizeof(detail)),
                         TIP_EINVAL);
    }
}

static void reads_an_erasure(void **state)
{
    (void)state;
    char detail[100];
    struct change change;
    AUTO_BUF body = {0};
    change_erase_value(str_of("u"), &body);
    struct change_source source = source_of(buf_cstr(&body));
    source.kind = str_of("erase");
    for (int kind = 0; kind < RECORD_KINDS; kind++) {
        int err = change_decode((enum record_kind)kind, &source, &change, detail, sizeof(detail));
        assert_int_equal(err, kind == RECORD_EVENT ? TIP_EINVAL : 0);
        if (err != 0)
            continue;
        assert_int_equal(change.kind, CHANGE_ERASE);
        assert_true(str_equal(record_key_id(&change.record), str_of("u")));
        change_release(&change);
    }
    source.key = str_from("co\0v", 4);
    assert_int_equal(change_decode(RECORD_USER, &source, &change, detail, sizeof(detail)),
                     TIP_EINVAL);
    source = source_of("{\"user_id\":7}");
    source.kind = str_of("erase");
    assert_int_equal(change_decode(RECORD_COUPON, &source, &change, detail, sizeof(detail)),
                     TIP_EINVAL);
}

static void refuses_poison(void **state)
{
    (void)state;
    char detail[100];
    struct change change;
    const struct str nothing = {0};
    struct change_source source = source_of(value);
#define REFUSED(field, wrong)                                                                      \
    do {                                                                                           \
        struct change_source bad = source;                                                         \
        bad.field = wrong;                                                                         \
        detail[0] = '\0';                                                                          \
        assert_int_equal(change_decode(RECORD_USER, &bad, &change, detail, sizeof(detail)),        \
                         TIP_EINVAL);                                                              \
        assert_true(detail[0] != '\0');                                                            \
    } while (0)
    REFUSED(company, nothing);
    REFUSED(company, str_of("another"));
    REFUSED(company, str_of("a-company-with-a-name-of-more-than-32-bytes"));
    REFUSED(key, nothing);
    REFUSED(key, str_from("co\0v", 4));
    REFUSED(schema, nothing);
    REFUSED(schema, str_of("2"));
    REFUSED(kind, str_of("patch"));
    REFUSED(kind, nothing);
    REFUSED(value, nothing);
    REFUSED(value, str_of("garbage \xff"));
    REFUSED(value, str_of("{}"));
}

static void coupons_have_one_hash_per_content(void **state)
{
    (void)state;
    char detail[100];
    struct change first, second;
    struct change_source a = source_of(
        "{\"coupon_id\":\"c\",\"user_id\":\"u\",\"stake\":1.5,\"timestamp\":0,"
        "\"selections\":[{\"event_id\":\"a\",\"odds\":2},{\"event_id\":\"b\",\"odds\":3}]}");
    struct change_source b = source_of(
        "{\"user_id\":\"u\",\"coupon_id\":\"c\",\"stake\":1.50,\"timestamp\":0,"
        "\"selections\":[{\"event_id\":\"b\",\"odds\":3.0},{\"event_id\":\"a\",\"odds\":2}]}");
    assert_int_equal(change_decode(RECORD_COUPON, &a, &first, detail, sizeof(detail)), 0);
    assert_int_equal(change_decode(RECORD_COUPON, &b, &second, detail, sizeof(detail)), 0);
    assert_memory_equal(first.content_hash, second.content_hash, 32);
    change_release(&first);
    change_release(&second);
}

static void partitions(void **state)
{
    (void)state;
    struct partition_set set, again, other;
    int counts[16] = {0}, chosen = 0;
    partition_set_choose(str_of("demo"), 16, 4, &set);
    partition_set_choose(str_of("demo"), 16, 4, &again);
    partition_set_choose(str_of("rival"), 16, 4, &other);
    assert_memory_equal(set.members, again.members, 4 * sizeof(int32_t));
    assert_memory_not_equal(set.members, other.members, 4 * sizeof(int32_t));
    for (int i = 0; i < 40000; i++) {
        char id[16];
        snprintf(id, sizeof(id), "user-%d", i);
        int32_t partition = partition_of(&set, str_of(id));
        assert_in_range(partition, 0, 15);
        counts[partition]++;
    }
    for (int i = 0; i < 16; i++) {
        if (counts[i] == 0)
            continue;
        chosen++;
        assert_in_range(counts[i], 9000, 11000);
    }
    assert_int_equal(chosen, 4);
    partition_set_choose(str_of("demo"), 2, 4, &set); /* fewer than asked for: all */
    assert_int_equal(set.count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_put),
        cmocka_unit_test(reads_a_withdrawal),
        cmocka_unit_test(reads_an_erasure),
        cmocka_unit_test(refuses_poison),
        cmocka_unit_test(coupons_have_one_hash_per_content),
        cmocka_unit_test(partitions),
    };
    return RUN_TESTS(tests);
}
