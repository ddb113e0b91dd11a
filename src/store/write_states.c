/* What keys hold now; see write_states.h. */
#include "store/write_states.h"

#include "base/err.h"

enum { IN_LIST_MAX = 250 }; /* MariaDB turns lists from 1000 on into a subquery */

size_t company_run(const struct key_state *states, size_t count, size_t from, size_t most)
{
    size_t run = 1;
    while (from + run < count && run < most &&
           str_equal(states[from + run].company, states[from].company))
        run++;
    return run;
}

/* The state with this id among `count` sorted ones; NULL when the server answers another id. */
static struct key_state *find(struct key_state *states, size_t count, struct str id)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = str_compare(states[middle].id, id);
        if (order == 0)
            return &states[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static int read_run(struct db *db, const struct sql_rows *sql, struct key_state *states,
                    size_t count)
{
    struct stmt *stmt;
    int err = db_prepare_rows(db, sql, count, &stmt);
    if (err != 0)
        return err;
    stmt_str(stmt, states[0].company);
    for (size_t i = 0; i < count; i++)
        stmt_str(stmt, states[i].id);
    err = stmt_run(stmt);
    while (err == 0 && (err = stmt_row(stmt)) == 0) {
        struct key_state *state = find(states, count, stmt_get_str(stmt, 0));
        if (state == NULL)
            continue;
        state->known = true;
        state->precedence.version = stmt_is_null(stmt, 1) ? VERSION_NONE : stmt_get_int(stmt, 1);
        state->precedence.position = stmt_get_uint(stmt, 2);
    }
    return err < 0 ? err : 0;
}

int read_states(struct db *db, const struct sql_rows *sql, struct key_state *states, size_t count)
{
    for (size_t done = 0; done < count;) {
        size_t run = db_rows_step(company_run(states, count, done, IN_LIST_MAX));
        for (size_t i = 0; i < run; i++)
            states[done + i].known = false;
        int err = read_run(db, sql, states + done, run);
        if (err != 0)
            return err;
        done += run;
    }
    return 0;
}
