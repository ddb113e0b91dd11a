/* Times as text: reading, bounds, and that reading what was written gives the same moment. */
#include "tests/unit/unit.h"

#include "base/err.h"
#include "base/timefmt.h"

static void reads(void **state)
{
    (void)state;
    const struct {
        const char *text;
        int64_t time_ms;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01", 0},
        {"2026-11-21T06:00:00.000Z", 1795240800000},
        {"2026-11-21T06:00:00.1239Z", 1795240800123}, /* cut, not rounded */
        {"2026-11-21T08:30:00+02:30", 1795240800000},
        {"2026-11-21t06:00:00z", 1795240800000},
        {"2026-11-20T23:00:00-07:00", 1795240800000},
        {"2000-02-29", 951782400000},
        {"1969-12-31T23:59:59.999Z", -1},
        {"2016-12-31T23:59:60Z", 1483228800000}, /* a leap second is the next second */
        {"1900-01-01", TIME_MIN_MS},
        {"2200-12-31T23:59:59.999Z", TIME_MAX_MS},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t time_ms = 1;
        assert_int_equal(time_parse(str_of(cases[i].text), TIME_NEEDS_OFFSET, &time_ms), 0);
        assert_int_equal(time_ms, cases[i].time_ms);
    }
}

static void refuses(void **state)
{
    (void)state;
    const char *const cases[] = {
        "",
        "2026",
        "2026-11-21T06:00:00",
        "2026-13-01",
        "2026-02-29",
        "2026-00-1",
        "2026-11-31",
        "2026-11-21T24:00:00Z",
        "2026-11-21T06:00Z",
        "2026-11-21T06:00:00+2:00",
        "2026-11-21T06:00:00.Z",
        "2026-11-21T06:00:00Zx",
        "2026-11-21T06:00:00+24:00",
        " 2026-11-21",
        "2026-11-21T06:61:00Z",
        "20261121",
    };
    int64_t time_ms = 7;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(time_parse(str_of(cases[i]), TIME_NEEDS_OFFSET, &time_ms), TIP_ESYNTAX);
    assert_int_equal(time_parse(str_of("1899-12-31"), TIME_NEEDS_OFFSET, &time_ms), TIP_EINVAL);
    assert_int_equal(time_parse(str_of("2201-01-01"), TIME_NEEDS_OFFSET, &time_ms), TIP_EINVAL);
    /* In UTC it is another year. */
    assert_int_equal(time_parse(str_of("2200-12-31T23:00:00-02:00"), TIME_NEEDS_OFFSET, &time_ms),
                     TIP_EINVAL);
    assert_int_equal(time_parse(str_from("2026-11-21\0", 11), TIME_NEEDS_OFFSET, &time_ms),
                     TIP_ESYNTAX);
    assert_int_equal(time_ms, 7);
}

static void older_clients_leave_the_offset_out(void **state)
{
    (void)state;
    int64_t time_ms = 0;
    char text[TIME_TEXT_SIZE];
    assert_int_equal(time_parse(str_of("2026-11-21T06:00:00"), TIME_OFFSET_OPTIONAL, &time_ms), 0);
    assert_int_equal(time_ms, 1795240800000);
    time_format_older(time_ms, text);
    assert_string_equal(text, "2026-11-21T06:00:00Z");
    time_format_older(time_ms + 5, text);
    assert_string_equal(text, "2026-11-21T06:00:00.005Z");
    time_format_older(time_ms - 6 * 3600 * 1000, text);
    assert_string_equal(text, "2026-11-21");
}

static void writes_what_it_reads(void **state)
{
    (void)state;
    uint64_t random = 42;
    for (int i = 0; i < 200000; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        int64_t time_ms =
            TIME_MIN_MS + (int64_t)((random >> 11) % (uint64_t)(TIME_MAX_MS - TIME_MIN_MS + 1));
        char text[TIME_TEXT_SIZE];
        int64_t again = 0;
        time_format(time_ms, text);
        assert_int_equal(time_parse(str_of(text), TIME_NEEDS_OFFSET, &again), 0);
        assert_int_equal(again, time_ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads),
        cmocka_unit_test(refuses),
        cmocka_unit_test(older_clients_leave_the_offset_out),
        cmocka_unit_test(writes_what_it_reads),
    };
    return RUN_TESTS(tests);
}
