/* Events that must not be listed: excluded, bet on, or listed already. */
#include "base/err.h"
#include "base/hash.h"
#include "view/reader_internal.h"

void known_start(struct view_reader *reader)
{
    hash_index_clear(&reader->known);
    reader->has_older = false;
    reader->hit_count = 0;
}

static bool is_known(const struct view_reader *reader, uint32_t event)
{
    struct hash_probe probe = hash_probe(hash_mix(event));
    uint32_t found;
    while (hash_index_next(&reader->known, &probe, &found))
        if (found == event)
            return true;
    return false;
}

void known_add(struct view_reader *reader, uint32_t event)
{
    hash_index_add(&reader->known, hash_mix(event), event);
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
    if (is_known(reader, event))
        return 1;
    return reader->has_older ? has_older_bet(reader, event) : 0;
}

int known_add_excludes(struct view_reader *reader, const struct view_query *query)
{
    for (size_t i = 0; i < query->exclude_count; i++) {
        uint32_t event;
        int err = reader_event_number(reader, query->excludes[i], &event);
        if (err == 0)
            known_add(reader, event);
        else if (err != TIP_ENOTFOUND)
            return err;
    }
    return 0;
}
