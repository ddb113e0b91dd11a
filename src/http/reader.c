/* A thread's reader; see reader.h. */
#include "http/reader.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread_end.h"

#include <stdlib.h>

enum { DAY_MS = 24 * 3600 * 1000 };

static void reader_free(void *arg)
{
    struct reader *reader = arg;
    topn_free(reader->topn);
    affinity_free(reader->affinity);
    arena_release(&reader->arena);
    arena_release(&reader->page);
    free(reader);
}

void reader_ranking(const struct config *config, struct rank_weights *ret_weights,
                    int64_t *ret_half_life_ms)
{
    int64_t weights[4] = {0};
    if (!config_rank_weights(config->rank_weights, weights))
        abort(); /* checked when the configuration was read */
    *ret_weights = (struct rank_weights){
        .kind = weights[0], .series = weights[1], .region = weights[2], .member = weights[3]};
    *ret_half_life_ms = config->half_life_days * DAY_MS;
}

static struct reader *reader_new(const struct config *config)
{
    struct reader *reader = xcalloc(1, sizeof(*reader));
    reader_ranking(config, &reader->weights, &reader->half_life_ms);
    reader->affinity = affinity_new();
    reader->topn = topn_new(true, READER_CHUNK_MAX);
    return reader;
}

static struct reader *reader_of_thread(const struct config *config)
{
    static _Thread_local struct reader *reader;
    if (reader == NULL) {
        reader = reader_new(config);
        thread_end_call(reader_free, reader);
    }
    return reader;
}

static void reader_clear(struct reader *reader)
{
    topn_clear(reader->topn);
    affinity_clear(reader->affinity);
    arena_clear(&reader->arena);
    arena_clear(&reader->page);
    reader->choice_count = 0;
}

int reader_run(struct backend *backend, reader_query query, void *work)
{
    const struct config *config = backend_config(backend);
    struct reader *reader = reader_of_thread(config);
    int64_t repeat_until_ms = clock_monotonic_ms() + config->database_timeout_ms / 2;
    reader->deadline_ms = clock_monotonic_ms() + config->request_deadline_ms;
    int err;
    for (int attempt = 0;; attempt++) {
        err = backend_db(backend, &reader->db);
        if (err != 0)
            return err;
        reader_clear(reader);
        err = query(reader, work);
        bool repeat = err == TIP_EUNAVAIL || err == TIP_ERETRY;
        if (!repeat || attempt > 0 || clock_monotonic_ms() > repeat_until_ms)
            break;
    }
    if (err == TIP_EFATAL || err == TIP_ETIMEOUT)
        log_warn("database", "a read failed: %s: %s", tip_err_text(err), db_error(reader->db));
    return err;
}

int reader_in_time(const struct reader *reader)
{
    return clock_monotonic_ms() < reader->deadline_ms ? 0 : TIP_ETIMEOUT;
}
