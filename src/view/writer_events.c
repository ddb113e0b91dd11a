/* Events: their records, the lists they stand in, their counts; see writer_internal.h. */
#include "base/err.h"
#include "domain/codec.h"
#include "view/writer_internal.h"

#include <stdlib.h>

/* A view_event taken apart. */
struct event_record {
    struct view_event head;
    struct view_event_member members[PARTICIPANTS_MAX];
    struct str document, older, id; /* LMDB's memory, or writer->text's */
};

static int parse_record(struct view_writer *writer, struct str value, struct event_record *record)
{
    const char *at = value.data;
    if (value.len < sizeof(record->head))
        return WRITER_DAMAGED(writer, "an event's record is too short");
    memcpy(&record->head, at, sizeof(record->head));
    const struct view_event *head = &record->head;
    size_t members = head->member_count * sizeof(record->members[0]);
    size_t bytes =
        sizeof(*head) + members + head->document_bytes + head->older_bytes + head->id_bytes;
    if (bytes != value.len || head->member_count > PARTICIPANTS_MAX)
        return WRITER_DAMAGED(writer, "an event's record has another length");
    at += sizeof(*head);
    memcpy(record->members, at, members);
    at += members;
    record->document = str_from(at, head->document_bytes);
    record->older = str_from(at + head->document_bytes, head->older_bytes);
    record->id = str_from(at + head->document_bytes + head->older_bytes, head->id_bytes);
    return 0;
}

static int read_record(struct view_writer *writer, uint32_t event, struct event_record *record)
{
    struct str value;
    int err = table_get(&writer->tables, VIEW_TABLE_events, number_key(&event), &value);
    if (err == TIP_ENOTFOUND)
        return WRITER_DAMAGED(writer, "an event has no record");
    return err != 0 ? err : parse_record(writer, value, record);
}

static int write_record(struct view_writer *writer, uint32_t event, struct event_record *record)
{
    struct buf *out = &writer->record;
    record->head.document_bytes = (uint32_t)record->document.len;
    record->head.older_bytes = (uint32_t)record->older.len;
    record->head.id_bytes = (uint8_t)record->id.len;
    buf_clear(out);
    buf_add(out, &record->head, sizeof(record->head));
    buf_add(out, record->members, record->head.member_count * sizeof(record->members[0]));
    buf_add_str(out, record->document);
    buf_add_str(out, record->older);
    buf_add_str(out, record->id);
    return table_put(&writer->tables, VIEW_TABLE_events, number_key(&event), buf_str(out));
}

static int read_count(struct view_writer *writer, uint32_t event, uint64_t *ret_count)
{
    struct str value;
    *ret_count = 0;
    int err = table_get(&writer->tables, VIEW_TABLE_counts, number_key(&event), &value);
    if (err == 0 && value.len == sizeof(*ret_count))
        memcpy(ret_count, value.data, sizeof(*ret_count));
    return err == TIP_ENOTFOUND ? 0 : err;
}

/* An entry for what the record says. */
static int remember(struct view_writer *writer, uint32_t number, const struct event_record *record,
                    struct event_entry **ret_entry)
{
    uint32_t members[PARTICIPANTS_MAX];
    struct event_entry *entry =
        event_cache_add(&writer->events, number, record->head.company, record->id);
    for (size_t i = 0; i < record->head.member_count; i++)
        members[i] = record->members[i].member;
    event_cache_tag(&writer->events, entry, record->head.group, members, record->head.member_count);
    entry->begin_ms = record->head.begin_ms;
    entry->listed = (record->head.flags & VIEW_EVENT_LISTED) != 0;
    int err = read_count(writer, number, &entry->count);
    entry->written = entry->count;
    *ret_entry = entry;
    return err;
}

static int add_event(struct view_writer *writer, uint32_t company, struct str event_id,
                     struct str key, struct event_entry **ret_entry)
{
    uint32_t number = ++writer->meta.event_count;
    struct event_record record = {.head = {.company = company, .version = VERSION_NONE},
                                  .id = event_id};
    writer->meta_changed = true;
    int err = table_put(&writer->tables, VIEW_TABLE_event_ids, key, number_key(&number));
    if (err == 0)
        err = write_record(writer, number, &record);
    if (err == 0)
        *ret_entry = event_cache_add(&writer->events, number, company, event_id);
    return err;
}

int writer_event(struct view_writer *writer, uint32_t company, struct str event_id,
                 struct event_entry **ret_entry)
{
    struct table_key key;
    struct str value;
    struct event_record record;
    *ret_entry = event_cache_by_id(&writer->events, company, event_id);
    if (*ret_entry != NULL)
        return 0;
    key_owned(&key, company, event_id);
    int err = table_get(&writer->tables, VIEW_TABLE_event_ids, key_of(&key), &value);
    if (err == TIP_ENOTFOUND)
        return add_event(writer, company, event_id, key_of(&key), ret_entry);
    if (err != 0)
        return err;
    uint32_t number = number_read(value);
    err = read_record(writer, number, &record);
    return err != 0 ? err : remember(writer, number, &record, ret_entry);
}

int writer_event_by_number(struct view_writer *writer, uint32_t number,
                           struct event_entry **ret_entry)
{
    struct event_record record;
    *ret_entry = event_cache_by_number(&writer->events, number);
    if (*ret_entry != NULL)
        return 0;
    int err = read_record(writer, number, &record);
    return err != 0 ? err : remember(writer, number, &record, ret_entry);
}

/* Lists. */

static int expect_there(struct view_writer *writer, int err)
{
    return err == TIP_ENOTFOUND ? WRITER_DAMAGED(writer, "a listed event is missing in a list")
                                : err;
}

static int take_out(struct view_writer *writer, const struct event_entry *entry)
{
    struct table_key key;
    struct tables *tables = &writer->tables;
    int err = table_delete(tables, VIEW_TABLE_begins,
                           key_begin(&key, entry->company, entry->begin_ms, entry->id));
    if (err == 0)
        err = table_delete(
            tables, VIEW_TABLE_popular,
            key_popular(&key, entry->company, entry->written, entry->begin_ms, entry->id));
    if (err == 0)
        err = table_delete(tables, VIEW_TABLE_runs,
                           key_run(&key, 0, entry->group, entry->begin_ms, entry->id));
    for (size_t i = 0; err == 0 && i < entry->member_count; i++)
        err = table_delete(
            tables, VIEW_TABLE_runs,
            key_run(&key, entry->members[i], entry->group, entry->begin_ms, entry->id));
    return expect_there(writer, err);
}

static void make_run_value(uint32_t event, const struct event_record *record, struct buf *out)
{
    struct view_run_value head = {.event = event};
    buf_clear(out);
    buf_add(out, &head, sizeof(head));
    if (record->head.member_count <= VIEW_RUN_MEMBERS_MAX)
        buf_add_str(out, record->document);
}

int writer_run_value(struct view_writer *writer, uint32_t event, struct buf *out)
{
    struct event_record record;
    int err = read_record(writer, event, &record);
    if (err == 0)
        make_run_value(event, &record, out);
    return err;
}

static int put_runs(struct view_writer *writer, const struct event_entry *entry,
                    const struct event_record *record)
{
    struct table_key key;
    struct buf *value = &writer->record;
    make_run_value(entry->number, record, value);
    int err = table_put(&writer->tables, VIEW_TABLE_runs,
                        key_run(&key, 0, entry->group, entry->begin_ms, entry->id), buf_str(value));
    for (size_t i = 0; err == 0 && i < entry->member_count; i++) {
        uint32_t member = entry->members[i];
        err = table_put(&writer->tables, VIEW_TABLE_runs,
                        key_run(&key, member, entry->group, entry->begin_ms, entry->id),
                        buf_str(value));
    }
    return err;
}

static int put_pairs(struct view_writer *writer, const struct event_entry *entry)
{
    int err = 0;
    for (size_t i = 0; err == 0 && i < entry->member_count; i++)
        err = writer_pair(writer, entry->company, entry->members[i], entry->group);
    return err;
}

static int put_in(struct view_writer *writer, const struct event_entry *entry,
                  const struct event_record *record)
{
    struct table_key key;
    struct view_place place = {.event = entry->number, .group = entry->group};
    struct str value = str_from(&place, sizeof(place));
    int err = put_pairs(writer, entry);
    if (err != 0 || writer->loading) /* view_writer_load_end writes the lists */
        return err;
    err = table_put(&writer->tables, VIEW_TABLE_begins,
                    key_begin(&key, entry->company, entry->begin_ms, entry->id), value);
    if (err == 0)
        err = table_put(
            &writer->tables, VIEW_TABLE_popular,
            key_popular(&key, entry->company, entry->written, entry->begin_ms, entry->id), value);
    return err == 0 ? put_runs(writer, entry, record) : err;
}

/* Documents. */

struct named_member {
    struct str name;
    uint32_t place; /* in the order given */
    uint32_t number;
};

static int by_name(const void *a, const void *b)
{
    return str_compare(((const struct named_member *)a)->name,
                       ((const struct named_member *)b)->name);
}

/* Where the strings of the document's participants stand, in the order given. */
static void find_names(struct str document, size_t count, struct view_event_member *ret_members)
{
    static const char before[] = ",\"participants\":[";
    const char *at = memmem(document.data, document.len, before, sizeof(before) - 1);
    if (at == NULL)
        abort(); /* record_json's form; inside a string quotes are escaped */
    at += sizeof(before) - 1;
    for (size_t i = 0; i < count; i++) {
        const char *start = at++;
        while (*at != '"')
            at += *at == '\\' ? 2 : 1;
        at++;
        ret_members[i].at = (uint16_t)(start - document.data);
        ret_members[i].bytes = (uint16_t)(at - start);
        at++; /* ',' or ']' */
    }
}

/* The documents into writer->text, which they then borrow. */
static void render(struct view_writer *writer, struct str company, const struct event *event,
                   struct event_record *record)
{
    struct buf *text = &writer->text;
    buf_clear(text);
    event_json(event, false, text);
    size_t document_bytes = text->len;
    event_json_older(event, company, text);
    record->document = str_from(text->data, document_bytes);
    record->older = str_from(text->data + document_bytes, text->len - document_bytes);
}

/* Fills in the tags of an event: group, and members in the order of their names. */
static int tag(struct view_writer *writer, uint32_t company, const struct event *event,
               struct event_record *record, struct named_member *names)
{
    uint32_t sport, group;
    int err = writer_group(writer, company, event, &group, &sport);
    for (size_t i = 0; err == 0 && i < event->participant_count; i++) {
        names[i] = (struct named_member){.name = event->participants[i], .place = (uint32_t)i};
        err = writer_member(writer, company, sport, event->participants[i], &names[i].number);
    }
    if (err != 0)
        return err;
    qsort(names, event->participant_count, sizeof(*names), by_name);
    record->head.group = group;
    record->head.member_count = (uint8_t)event->participant_count;
    for (size_t i = 0; i < event->participant_count; i++)
        record->members[i] = (struct view_event_member){.member = names[i].number};
    return 0;
}

static void place_names(struct event_record *record, const struct named_member *names)
{
    struct view_event_member found[PARTICIPANTS_MAX];
    size_t count = record->head.member_count;
    find_names(record->document, count, found);
    for (size_t i = 0; i < count; i++) {
        record->members[i].at = found[names[i].place].at;
        record->members[i].bytes = found[names[i].place].bytes;
    }
}

static bool same_tags(const struct event_entry *entry, const struct event_record *record)
{
    if (entry->group != record->head.group || entry->member_count != record->head.member_count)
        return false;
    for (size_t i = 0; i < entry->member_count; i++)
        if (entry->members[i] != record->members[i].member)
            return false;
    return true;
}

/* Brings the entry to what the record says now. */
static void adopt(struct view_writer *writer, struct event_entry *entry,
                  const struct event_record *record)
{
    uint32_t members[PARTICIPANTS_MAX];
    for (size_t i = 0; i < record->head.member_count; i++)
        members[i] = record->members[i].member;
    event_cache_tag(&writer->events, entry, record->head.group, members, record->head.member_count);
    entry->begin_ms = record->head.begin_ms;
    entry->listed = (record->head.flags & VIEW_EVENT_LISTED) != 0;
}

/* A known event's new attributes. Its record is read already; the lists follow. */
static int put_event(struct view_writer *writer, struct str company, struct event_entry *entry,
                     const struct event *event, struct event_record *record)
{
    struct named_member names[PARTICIPANTS_MAX];
    bool was_known = (record->head.flags & VIEW_EVENT_KNOWN) != 0;
    int err = entry->listed ? take_out(writer, entry) : 0;
    if (err == 0)
        err = tag(writer, entry->company, event, record, names);
    if (err != 0)
        return err;
    bool listed = event->begin_ms >= writer->meta.lists_from_ms &&
                  (record->head.flags & VIEW_EVENT_WITHDRAWN) == 0;
    bool changed = !was_known || !same_tags(entry, record);
    record->head.begin_ms = event->begin_ms;
    record->head.end_ms = event->end_ms;
    record->head.flags |= VIEW_EVENT_KNOWN;
    record->head.flags &= (uint8_t)~VIEW_EVENT_LISTED;
    record->document = record->older = (struct str){0};
    record->id = entry->id;
    if (listed) {
        record->head.flags |= VIEW_EVENT_LISTED;
        render(writer, company, event, record);
        place_names(record, names);
    }
    adopt(writer, entry, record);
    err = write_record(writer, entry->number, record);
    if (err == 0 && listed)
        err = put_in(writer, entry, record);
    if (err == 0 && changed && !writer->loading)
        err = writer_event_changed(writer, entry, was_known);
    return err;
}

/* Out of the lists; the tags stay. */
static int unlist(struct view_writer *writer, struct event_entry *entry,
                  struct event_record *record)
{
    if (entry->listed) {
        int err = take_out(writer, entry);
        if (err != 0)
            return err;
    }
    entry->listed = false;
    record->head.flags &= (uint8_t)~VIEW_EVENT_LISTED;
    record->document = record->older = (struct str){0};
    for (size_t i = 0; i < record->head.member_count; i++)
        record->members[i].at = record->members[i].bytes = 0;
    record->id = entry->id;
    return write_record(writer, entry->number, record);
}

int writer_apply_event(struct view_writer *writer, const struct change *change, uint64_t position,
                       enum decision *ret_decision)
{
    const struct event *event = &change->record.event;
    struct event_entry *entry;
    struct event_record record;
    uint32_t company;
    int err = writer_company(writer, change->company, &company);
    if (err == 0)
        err = writer_event(writer, company, event->event_id, &entry);
    if (err == 0)
        err = read_record(writer, entry->number, &record);
    if (err != 0)
        return err;
    struct precedence current = {record.head.version, record.head.position};
    struct precedence incoming = {event->version, position};
    bool decided = (record.head.flags & VIEW_EVENT_DECIDED) != 0;
    enum decision decision = decide_mutable(decided ? &current : NULL, &incoming);
    if (decision == DECISION_APPLY) {
        bool withdrawn = change->kind == CHANGE_DELETE;
        record.head.position = position;
        record.head.version = event->version;
        record.head.flags |= VIEW_EVENT_DECIDED;
        record.head.flags &= (uint8_t)~VIEW_EVENT_WITHDRAWN;
        if (withdrawn)
            record.head.flags |= VIEW_EVENT_WITHDRAWN;
        err = withdrawn ? unlist(writer, entry, &record)
                        : put_event(writer, change->company, entry, event, &record);
    }
    if (err == 0)
        *ret_decision = decision;
    return err;
}

int writer_load_event(struct view_writer *writer, const struct view_load_event *event)
{
    struct event_entry *entry;
    struct event_record record;
    uint32_t company;
    writer->loading = true;
    int err = writer_company(writer, event->company, &company);
    if (err == 0)
        err = writer_event(writer, company, event->event->event_id, &entry);
    if (err == 0)
        err = read_record(writer, entry->number, &record);
    if (err != 0)
        return err;
    record.head.position = event->position;
    record.head.version = event->event->version;
    record.head.flags |= VIEW_EVENT_DECIDED;
    if (event->withdrawn)
        record.head.flags |= VIEW_EVENT_WITHDRAWN;
    return event->known ? put_event(writer, event->company, entry, event->event, &record)
                        : unlist(writer, entry, &record);
}

int view_writer_prune(struct view_writer *writer, int64_t from_ms, size_t max_events)
{
    size_t pruned = 0;
    int err = 0;
    if (from_ms > writer->meta.lists_from_ms) {
        writer->meta.lists_from_ms = from_ms;
        writer->meta_changed = true;
    }
    for (uint32_t company = 1; err == 0 && company <= writer->meta.company_count;) {
        struct table_key start;
        struct str key, value;
        AUTO_CURSOR *cursor = NULL;
        struct view_place place;
        struct event_entry *entry;
        struct event_record record;
        err = table_cursor(&writer->tables, VIEW_TABLE_begins, &cursor);
        if (err == 0)
            err = cursor_seek(cursor, key_owned(&start, company, (struct str){0}), &key, &value);
        if (err != 0)
            break;
        if (read_be32(key.data) != company ||
            read_time(key.data + 4) >= writer->meta.lists_from_ms) {
            company++;
            continue;
        }
        if (pruned++ == max_events)
            return 1;
        memcpy(&place, value.data, sizeof(place));
        err = writer_event_by_number(writer, place.event, &entry);
        if (err == 0)
            err = read_record(writer, place.event, &record);
        if (err == 0)
            err = unlist(writer, entry, &record);
    }
    return err > 0 ? 0 : writer_after_full(writer, err);
}

static int flush_count(struct view_writer *writer, struct event_entry *entry)
{
    struct table_key key;
    struct view_place place = {.event = entry->number, .group = entry->group};
    int err = 0;
    if (entry->count == entry->written)
        return 0;
    if (entry->listed) {
        err = table_delete(
            &writer->tables, VIEW_TABLE_popular,
            key_popular(&key, entry->company, entry->written, entry->begin_ms, entry->id));
        err = expect_there(writer, err);
        if (err == 0)
            err = table_put(
                &writer->tables, VIEW_TABLE_popular,
                key_popular(&key, entry->company, entry->count, entry->begin_ms, entry->id),
                str_from(&place, sizeof(place)));
    }
    if (err == 0)
        err = table_put(&writer->tables, VIEW_TABLE_counts, number_key(&entry->number),
                        str_from(&entry->count, sizeof(entry->count)));
    entry->written = entry->count;
    return err;
}

int writer_flush_counts(struct view_writer *writer)
{
    struct event_cache *cache = &writer->events;
    int err = 0;
    for (size_t i = 0; err == 0 && i < cache->changed_count; i++) {
        cache->changed[i]->changed = false;
        err = flush_count(writer, cache->changed[i]);
    }
    cache->changed_count = 0;
    return err;
}
