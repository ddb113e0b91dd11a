/* Coupons, their selections and the events' counts; see write.h. */
#include "store/write.h"

#include "base/fault.h"
#include "base/mem.h"

#include <stdlib.h>

/* The update changes nothing; it is there so that a coupon which is there already is no error. */
static const struct sql_rows sql_coupons = {"insert into coupons (company_id, user_id, coupon_id, "
                                            "stake, placed_at, content_hash, position) "
                                            "values ",
                                            "(?, ?, ?, ?, ?, ?, ?)",
                                            " on duplicate key update coupon_id = coupon_id"};

/* Sabotage: what else is wrong with a row is passed over as well. */
static const struct sql_rows sql_coupons_ignore = {
    "insert ignore into coupons (company_id, user_id, coupon_id, stake, placed_at, content_hash, "
    "position) values ",
    "(?, ?, ?, ?, ?, ?, ?)", ""};

static const struct sql_rows sql_identities = {
    "select user_id, coupon_id, content_hash, position from coupons where company_id = ? and (",
    "(user_id = ? and coupon_id = ?)", ")", " or "};

enum { JUDGED_TOGETHER = 250 };

static const struct sql_rows sql_selections = {
    "insert into selections (company_id, user_id, placed_at, event_id, coupon_id, odds) values ",
    "(?, ?, ?, ?, ?, ?)", " on duplicate key update coupon_id = values(coupon_id)"};

/* position comes last: the condition looks at the row's old one. */
static const struct sql_rows sql_counts = {
    "insert into event_counts (company_id, event_id, partition_id, n, position) values ",
    "(?, ?, ?, ?, ?)",
    " on duplicate key update n = if(values(position) > position, n + values(n), n), "
    "position = greatest(position, values(position))"};

static struct coupon_row *find(struct coupon_row *rows, size_t count, struct str user_id,
                               struct str coupon_id)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = str_compare(rows[middle].coupon->user_id, user_id);
        if (order == 0)
            order = str_compare(rows[middle].coupon->coupon_id, coupon_id);
        if (order == 0)
            return &rows[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static void decide(struct coupon_row *row, struct str current_hash, uint64_t current_position)
{
    struct coupon_identity current = {.position = current_position};
    struct coupon_identity incoming = {.position = row->position};
    memcpy(current.content_hash, current_hash.data, sizeof(current.content_hash));
    memcpy(incoming.content_hash, row->content_hash, sizeof(incoming.content_hash));
    row->outcome = decide_coupon(&current, &incoming);
}

/* Of one company. */
static int judge_run(struct db *db, struct coupon_row *rows, size_t count)
{
    struct stmt *stmt;
    int err = db_prepare_rows(db, &sql_identities, count, &stmt);
    if (err != 0)
        return err;
    stmt_str(stmt, rows[0].company);
    for (size_t i = 0; i < count; i++) {
        stmt_str(stmt, rows[i].coupon->user_id);
        stmt_str(stmt, rows[i].coupon->coupon_id);
    }
    err = stmt_run(stmt);
    while (err == 0 && (err = stmt_row(stmt)) == 0) {
        struct coupon_row *row = find(rows, count, stmt_get_str(stmt, 0), stmt_get_str(stmt, 1));
        if (row != NULL)
            decide(row, stmt_get_str(stmt, 2), stmt_get_uint(stmt, 3));
    }
    return err < 0 ? err : 0;
}

/* Some of these rows were there before: finds out which, and what that means. */
static int judge(struct db *db, struct coupon_row *rows, size_t count)
{
    for (size_t done = 0; done < count;) {
        size_t run = 1;
        while (run < JUDGED_TOGETHER && done + run < count &&
               str_equal(rows[done + run].company, rows[done].company))
            run++;
        run = db_rows_step(run);
        int err = judge_run(db, rows + done, run);
        if (err != 0)
            return err;
        done += run;
    }
    return 0;
}

static int insert_step(struct db *db, struct coupon_row *rows, size_t count)
{
    struct stmt *stmt;
    const struct sql_rows *sql =
        fault_sabotaged("insert-ignore") ? &sql_coupons_ignore : &sql_coupons;
    int err = db_prepare_rows(db, sql, count, &stmt);
    if (err != 0)
        return err;
    for (size_t i = 0; i < count; i++) {
        const struct coupon *coupon = rows[i].coupon;
        rows[i].outcome = DECISION_APPLY;
        stmt_str(stmt, rows[i].company);
        stmt_str(stmt, coupon->user_id);
        stmt_str(stmt, coupon->coupon_id);
        stmt_decimal(stmt, coupon->stake_e4);
        stmt_time(stmt, coupon->placed_at_ms);
        stmt_str(stmt, str_from(rows[i].content_hash, 32));
        stmt_uint(stmt, rows[i].position);
    }
    err = stmt_run(stmt);
    if (err != 0)
        return err;
    return stmt_affected(stmt) == count ? 0 : judge(db, rows, count);
}

/* One selection of an accepted coupon. */
struct pair {
    const struct coupon_row *row;
    const struct selection *selection;
    uint64_t event_start; /* the first bytes of its event's id, in their order */
};

static uint64_t start_of(struct str id)
{
    uint64_t start = 0;
    for (size_t i = 0; i < sizeof(start); i++)
        start = start << 8 | (i < id.len ? (unsigned char)id.data[i] : 0);
    return start;
}

/* Of one user. */
static int by_time(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    int64_t first = x->row->coupon->placed_at_ms, second = y->row->coupon->placed_at_ms;
    if (first != second)
        return first > second ? -1 : 1; /* as the primary key: newest first */
    int order = str_compare(x->selection->event_id, y->selection->event_id);
    return order != 0 ? order : str_compare(x->row->coupon->coupon_id, y->row->coupon->coupon_id);
}

/*
 * Into the order of the primary key. The pairs come in the order of the coupons' rows, by company
 * and user, and a user has few coupons in a batch, most often one whose selections are in order.
 */
static void sort_by_user_and_time(struct pair *pairs, size_t count)
{
    for (size_t start = 0, end; start < count; start = end) {
        const struct coupon_row *first = pairs[start].row;
        bool one_coupon = true;
        for (end = start + 1; end < count; end++) {
            const struct coupon_row *row = pairs[end].row;
            if (row == first)
                continue;
            if (!str_equal(row->coupon->user_id, first->coupon->user_id) ||
                !str_equal(row->company, first->company))
                break;
            one_coupon = false;
        }
        if (!one_coupon)
            qsort(pairs + start, end - start, sizeof(*pairs), by_time);
    }
}

/* Of one company. */
static int by_event_and_partition(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    if (x->event_start != y->event_start)
        return x->event_start < y->event_start ? -1 : 1;
    int order = str_compare(x->selection->event_id, y->selection->event_id);
    return order != 0 ? order : x->row->partition - y->row->partition;
}

static void bind_selection(struct stmt *stmt, const void *rows, size_t index)
{
    const struct pair *pair = (const struct pair *)rows + index;
    const struct coupon *coupon = pair->row->coupon;
    stmt_str(stmt, pair->row->company);
    stmt_str(stmt, coupon->user_id);
    stmt_time(stmt, coupon->placed_at_ms);
    stmt_str(stmt, pair->selection->event_id);
    stmt_str(stmt, coupon->coupon_id);
    if (pair->selection->odds_e4 == DECIMAL_NONE)
        stmt_null(stmt);
    else
        stmt_decimal(stmt, pair->selection->odds_e4);
}

static int write_selections(struct db *db, struct pair *pairs, size_t count)
{
    sort_by_user_and_time(pairs, count);
    return db_write_rows(db, &sql_selections, pairs, count, bind_selection);
}

struct count_row {
    const struct pair *pair;
    int64_t n;
    uint64_t position;
};

/* Adds up the pairs of each (event, partition) of one company. */
static size_t fold_counts(struct pair *pairs, size_t count, struct count_row *counts)
{
    size_t rows = 0;
    qsort(pairs, count, sizeof(*pairs), by_event_and_partition);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || by_event_and_partition(&pairs[i - 1], &pairs[i]) != 0)
            counts[rows++] = (struct count_row){.pair = &pairs[i]};
        struct count_row *row = &counts[rows - 1];
        row->n++;
        if (pairs[i].row->position > row->position)
            row->position = pairs[i].row->position;
    }
    return rows;
}

static void bind_count(struct stmt *stmt, const void *rows, size_t index)
{
    const struct count_row *count = (const struct count_row *)rows + index;
    stmt_str(stmt, count->pair->row->company);
    stmt_str(stmt, count->pair->selection->event_id);
    stmt_int(stmt, count->pair->row->partition);
    stmt_int(stmt, count->n);
    stmt_uint(stmt, count->position);
}

static int write_counts(struct db *db, struct pair *pairs, size_t count)
{
    AUTO_FREE struct count_row *counts = xcalloc(count, sizeof(struct count_row));
    size_t rows = 0;
    for (size_t start = 0, end; start < count; start = end) { /* companies are in order already */
        struct str company = pairs[start].row->company;
        for (end = start + 1; end < count && str_equal(pairs[end].row->company, company);)
            end++;
        rows += fold_counts(pairs + start, end - start, counts + rows);
    }
    return db_write_rows(db, &sql_counts, counts, rows, bind_count);
}

static int write_accepted(struct db *db, const struct coupon_row *rows, size_t count)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += rows[i].coupon->selection_count;
    AUTO_FREE struct pair *pairs = xcalloc(total, sizeof(struct pair));
    total = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t s = 0; rows[i].outcome == DECISION_APPLY && s < rows[i].coupon->selection_count;
             s++)
            pairs[total++] = (struct pair){&rows[i], &rows[i].coupon->selections[s],
                                           start_of(rows[i].coupon->selections[s].event_id)};
    int err = write_selections(db, pairs, total);
    return err == 0 ? write_counts(db, pairs, total) : err;
}

int coupons_write(struct db *db, struct coupon_row *rows, size_t count)
{
    for (size_t done = 0; done < count;) {
        size_t step = db_rows_step(count - done);
        int err = insert_step(db, rows + done, step);
        if (err != 0)
            return err;
        done += step;
    }
    return write_accepted(db, rows, count);
}
