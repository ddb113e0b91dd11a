/* Folding per key; see fold.h. */
#include "ingest/fold.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

/* By company, key, then position: the changes of a key stand together in offset order. */
static int by_key_and_position(const void *a, const void *b)
{
    const struct item *x = *(struct item *const *)a, *y = *(struct item *const *)b;
    int order = str_compare(x->change.company, y->change.company);
    if (order == 0)
        order = str_compare(record_key_id(&x->change.record), record_key_id(&y->change.record));
    if (order == 0)
        order = str_compare(record_id(&x->change.record), record_id(&y->change.record));
    if (order == 0)
        order = x->position < y->position ? -1 : x->position > y->position;
    return order;
}

static bool same_key(const struct item *a, const struct item *b)
{
    return str_equal(a->change.company, b->change.company) &&
           str_equal(record_key_id(&a->change.record), record_key_id(&b->change.record)) &&
           str_equal(record_id(&a->change.record), record_id(&b->change.record));
}

/* A sorted copy of the items; the caller frees it. */
static struct item **sorted_copy(struct item *const *items, size_t count)
{
    struct item **sorted = xcalloc(count, sizeof(*sorted));
    memcpy(sorted, items, count * sizeof(*sorted));
    qsort(sorted, count, sizeof(*sorted), by_key_and_position);
    return sorted;
}

/* One key_state per distinct key of sorted items. Returns how many. */
static size_t distinct_keys(struct item *const *sorted, size_t count, struct key_state *states)
{
    size_t keys = 0;
    for (size_t i = 0; i < count; i++)
        if (i == 0 || !same_key(sorted[i - 1], sorted[i]))
            states[keys++] = (struct key_state){.company = sorted[i]->change.company,
                                                .id = record_id(&sorted[i]->change.record)};
    return keys;
}

static int64_t version_of(const struct item *item)
{
    const struct record *record = &item->change.record;
    return record->kind == RECORD_USER ? record->user.version : record->event.version;
}

/* Whether the item applies on top of state, which then becomes the item's. */
static bool advance(struct key_state *state, const struct item *item)
{
    struct precedence incoming = {version_of(item), item->position};
    if (decide_mutable(state->known ? &state->precedence : NULL, &incoming) != DECISION_APPLY)
        return false;
    state->known = true;
    state->precedence = incoming;
    return true;
}

int fold_users(struct db *db, struct item *const *items, size_t count,
               struct ingest_counters *counters, struct tally *tally)
{
    if (count == 0)
        return 0;
    AUTO_FREE struct item **sorted = sorted_copy(items, count);
    AUTO_FREE struct key_state *states = xcalloc(count, sizeof(*states));
    AUTO_FREE struct user_row *rows = xcalloc(count, sizeof(*rows));
    size_t keys = distinct_keys(sorted, count, states), row_count = 0, at = 0;
    int err = users_read_states(db, states, keys);
    if (err != 0)
        return err;
    for (size_t key = 0; key < keys; key++) {
        const struct item *last = NULL;
        size_t first = at;
        bool is_new = !states[key].known;
        for (; at < count && same_key(sorted[first], sorted[at]); at++)
            if (advance(&states[key], sorted[at]))
                last = sorted[at];
        counters->superseded += at - first - (last != NULL);
        if (last == NULL)
            continue;
        tally_add(tally, COUNTED_USERS, last, is_new, 1);
        rows[row_count++] = (struct user_row){.company = last->change.company,
                                              .user = &last->change.record.user,
                                              .version = version_of(last),
                                              .position = last->position};
    }
    counters->users_stored += row_count;
    return users_write(db, rows, row_count);
}

/* The changes of one event, from `at` on; fills the row and says whether there is one. */
static bool fold_event(struct item *const *sorted, size_t count, size_t *at,
                       struct key_state *state, struct event_row *row, struct tally *tally)
{
    const struct item *last = NULL;
    const struct event *attributes =
        NULL; /* of the last put that applies: a withdrawal keeps them */
    size_t first = *at;
    bool is_new = !state->known;
    for (; *at < count && same_key(sorted[first], sorted[*at]); (*at)++) {
        const struct item *item = sorted[*at];
        if (!advance(state, item))
            continue;
        last = item;
        if (item->change.kind == CHANGE_PUT)
            attributes = &item->change.record.event;
    }
    if (last == NULL)
        return false;
    tally_add(tally, COUNTED_EVENTS, last, is_new, 1);
    *row = (struct event_row){.company = last->change.company,
                              .event_id = last->change.record.event.event_id,
                              .event = attributes,
                              .withdrawn = last->change.kind == CHANGE_DELETE,
                              .is_new = is_new,
                              .version = version_of(last),
                              .position = last->position};
    return true;
}

int fold_events(struct db *db, struct item *const *items, size_t count,
                struct ingest_counters *counters, struct tally *tally)
{
    if (count == 0)
        return 0;
    AUTO_FREE struct item **sorted = sorted_copy(items, count);
    AUTO_FREE struct key_state *states = xcalloc(count, sizeof(*states));
    AUTO_FREE struct event_row *rows = xcalloc(count, sizeof(*rows));
    size_t keys = distinct_keys(sorted, count, states), row_count = 0, at = 0;
    int err = events_read_states(db, states, keys);
    if (err != 0)
        return err;
    for (size_t key = 0; key < keys; key++)
        row_count += fold_event(sorted, count, &at, &states[key], &rows[row_count], tally);
    counters->events_stored += row_count;
    counters->superseded += count - row_count;
    return events_write(db, rows, row_count);
}

/* Takes the first attempt of each id out of `sorted` into rows; returns how many attempts remain.
 */
static size_t take_round(struct item **sorted, size_t count, struct item **taken,
                         struct coupon_row *rows, size_t *ret_rows)
{
    size_t rest = 0, row_count = 0;
    const struct item *previous = NULL;
    for (size_t i = 0; i < count; i++) {
        struct item *item = sorted[i];
        if (previous != NULL && same_key(previous, item)) {
            sorted[rest++] = item;
            continue;
        }
        previous = item;
        taken[row_count] = item;
        rows[row_count++] = (struct coupon_row){.company = item->change.company,
                                                .coupon = &item->change.record.coupon,
                                                .content_hash = item->change.content_hash,
                                                .position = item->position,
                                                .partition = item->message.partition};
    }
    *ret_rows = row_count;
    return rest;
}

static void note_outcomes(struct item *const *taken, const struct coupon_row *rows, size_t count,
                          struct rejects *rejects, struct ingest_counters *counters,
                          struct tally *tally)
{
    for (size_t i = 0; i < count; i++) {
        if (rows[i].outcome == DECISION_APPLY) {
            counters->coupons_stored++;
            tally_add(tally, COUNTED_COUPONS, taken[i], 1, 1);
        } else if (rows[i].outcome == DECISION_ABSORB) {
            counters->absorbed++;
        } else {
            taken[i]->reason = REJECT_CONFLICT;
            snprintf(taken[i]->detail, sizeof(taken[i]->detail),
                     "this coupon id holds another content");
            rejects->items[rejects->count++] = taken[i];
        }
    }
}

int fold_coupons(struct db *db, struct item **items, size_t count, struct rejects *rejects,
                 struct ingest_counters *counters, struct tally *tally)
{
    if (count == 0)
        return 0;
    AUTO_FREE struct item **sorted = sorted_copy(items, count);
    AUTO_FREE struct item **taken = xcalloc(count, sizeof(*taken));
    AUTO_FREE struct coupon_row *rows = xcalloc(count, sizeof(*rows));
    while (count > 0) {
        size_t row_count = 0;
        count = take_round(sorted, count, taken, rows, &row_count);
        int err = coupons_write(db, rows, row_count);
        if (err != 0)
            return err;
        note_outcomes(taken, rows, row_count, rejects, counters, tally);
    }
    return 0;
}
