/* Users and events against the ledger; see check.h. */
#include "cli/check.h"

#include "base/mem.h"
#include "domain/decide.h"
#include "store/audit.h"

#include <stdlib.h>

/* A state that an id may have: the attempts its attributes and its last change come from; -1: none.
 */
struct state {
    int32_t attributes, last;
};

/* The set of states that are possible, each once. */
struct states {
    const struct attempt *attempts;
    size_t attempt_count;
    struct state *items;
    size_t count, capacity;
    uint8_t *member;       /* a bit per state */
    int32_t *weakest;      /* by attributes + 1: of these states the last that gives way to most */
    size_t weakest_of_all; /* the attributes + 1 of the state whose last gives way to most */
};

enum { NOT_THERE = -2 };

static size_t bit_of(const struct states *states, struct state state)
{
    return (size_t)(state.attributes + 1) * (states->attempt_count + 1) + (size_t)(state.last + 1);
}

/* Whether all that applies on top of `b` applies on top of `a`, too. */
static bool gives_way(const struct states *states, int32_t a, int32_t b)
{
    if (a < 0 || states->attempts[a].version == VERSION_NONE)
        return true;
    return b >= 0 && states->attempts[b].version != VERSION_NONE &&
           states->attempts[a].version <= states->attempts[b].version;
}

/* False: it was there. */
static bool add(struct states *states, struct state state)
{
    size_t bit = bit_of(states, state);
    if (states->member[bit / 8] >> bit % 8 & 1)
        return false;
    int32_t *weakest = &states->weakest[state.attributes + 1];
    if (*weakest == NOT_THERE || gives_way(states, state.last, *weakest))
        *weakest = state.last;
    if (states->count == 0 ||
        gives_way(states, state.last, states->weakest[states->weakest_of_all]))
        states->weakest_of_all = (size_t)(state.attributes + 1);
    states->member[bit / 8] = (uint8_t)(states->member[bit / 8] | 1u << bit % 8);
    if (states->count == states->capacity) {
        states->capacity = states->capacity * 2 + 16;
        states->items = xreallocarray(states->items, states->capacity, sizeof(*states->items));
    }
    states->items[states->count++] = state;
    return true;
}

static void clear(struct states *states)
{
    for (size_t i = 0; i < states->count; i++)
        states->member[bit_of(states, states->items[i]) / 8] = 0;
    for (size_t i = 0; i <= states->attempt_count; i++)
        states->weakest[i] = NOT_THERE;
    states->count = 0;
}

/* What attempts[index] makes of a state, when it is delivered now. */
static struct state apply(const struct states *states, struct state state, int32_t index)
{
    const struct attempt *attempt = &states->attempts[index];
    if (attempt->erasure)
        return (struct state){-1, -1};
    if (state.last >= 0) {
        /* Delivered later, so at a greater position, whatever its number. */
        struct precedence current = {states->attempts[state.last].version, 1},
                          incoming = {attempt->version, 2};
        if (decide_mutable(&current, &incoming) != DECISION_APPLY)
            return state;
    }
    return (struct state){attempt->withdrawal ? state.attributes : index, index};
}

static bool is_sure(const struct attempt *attempt)
{
    return attempt->outcome == OUTCOME_OK && !attempt->refused_by_database;
}

/* Adds what attempts[index] makes of the state of these attributes that gives way to most. */
static bool try(struct states *states, size_t attributes, int32_t index)
{
    int32_t last = states->weakest[attributes];
    if (last == NOT_THERE)
        return false;
    return add(states, apply(states, (struct state){(int32_t)attributes - 1, last}, index));
}

/*
 * Unknown attempts up to here may arrive now, or later, or never: adds what they lead to. Whether
 * an attempt applies depends only on whether the state's last change gives way to it, and what
 * comes of it only on the attempt and, for a withdrawal, on the attributes, which it keeps. So the
 * state that gives way to most stands for all: of all states for a put, of those with the same
 * attributes for a withdrawal. Trying every state took minutes where hundreds are unknown.
 */
static void add_unknown(struct states *states, const int32_t *unknown, size_t unknown_count)
{
    bool more = true;
    while (more) {
        more = false;
        for (size_t u = 0; u < unknown_count; u++) {
            if (!states->attempts[unknown[u]].withdrawal) {
                more |= try(states, states->weakest_of_all, unknown[u]);
                continue;
            }
            for (size_t a = 0; a <= states->attempt_count; a++)
                more |= try(states, a, unknown[u]);
        }
    }
}

static void arrive(struct states *states, int32_t index)
{
    size_t count = states->count;
    AUTO_FREE struct state *before = xcalloc(count, sizeof(*before));
    memcpy(before, states->items, count * sizeof(*before));
    clear(states);
    for (size_t i = 0; i < count; i++)
        add(states, apply(states, before[i], index));
}

static bool matches(const struct states *states, struct state state,
                    const struct stored_state *stored)
{
    if (state.last < 0 || !stored->there)
        return state.last < 0 && !stored->there;
    const struct attempt *last = &states->attempts[state.last];
    if (last->withdrawal != stored->withdrawn || last->version != stored->version)
        return false;
    if (state.attributes < 0 || !stored->known)
        return state.attributes < 0 && !stored->known;
    return memcmp(states->attempts[state.attributes].content, stored->content, SHA256_SIZE) == 0;
}

bool check_state_is_possible(const struct attempt *attempts, size_t count,
                             const struct stored_state *stored)
{
    AUTO_FREE int32_t *unknown = xcalloc(count + 1, sizeof(*unknown));
    AUTO_FREE uint8_t *member = xcalloc((count + 1) * (count + 1) / 8 + 1, 1);
    size_t unknown_count = 0;
    AUTO_FREE int32_t *weakest = xcalloc(count + 1, sizeof(*weakest));
    struct states states = {
        .attempts = attempts, .attempt_count = count, .member = member, .weakest = weakest};
    clear(&states);
    add(&states, (struct state){-1, -1});
    for (size_t i = 0; i < count; i++) {
        if (attempts[i].outcome == OUTCOME_FAIL)
            continue;
        if (is_sure(&attempts[i])) {
            add_unknown(&states, unknown, unknown_count);
            arrive(&states, (int32_t)i);
        } else {
            unknown[unknown_count++] = (int32_t)i;
        }
    }
    add_unknown(&states, unknown, unknown_count);
    bool possible = false;
    for (size_t i = 0; !possible && i < states.count; i++)
        possible = matches(&states, states.items[i], stored);
    free(states.items);
    return possible;
}

/* Whether the content comes only from attempts before the last acknowledged erasure. */
static bool is_erased(const struct ledger_key *key, const struct stored_state *stored)
{
    bool erased = false;
    for (size_t i = 0; i < key->count; i++) {
        const struct attempt *attempt = &key->attempts[i];
        if (attempt->erasure && is_sure(attempt))
            erased = true;
        else if (attempt->outcome != OUTCOME_FAIL && !attempt->erasure &&
                 memcmp(attempt->content, stored->content, SHA256_SIZE) == 0)
            erased = false;
    }
    return erased;
}

/* Says in which way a state is impossible. */
static void tell(struct check *check, const struct ledger_key *key,
                 const struct stored_state *stored)
{
    const struct attempt *first = key->attempts;
    const char *what = record_kind_name(first->kind);
    bool sent = false, refused = false;
    for (size_t i = 0; stored->known && i < key->count; i++) {
        const struct attempt *attempt = &key->attempts[i];
        bool same = !attempt->withdrawal && !attempt->erasure &&
                    memcmp(attempt->content, stored->content, SHA256_SIZE) == 0;
        sent = sent || (same && attempt->outcome != OUTCOME_FAIL);
        refused = refused || (same && attempt->outcome == OUTCOME_FAIL);
    }
    if (!stored->there)
        report_find(check->report, FINDING_LOST, what, first->user_id, first->id,
                    "acknowledged, and not there");
    else if (stored->known && sent && is_erased(key, stored))
        report_find(check->report, FINDING_ERASED, what, first->user_id, first->id,
                    "still as it was before its erasure");
    else if (sent || !stored->known)
        report_find(check->report, FINDING_LOST, what, first->user_id, first->id,
                    "%s, version %lld: an acknowledged change after that state is missing",
                    stored->withdrawn ? "withdrawn" : "stored", (long long)stored->version);
    else if (refused)
        report_find(check->report, FINDING_REFUSED, what, first->user_id, first->id,
                    "its content was answered as invalid");
    else
        report_find(check->report, FINDING_ALTERED, what, first->user_id, first->id,
                    "no attempt has its content");
}

static void judge(struct check *check, struct ledger_key *key, const struct stored_state *stored)
{
    key->stored = stored->there;
    if (!check_state_is_possible(key->attempts, key->count, stored))
        tell(check, key, stored);
}

static void judge_row(struct check *check, const struct record *record, struct stored_state *stored)
{
    struct ledger_key *key =
        ledger_find(check->ledger, record->kind, (struct str){0}, record_id(record));
    check_row(check);
    check->report->tallies[record->kind].stored++;
    if (stored->known)
        ledger_content(record, stored->content);
    if (key != NULL)
        judge(check, key, stored);
    else if (!check->partial)
        report_find(check->report, FINDING_FOREIGN, record_kind_name(record->kind), (struct str){0},
                    record_id(record), "no attempt has this id");
}

/* What has attempts and no row. */
static void judge_absent(struct check *check, enum record_kind kind)
{
    const struct stored_state absent = {0};
    for (size_t i = 0; i < check->ledger->key_count; i++) {
        struct ledger_key *key = &check->ledger->keys[i];
        if (key->attempts->kind == kind && key->attempts->valid && !key->stored)
            judge(check, key, &absent);
    }
}

static int on_user(void *arg, const struct user *user)
{
    const struct record record = {.kind = RECORD_USER, .user = *user};
    struct stored_state stored = {.there = true, .known = true, .version = user->version};
    judge_row(arg, &record, &stored);
    return 0;
}

int check_users(struct check *check)
{
    int err = audit_users(check->db, check->company, on_user, check);
    if (err == 0)
        judge_absent(check, RECORD_USER);
    return err;
}

static int on_event(void *arg, const struct audit_event *row)
{
    struct check *check = arg;
    const struct record record = {.kind = RECORD_EVENT, .event = row->event};
    struct stored_state stored = {.there = true,
                                  .known = row->known,
                                  .withdrawn = row->withdrawn,
                                  .version = row->event.version};
    judge_row(check, &record, &stored);
    if (!row->readable)
        report_find(check->report, FINDING_ALTERED, "event", (struct str){0}, row->event.event_id,
                    "its participants are not a JSON array");
    if (!row->participants_right)
        report_find(check->report, FINDING_PARTICIPANTS, "event", (struct str){0},
                    row->event.event_id, "%s with %zu participants",
                    row->withdrawn ? "withdrawn" : "an event", row->event.participant_count);
    return 0;
}

int check_events(struct check *check)
{
    int err = audit_events(check->db, check->company, on_event, check);
    if (err == 0)
        judge_absent(check, RECORD_EVENT);
    return err;
}
