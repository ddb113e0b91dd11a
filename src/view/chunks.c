/* Reading ahead; see chunks.h. */
#include "view/chunks.h"

#include "base/err.h"
#include "base/mem.h"

#include <pthread.h>
#include <stdlib.h>

enum { THREADS = 3, SLOTS = 8 };

struct slot {
    struct snapshot_users users;
    bool filled;
};

struct chunks {
    const struct config *config;
    const struct str *companies;
    size_t company_count;
    pthread_t threads[THREADS];

    pthread_mutex_t lock; /* for all that follows */
    pthread_cond_t changed;
    bool beginning; /* a thread reads the first half of a chunk: where the next begins is open */
    size_t company; /* where the next chunk begins */
    char after[ID_MAX_BYTES];
    size_t after_len;
    size_t begun, taken; /* chunks, numbered from 0; chunk i stands in slots[i % SLOTS] */
    bool holding;        /* the reader uses chunk taken - 1 */
    bool stop;
    int err;
    struct buf problem;
    struct slot slots[SLOTS];
};

static void fail(struct chunks *chunks, int err, const char *problem)
{
    pthread_mutex_lock(&chunks->lock);
    if (chunks->err == 0) {
        chunks->err = err;
        buf_add_text(&chunks->problem, problem);
    }
    chunks->stop = true;
    pthread_cond_broadcast(&chunks->changed);
    pthread_mutex_unlock(&chunks->lock);
}

/* The slots whose chunk is not given back yet: the one that the reader uses counts. */
static size_t in_use(const struct chunks *chunks)
{
    return chunks->begun - chunks->taken + chunks->holding;
}

/* Waits for the turn to begin a chunk. False: there is none any more. */
static bool take_turn(struct chunks *chunks, size_t *ret_number, struct str *ret_company,
                      char *ret_after, size_t *ret_after_len)
{
    pthread_mutex_lock(&chunks->lock);
    while (!chunks->stop && chunks->company < chunks->company_count &&
           (chunks->beginning || in_use(chunks) == SLOTS))
        pthread_cond_wait(&chunks->changed, &chunks->lock);
    bool more = !chunks->stop && chunks->company < chunks->company_count;
    if (more) {
        chunks->beginning = true;
        *ret_number = chunks->begun++;
        *ret_company = chunks->companies[chunks->company];
        *ret_after_len = chunks->after_len;
        memcpy(ret_after, chunks->after, chunks->after_len);
    }
    pthread_mutex_unlock(&chunks->lock);
    return more;
}

/* The first half is read: the next chunk can be begun. */
static void pass_turn(struct chunks *chunks, const struct snapshot_users *users)
{
    pthread_mutex_lock(&chunks->lock);
    chunks->beginning = false;
    chunks->company += users->is_end;
    chunks->after_len = users->is_end ? 0 : users->last.len;
    memcpy(chunks->after, users->last.data, chunks->after_len);
    pthread_cond_broadcast(&chunks->changed);
    pthread_mutex_unlock(&chunks->lock);
}

static void hand_over(struct chunks *chunks, size_t number)
{
    pthread_mutex_lock(&chunks->lock);
    chunks->slots[number % SLOTS].filled = true;
    pthread_cond_broadcast(&chunks->changed);
    pthread_mutex_unlock(&chunks->lock);
}

static int read_one(struct chunks *chunks, struct db *db, size_t number, struct str company,
                    struct str after)
{
    struct snapshot_users *users = &chunks->slots[number % SLOTS].users;
    int err = snapshot_users_begin(db, company, after, users);
    if (err == 0) {
        pass_turn(chunks, users);
        err = snapshot_users_finish(db, users);
    }
    if (err == 0)
        hand_over(chunks, number);
    return err;
}

static void *run(void *arg)
{
    struct chunks *chunks = arg;
    AUTO_DB *db = NULL;
    AUTO_BUF problem = {0};
    size_t number, after_len;
    struct str company;
    char after[ID_MAX_BYTES];
    int err = db_open(chunks->config, DB_READ_ALL, &db, &problem);
    if (err != 0)
        fail(chunks, err, buf_cstr(&problem));
    while (err == 0 && take_turn(chunks, &number, &company, after, &after_len)) {
        err = read_one(chunks, db, number, company, str_from(after, after_len));
        if (err != 0)
            fail(chunks, err, db_error(db));
    }
    return NULL;
}

struct chunks *chunks_start(const struct config *config, const struct str *companies,
                            size_t company_count)
{
    struct chunks *chunks = xcalloc(1, sizeof(*chunks));
    chunks->config = config;
    chunks->companies = companies;
    chunks->company_count = company_count;
    pthread_mutex_init(&chunks->lock, NULL);
    pthread_cond_init(&chunks->changed, NULL);
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&chunks->threads[i], NULL, run, chunks) != 0)
            abort(); /* no threads: nothing this program can do */
    return chunks;
}

int chunks_next(struct chunks *chunks, const struct snapshot_users **ret_users,
                struct buf *ret_problem)
{
    int err = 0;
    pthread_mutex_lock(&chunks->lock);
    if (chunks->holding) {
        chunks->slots[(chunks->taken - 1) % SLOTS].filled = false;
        chunks->holding = false;
        pthread_cond_broadcast(&chunks->changed);
    }
    struct slot *slot = &chunks->slots[chunks->taken % SLOTS];
    while (chunks->err == 0 && !slot->filled &&
           (chunks->taken < chunks->begun || chunks->company < chunks->company_count))
        pthread_cond_wait(&chunks->changed, &chunks->lock);
    if (chunks->err != 0) {
        err = chunks->err;
        buf_add_str(ret_problem, buf_str(&chunks->problem));
    } else if (!slot->filled) {
        err = 1;
    } else {
        chunks->taken++;
        chunks->holding = true;
        *ret_users = &slot->users;
    }
    pthread_mutex_unlock(&chunks->lock);
    return err;
}

void chunks_stop(struct chunks *chunks)
{
    if (chunks == NULL)
        return;
    pthread_mutex_lock(&chunks->lock);
    chunks->stop = true;
    pthread_cond_broadcast(&chunks->changed);
    pthread_mutex_unlock(&chunks->lock);
    for (int i = 0; i < THREADS; i++)
        pthread_join(chunks->threads[i], NULL);
    for (int i = 0; i < SLOTS; i++)
        snapshot_users_release(&chunks->slots[i].users);
    buf_release(&chunks->problem);
    pthread_cond_destroy(&chunks->changed);
    pthread_mutex_destroy(&chunks->lock);
    free(chunks);
}
