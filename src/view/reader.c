/* The reader's environment, requests and single look-ups; see reader.h. */
#include "base/err.h"
#include "base/mem.h"
#include "view/reader_internal.h"
#include "view/writer.h"

#include <stdlib.h>

static const enum view_table cursor_tables[CURSORS] = {
    [CURSOR_RUNS] = VIEW_TABLE_runs,
    [CURSOR_BEGINS] = VIEW_TABLE_begins,
    [CURSOR_POPULAR] = VIEW_TABLE_popular,
    [CURSOR_OLDER_BETS] = VIEW_TABLE_older_bets,
};

/* A transaction for all requests to come; what the head says of the layout. */
static int start(struct view_reader *reader)
{
    int err = table_error(mdb_txn_begin(reader->tables.env, NULL, MDB_RDONLY, &reader->txn));
    for (int i = 0; err == 0 && i < CURSORS; i++)
        err = table_error(mdb_cursor_open(reader->txn, reader->tables.dbis[cursor_tables[i]],
                                          &reader->cursors[i]));
    if (err != 0)
        return err;
    struct str value;
    reader->tables.txn = reader->txn;
    err = table_get(&reader->tables, VIEW_TABLE_meta, str_of("view"), &value);
    if (err == 0 && (value.len < sizeof(uint32_t) || number_read(value) != VIEW_LAYOUT))
        err = TIP_EINVAL;
    reader->tables.txn = NULL;
    mdb_txn_reset(reader->txn);
    return err;
}

int view_reader_open(const char *dir, const struct rank_weights *weights, int64_t half_life_ms,
                     struct view_reader **ret_reader)
{
    struct view_reader *reader = xcalloc(1, sizeof(*reader));
    reader->weights = *weights;
    reader->half_life_ms = half_life_ms;
    number_set_init(&reader->known);
    reader->topn = topn_new(true, 1);
    int err = tables_open(dir, MDB_RDONLY | MDB_NOTLS, 0, &reader->tables);
    if (err == 0)
        err = start(reader);
    if (err != 0) {
        view_reader_close(reader);
        return err == TIP_EFATAL ? TIP_EINVAL : err;
    }
    *ret_reader = reader;
    return 0;
}

void view_reader_close(struct view_reader *reader)
{
    if (reader == NULL)
        return;
    for (int i = 0; i < CURSORS; i++)
        if (reader->cursors[i] != NULL)
            mdb_cursor_close(reader->cursors[i]);
    if (reader->txn != NULL)
        mdb_txn_abort(reader->txn);
    tables_close(&reader->tables);
    catalogue_release(&reader->catalogue);
    profile_release(&reader->profile);
    history_release(&reader->history);
    number_set_release(&reader->known);
    topn_free(reader->topn);
    buf_release(&reader->scratch);
    free(reader->hits);
    free(reader->sources);
    free(reader);
}

static int renew(struct view_reader *reader)
{
    int failed = mdb_txn_renew(reader->txn);
    if (failed == MDB_MAP_RESIZED) { /* the writer made the map larger: follow */
        failed = mdb_env_set_mapsize(reader->tables.env, 0);
        if (failed == 0)
            failed = mdb_txn_renew(reader->txn);
    }
    return table_error(failed);
}

/* The head and the catalogue as the transaction has them. */
static int refresh(struct view_reader *reader)
{
    struct str value;
    int err = table_get(&reader->tables, VIEW_TABLE_meta, str_of("view"), &value);
    if (err == 0 && value.len != sizeof(reader->meta))
        err = TIP_EFATAL;
    if (err != 0)
        return err;
    memcpy(&reader->meta, value.data, sizeof(reader->meta));
    if (reader->meta.state != VIEW_SERVING || reader->meta.half_life_ms != reader->half_life_ms)
        return TIP_EUNAVAIL;
    err = catalogue_refresh(&reader->catalogue, &reader->tables, &reader->meta);
    if (err == 0)
        reader->seen_txn = mdb_txn_id(reader->txn);
    return err;
}

static bool is_newest(const struct view_reader *reader)
{
    MDB_envinfo info;
    mdb_env_info(reader->tables.env, &info);
    return info.me_last_txnid == mdb_txn_id(reader->txn);
}

int view_reader_begin(struct view_reader *reader, const struct view_meta **ret_meta)
{
    int err = 0;
    if (reader->is_open && !is_newest(reader))
        view_reader_rest(reader);
    if (!reader->is_open)
        err = renew(reader);
    if (err != 0)
        return err;
    reader->is_open = true;
    reader->tables.txn = reader->txn;
    if (mdb_txn_id(reader->txn) != reader->seen_txn)
        err = refresh(reader);
    if (err != 0) {
        view_reader_end(reader);
        return err;
    }
    *ret_meta = &reader->meta;
    return 0;
}

void view_reader_end(struct view_reader *reader)
{
    reader->tables.txn = NULL;
    if (!reader->lingers)
        view_reader_rest(reader);
}

void view_reader_linger(struct view_reader *reader)
{
    reader->lingers = true;
}

void view_reader_rest(struct view_reader *reader)
{
    if (!reader->is_open)
        return;
    reader->is_open = false;
    memset(reader->cursor_ready, 0, sizeof(reader->cursor_ready));
    mdb_txn_reset(reader->txn);
}

void view_reader_clear_stale(struct view_reader *reader)
{
    int dead;
    mdb_reader_check(reader->tables.env, &dead);
}

int view_reader_offset(struct view_reader *reader, struct str topic, int32_t partition,
                       struct view_offset *ret_offset)
{
    struct table_key key;
    struct str value;
    int err =
        table_get(&reader->tables, VIEW_TABLE_offsets, key_offset(&key, topic, partition), &value);
    if (err == 0 && value.len != sizeof(*ret_offset))
        err = TIP_EFATAL;
    if (err == 0)
        memcpy(ret_offset, value.data, sizeof(*ret_offset));
    return err;
}

int reader_cursor(struct view_reader *reader, enum view_cursor which, MDB_cursor **ret_cursor)
{
    *ret_cursor = reader->cursors[which];
    if (reader->cursor_ready[which])
        return 0;
    reader->cursor_ready[which] = true;
    return table_error(mdb_cursor_renew(reader->txn, reader->cursors[which]));
}

int reader_company(struct view_reader *reader, struct str company)
{
    struct str value;
    struct str last = str_from(reader->company_name, reader->company_name_len);
    if (last.len > 0 && str_equal(last, company)) {
        reader->company = reader->company_named;
        return 0;
    }
    int err = table_get(&reader->tables, VIEW_TABLE_companies, company, &value);
    reader->company = err == 0 ? number_read(value) : 0;
    if (err == 0 && company.len <= sizeof(reader->company_name)) {
        memcpy(reader->company_name, company.data, company.len);
        reader->company_name_len = company.len;
        reader->company_named = reader->company;
    }
    return err == TIP_ENOTFOUND ? 0 : err;
}

int reader_event(const struct view_reader *reader, uint32_t event, struct event_view *ret_event)
{
    struct str value;
    struct view_event *head = &ret_event->head;
    int err = table_get(&reader->tables, VIEW_TABLE_events, number_key(&event), &value);
    if (err != 0)
        return err == TIP_ENOTFOUND ? TIP_EFATAL : err;
    if (value.len < sizeof(*head))
        return TIP_EFATAL;
    memcpy(head, value.data, sizeof(*head));
    const char *at = value.data + sizeof(*head);
    size_t members = head->member_count * sizeof(struct view_event_member);
    if (value.len !=
        sizeof(*head) + members + head->document_bytes + head->older_bytes + head->id_bytes)
        return TIP_EFATAL;
    ret_event->members = at;
    at += members;
    ret_event->document = str_from(at, head->document_bytes);
    ret_event->older = str_from(at + head->document_bytes, head->older_bytes);
    ret_event->id = str_from(at + head->document_bytes + head->older_bytes, head->id_bytes);
    return 0;
}

struct view_event_member event_view_member(const struct event_view *event, size_t at)
{
    struct view_event_member member;
    memcpy(&member, event->members + at * sizeof(member), sizeof(member));
    return member;
}

int reader_event_number(const struct view_reader *reader, struct str event_id, uint32_t *ret_number)
{
    struct table_key key;
    struct str value;
    if (reader->company == 0 || event_id.len > ID_MAX_BYTES)
        return TIP_ENOTFOUND;
    int err = table_get(&reader->tables, VIEW_TABLE_event_ids,
                        key_owned(&key, reader->company, event_id), &value);
    if (err == 0)
        *ret_number = number_read(value);
    return err;
}

int view_user_is_known(struct view_reader *reader, struct str company, struct str user_id,
                       bool *ret_known)
{
    struct table_key key;
    struct str value;
    int err = reader_company(reader, company);
    if (err == 0 && view_shard_of(company, user_id, reader->meta.shards) != reader->meta.shard)
        return TIP_EUNAVAIL;
    if (err == 0)
        err = reader->company == 0 ? TIP_ENOTFOUND
                                   : table_get(&reader->tables, VIEW_TABLE_users,
                                               key_owned(&key, reader->company, user_id), &value);
    if (err != 0 && err != TIP_ENOTFOUND)
        return err;
    *ret_known = err == 0;
    return 0;
}

/* An event as /v1 shows it: the document, and the version before its closing bracket. */
static void add_record(const struct event_view *event, struct buf *out)
{
    if (event->head.version == VERSION_NONE) {
        buf_add_str(out, event->document);
        return;
    }
    buf_add(out, event->document.data, event->document.len - 1);
    buf_add_text(out, ",\"version\":");
    buf_add_int(out, event->head.version);
    buf_add_char(out, '}');
}

int reader_named_event(const struct view_reader *reader, struct str event_id, uint32_t *ret_number,
                       struct event_view *ret_event)
{
    int err = reader_event_number(reader, event_id, ret_number);
    if (err == 0)
        err = reader_event(reader, *ret_number, ret_event);
    if (err != 0)
        return err;
    bool is_shown =
        (ret_event->head.flags & (VIEW_EVENT_KNOWN | VIEW_EVENT_WITHDRAWN)) == VIEW_EVENT_KNOWN;
    return is_shown ? 0 : TIP_ENOTFOUND;
}

int view_event(struct view_reader *reader, struct str company, struct str event_id, struct buf *out)
{
    struct event_view event;
    uint32_t number;
    int err = reader_company(reader, company);
    if (err == 0)
        err = reader_named_event(reader, event_id, &number, &event);
    if (err != 0)
        return err;
    if (event.document.len == 0)
        return TIP_EUNAVAIL; /* over for long */
    add_record(&event, out);
    return 0;
}

int reader_add_record(const struct view_reader *reader, uint32_t number, struct buf *out)
{
    struct event_view event;
    int err = reader_event(reader, number, &event);
    if (err == 0 && event.document.len == 0)
        err = TIP_EFATAL;
    if (err == 0)
        add_record(&event, out);
    return err;
}
