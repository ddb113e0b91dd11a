/* Events and their participants: states and upserts; see write.h. */
#include "store/write.h"

#include "base/mem.h"
#include "domain/codec.h"
#include "store/write_states.h"

static const struct sql_rows sql_states = {
    "select event_id, version, position from events where company_id = ? and event_id in (", "?",
    ")"};

/* position comes last: the conditions before it look at the row's old one. */
static const struct sql_rows sql_put = {
    "insert into events (company_id, event_id, withdrawn, sport, league, country, participants, "
    "begin_at, end_at, version, position) values ",
    "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    " on duplicate key update "
    "withdrawn = if(values(position) > position, values(withdrawn), withdrawn), "
    "sport = if(values(position) > position, values(sport), sport), "
    "league = if(values(position) > position, values(league), league), "
    "country = if(values(position) > position, values(country), country), "
    "participants = if(values(position) > position, values(participants), participants), "
    "begin_at = if(values(position) > position, values(begin_at), begin_at), "
    "end_at = if(values(position) > position, values(end_at), end_at), "
    "version = if(values(position) > position, values(version), version), "
    "position = greatest(position, values(position))"};

static const struct sql_rows sql_withdraw = {
    "insert into events (company_id, event_id, withdrawn, version, position) values ",
    "(?, ?, 1, ?, ?)",
    " on duplicate key update "
    "withdrawn = if(values(position) > position, 1, withdrawn), "
    "version = if(values(position) > position, values(version), version), "
    "position = greatest(position, values(position))"};

static const char sql_drop_participants[] =
    "delete from event_participants where company_id = ? and event_id = ?";

static const struct sql_rows sql_participants = {
    "insert into event_participants (company_id, sport, participant, begin_at, event_id, league, "
    "country) values ",
    "(?, ?, ?, ?, ?, ?, ?)",
    " on duplicate key update league = values(league), country = values(country)"};

int events_read_states(struct db *db, struct key_state *states, size_t count)
{
    return read_states(db, &sql_states, states, count);
}

static void bind_version(struct stmt *stmt, int64_t version)
{
    if (version == VERSION_NONE)
        stmt_null(stmt);
    else
        stmt_int(stmt, version);
}

enum { PUT_STEP_MAX = 1000 };

/* Statement with `count` puts; participants is scratch that holds their JSON until it has run. */
static int put_step(struct db *db, const struct event_row *const *rows, size_t count,
                    struct buf *participants)
{
    struct stmt *stmt;
    size_t ends[PUT_STEP_MAX];
    int err = db_prepare_rows(db, &sql_put, count, &stmt);
    if (err != 0)
        return err;
    buf_clear(participants);
    for (size_t i = 0; i < count; i++) { /* all of them first: the buffer moves as it grows */
        participants_json(rows[i]->event, participants);
        ends[i] = participants->len;
    }
    for (size_t i = 0; i < count; i++) {
        const struct event *event = rows[i]->event;
        size_t start = i > 0 ? ends[i - 1] : 0;
        stmt_str(stmt, rows[i]->company);
        stmt_str(stmt, event->event_id);
        stmt_int(stmt, rows[i]->withdrawn);
        stmt_str(stmt, event->sport);
        stmt_str(stmt, event->league);
        stmt_str(stmt, event->country);
        stmt_str(stmt, str_from(participants->data + start, ends[i] - start));
        stmt_time(stmt, event->begin_ms);
        stmt_time(stmt, event->end_ms);
        bind_version(stmt, rows[i]->version);
        stmt_uint(stmt, rows[i]->position);
    }
    return stmt_run(stmt);
}

static int withdraw_step(struct db *db, const struct event_row *const *rows, size_t count,
                         struct buf *scratch)
{
    struct stmt *stmt;
    (void)scratch;
    int err = db_prepare_rows(db, &sql_withdraw, count, &stmt);
    if (err != 0)
        return err;
    for (size_t i = 0; i < count; i++) {
        stmt_str(stmt, rows[i]->company);
        stmt_str(stmt, rows[i]->event_id);
        bind_version(stmt, rows[i]->version);
        stmt_uint(stmt, rows[i]->position);
    }
    return stmt_run(stmt);
}

typedef int (*step_fn)(struct db *, const struct event_row *const *, size_t, struct buf *);

/* Runs `step` over the rows that have attributes (or that have none), in statements of few sizes.
 */
static int write_rows(struct db *db, const struct event_row *rows, size_t count, bool attributes,
                      step_fn step)
{
    AUTO_FREE const struct event_row **chosen = xcalloc(count, sizeof(struct event_row *));
    AUTO_BUF scratch = {0};
    size_t chosen_count = 0;
    for (size_t i = 0; i < count; i++)
        if ((rows[i].event != NULL) == attributes)
            chosen[chosen_count++] = &rows[i];
    for (size_t done = 0; done < chosen_count;) {
        size_t size = db_rows_step(chosen_count - done);
        int err = step(db, chosen + done, size, &scratch);
        if (err != 0)
            return err;
        done += size;
    }
    return 0;
}

static int drop_participants(struct db *db, const struct event_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct stmt *stmt;
        if (rows[i].is_new)
            continue;
        int err = db_prepare(db, sql_drop_participants, &stmt);
        if (err != 0)
            return err;
        stmt_str(stmt, rows[i].company);
        stmt_str(stmt, rows[i].event_id);
        err = stmt_run(stmt);
        if (err != 0)
            return err;
    }
    return 0;
}

struct participant_row {
    const struct event_row *row;
    struct str name;
};

static void bind_participant(struct stmt *stmt, const void *rows, size_t index)
{
    const struct participant_row *participant = (const struct participant_row *)rows + index;
    const struct event *event = participant->row->event;
    stmt_str(stmt, participant->row->company);
    stmt_str(stmt, event->sport);
    stmt_str(stmt, participant->name);
    stmt_time(stmt, event->begin_ms);
    stmt_str(stmt, event->event_id);
    stmt_str(stmt, event->league);
    stmt_str(stmt, event->country);
}

static int add_participants(struct db *db, const struct event_row *rows, size_t count)
{
    size_t total = 0;
    AUTO_FREE struct participant_row *pairs =
        xcalloc(count * PARTICIPANTS_MAX, sizeof(struct participant_row));
    for (size_t i = 0; i < count; i++)
        for (size_t p = 0;
             rows[i].event != NULL && !rows[i].withdrawn && p < rows[i].event->participant_count;
             p++)
            pairs[total++] = (struct participant_row){&rows[i], rows[i].event->participants[p]};
    return db_write_rows(db, &sql_participants, pairs, total, bind_participant);
}

int events_write(struct db *db, const struct event_row *rows, size_t count)
{
    int err = write_rows(db, rows, count, true, put_step);
    if (err == 0)
        err = write_rows(db, rows, count, false, withdraw_step);
    if (err == 0)
        err = drop_participants(db, rows, count);
    return err == 0 ? add_participants(db, rows, count) : err;
}
