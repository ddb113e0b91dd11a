/* The index process; see index.h. */
#include "view/index.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "view/damage.h"
#include "view/home.h"
#include "view/index_report.h"
#include "view/life.h"
#include "view/sentinel.h"

#include <time.h>

enum { TICK_MS = 20, RETRY_FIRST_MS = 1000, RETRY_MAX_MS = 30000, FIRST_WORD_MS = 4000 };

struct index {
    const struct config *config;
    const struct index_options *options;
    struct view_home *home;
    struct sentinel *sentinel;
    struct index_report *report;
    struct life *live;     /* the current view; NULL: none that is good */
    struct life *building; /* the one that will take its place */
    int64_t building_since_ms;
    bool wanted; /* a new view */
    int64_t try_at_ms, retry_ms;
};

static void start_life(struct index *index, const char *path, bool is_new)
{
    const struct life_options options = {.config = index->config,
                                         .shard = index->options->shard,
                                         .shards = index->options->shards,
                                         .path = path,
                                         .is_new = is_new};
    struct life *life = life_start(&options);
    *(is_new ? &index->building : &index->live) = life;
}

/* Nobody is to read the current view any more, and a new one is wanted. why: one line. */
static void give_up_current(struct index *index, const char *path, const char *why)
{
    log_warn("index", "%s: %s; building a new view", path, why);
    view_home_withdraw(index->home);
    index->wanted = true;
    index->try_at_ms = 0;
}

static void end_live(struct index *index, const char *why)
{
    AUTO_BUF problem = {0}, path = {0};
    buf_add_text(&path, life_path(index->live));
    int err = life_end(index->live, why != NULL, &problem);
    index->live = NULL;
    give_up_current(index, buf_cstr(&path), err != 0 ? buf_cstr(&problem) : why);
}

static void check_live(struct index *index)
{
    struct topic_identity identity[RECORD_KINDS];
    if (index->live == NULL)
        return;
    if (life_status(index->live).phase == LIFE_ENDED)
        end_live(index, NULL);
    else if (sentinel_read(index->sentinel, identity) == 0 && !life_is_of(index->live, identity))
        end_live(index, "the topics were made anew");
}

static void start_building(struct index *index)
{
    AUTO_BUF path = {0}, problem = {0};
    int64_t now_ms = clock_monotonic_ms();
    if (!index->wanted || index->building != NULL || now_ms < index->try_at_ms)
        return;
    if (view_home_add(index->home, &path, &problem) != 0) {
        log_error("index", "%s", buf_cstr(&problem));
        index->try_at_ms = now_ms + RETRY_MAX_MS;
        return;
    }
    log_info("index", "building %s from the database", buf_cstr(&path));
    index->wanted = false;
    index->building_since_ms = now_ms;
    start_life(index, buf_cstr(&path), true);
}

static void drop_building(struct index *index)
{
    AUTO_BUF problem = {0}, path = {0};
    buf_add_text(&path, life_path(index->building));
    int err = life_end(index->building, false, &problem);
    index->building = NULL;
    view_home_remove(buf_cstr(&path));
    if (err == TIP_ETIMEOUT)
        return; /* we are stopping */
    log_warn("index", "%s: %s; trying again in %lld s", buf_cstr(&path), buf_cstr(&problem),
             (long long)index->retry_ms / 1000);
    index->wanted = true;
    index->try_at_ms = clock_monotonic_ms() + index->retry_ms;
    index->retry_ms = index->retry_ms * 2 < RETRY_MAX_MS ? index->retry_ms * 2 : RETRY_MAX_MS;
}

/* The new view takes the place of the one before it, which readers may still have open. */
static void publish(struct index *index, const struct life_status *status)
{
    AUTO_BUF problem = {0}, path = {0}, ignored = {0};
    if (view_home_publish(index->home, life_path(index->building), &problem) != 0) {
        log_error("index", "%s", buf_cstr(&problem));
        drop_building(index);
        return;
    }
    int64_t took_ms = clock_monotonic_ms() - index->building_since_ms;
    log_info("index", "%s serves: %llu events, %llu users, %llu coupons in %.2f s, %llu MB",
             life_path(index->building), (unsigned long long)status->events,
             (unsigned long long)status->users, (unsigned long long)status->coupons,
             (double)took_ms / 1000.0, (unsigned long long)status->size.used_bytes >> 20);
    if (index->live != NULL) {
        buf_add_text(&path, life_path(index->live));
        (void)life_end(index->live, true, &ignored);
        view_home_remove(buf_cstr(&path));
    }
    index->live = index->building;
    index->building = NULL;
    index->retry_ms = RETRY_FIRST_MS;
}

static void show(const struct index *index, const struct life_status *status)
{
    const struct index_display *display = &index->options->display;
    if (status->phase == LIFE_LOADING)
        display->progress(display->ctx, "coupons", status->coupons,
                          status->coupons_total > status->coupons ? status->coupons_total : 0);
    else
        display->end(display->ctx);
}

static void check_building(struct index *index)
{
    if (index->building == NULL)
        return;
    struct life_status status = life_status(index->building);
    show(index, &status);
    if (status.phase == LIFE_SERVING)
        publish(index, &status);
    else if (status.phase == LIFE_ENDED)
        drop_building(index);
}

/* Whether the file of the view that is there is whole. False: told to stop, or given up. */
static bool is_whole(struct index *index, const char *path, volatile bool *stop)
{
    AUTO_BUF problem = {0};
    uint64_t records = 0;
    int64_t began_ms = clock_monotonic_ms();
    int err = view_damage_check(path, stop, &records, &problem);
    if (err == 0)
        log_info("index", "%s is whole: %llu records, checked in %.1f s", path,
                 (unsigned long long)records, (double)(clock_monotonic_ms() - began_ms) / 1000.0);
    else if (err != TIP_ETIMEOUT)
        give_up_current(index, path, buf_cstr(&problem));
    return err == 0;
}

/* Asks Kafka, for a moment, which topics there are, so that none of another one is applied. */
static void await_first_word(struct index *index, volatile bool *stop)
{
    struct topic_identity identity[RECORD_KINDS];
    int64_t until_ms = clock_monotonic_ms() + FIRST_WORD_MS;
    while (!*stop && sentinel_read(index->sentinel, identity) == 1 &&
           clock_monotonic_ms() < until_ms)
        nanosleep(&(struct timespec){.tv_nsec = TICK_MS * 1000 * 1000}, NULL);
}

/*
 * Goes on with the view that is there, if it is whole. While Kafka cannot be reached it is as
 * current as anything can be.
 */
static void resume(struct index *index, volatile bool *stop)
{
    AUTO_BUF path = {0};
    if (view_home_current(index->config->view_dir, &path) != 0) {
        index->wanted = true;
    } else if (is_whole(index, buf_cstr(&path), stop)) {
        await_first_word(index, stop);
        start_life(index, buf_cstr(&path), false);
    }
}

static void run(struct index *index, volatile bool *stop, volatile bool *rebuild)
{
    index->wanted |= index->options->rebuild;
    while (!*stop) {
        if (*rebuild) {
            *rebuild = false;
            index->wanted = true;
        }
        check_live(index);
        start_building(index);
        check_building(index);
        index_report_tick(index->report, index->live, index->building);
        nanosleep(&(struct timespec){.tv_nsec = TICK_MS * 1000 * 1000}, NULL);
    }
}

static void end(struct index *index)
{
    AUTO_BUF problem = {0};
    index->options->display.end(index->options->display.ctx);
    if (index->building != NULL)
        drop_building(index);
    if (index->live != NULL && life_end(index->live, false, &problem) != 0)
        log_warn("index", "%s", buf_cstr(&problem));
    sentinel_stop(index->sentinel);
    index_report_free(index->report);
    view_home_close(index->home);
}

int index_run(const struct config *config, const struct index_options *options, volatile bool *stop,
              volatile bool *rebuild)
{
    struct index index = {.config = config, .options = options, .retry_ms = RETRY_FIRST_MS};
    AUTO_BUF problem = {0};
    int err = view_home_open(config->view_dir, &index.home, &problem);
    if (err != 0) {
        log_error("index", "%s", buf_cstr(&problem));
        return err;
    }
    index.sentinel = sentinel_start(config);
    index.report = index_report_new(config);
    resume(&index, stop);
    run(&index, stop, rebuild);
    end(&index);
    return 0;
}
