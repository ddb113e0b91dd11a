/* Events that must not be listed: excluded, bet on, or listed already. */
#include "base/err.h"
#include "view/reader_internal.h"

void known_start(struct view_reader *reader)
{
    number_set_clear(&reader->known);
    reader->has_older = false;
    reader->hit_count = 0;
}

static int has_older_bet(struct view_reader *reader, uint32_t event)
{
    struct table_key start;
    struct str key, value;
    MDB_cursor *cursor;
    key_older(&start, reader->company, reader->user_id);
    key_be32(&start, event);
    int err = reader_cursor(reader, CURSOR_OLDER_BETS, &cursor);
    if (err == 0)
        err = cursor_seek(cursor, key_of(&start), &key, &value);
    if (err != 0)
        return err > 0 ? 0 : err;
    return key.len > start.len && memcmp(key.data, start.bytes, start.len) == 0;
}

int known_has(struct view_reader *reader, uint32_t event)
{
    if (number_set_has(&reader->known, event))
        return 1;
    return reader->has_older ? has_older_bet(reader, event) : 0;
}

int known_add_excludes(struct view_reader *reader, const struct view_query *query)
{
    for (size_t i = 0; i < query->exclude_count; i++) {
        uint32_t event;
        int err = reader_event_number(reader, query->excludes[i], &event);
        if (err == 0)
            number_set_add(&reader->known, event);
        else if (err != TIP_ENOTFOUND)
            return err;
    }
    return 0;
}
