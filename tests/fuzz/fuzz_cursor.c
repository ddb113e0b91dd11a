/*
 * Cursors. A text that reads as one is the very text that is written for it, so there is one
 * cursor for a place; and every place can be written and read again.
 */
#include "base/timefmt.h"
#include "domain/codec.h"
#include "fuzz.h"
#include "http/cursor.h"

static const enum cursor_list lists[] = {CURSOR_EVENTS, CURSOR_COUPONS, CURSOR_REJECTED};

/* A place in the list of rejects is no id, but a position and a topic. */
static bool fits(enum cursor_list list, struct str id)
{
    if (list == CURSOR_REJECTED)
        return id.len > CURSOR_PLACE_BYTES && id.len <= CURSOR_ID_MAX_BYTES;
    return id_is_valid(id);
}

static void check_text(struct str text)
{
    struct cursor cursor;
    AUTO_BUF again = {0};
    int lists_of_text = 0;
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        if (cursor_read(lists[i], text, &cursor) != 0)
            continue;
        lists_of_text++;
        FUZZ_REQUIRE(fits(lists[i], cursor_id(&cursor)), "a cursor names a place");
        cursor_write(lists[i], cursor.time_ms, cursor_id(&cursor), &again);
        FUZZ_REQUIRE(str_equal(text, buf_str(&again)), "one text per place");
    }
    FUZZ_REQUIRE(lists_of_text <= 1, "a cursor is of one list");
}

/* The input as a place: eight bytes of time, then the id. */
static void check_place(enum cursor_list list, struct str place)
{
    uint64_t random;
    struct cursor cursor;
    AUTO_BUF text = {0};
    if (place.len < sizeof(random))
        return;
    memcpy(&random, place.data, sizeof(random));
    int64_t time_ms = TIME_MIN_MS + (int64_t)(random % (uint64_t)(TIME_MAX_MS - TIME_MIN_MS + 1));
    struct str id = str_from(place.data + sizeof(random), place.len - sizeof(random));
    if (!fits(list, id))
        return;
    cursor_write(list, time_ms, id, &text);
    FUZZ_REQUIRE(cursor_read(list, buf_str(&text), &cursor) == 0, "a place can be read again");
    FUZZ_REQUIRE(cursor.time_ms == time_ms && str_equal(cursor_id(&cursor), id), "and is the same");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_text(fuzz_input(data, size));
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        check_place(lists[i], fuzz_input(data, size));
    return 0;
}
