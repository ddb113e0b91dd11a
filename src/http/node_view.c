/* The node's view in a worker; see node_view.h. */
#include "http/node_view.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "http/distrust.h"
#include "http/loop.h"
#include "http/metrics.h"
#include "http/reader.h"
#include "view/home.h"
#include "view/writer.h"

#include <stdio.h>

enum {
    LOOK_EVERY_MS = 100,
    CLEAR_STALE_EVERY_MS = 10000,
    DISTRUST_MS = 60000, /* then it is tried again: index may have mended it */
    INDEX_METRICS_MAX = 64 * 1024,
};

static const char *const texts[NODE_VIEW_USES] = {
    [NODE_VIEW_SERVES] = "it is read",
#define STATE(id, word, text)  [NODE_VIEW_##id] = text,
#define REASON(id, word, text) [NODE_VIEW_##id] = text,
#include "http/view_reasons.def"
#undef STATE
#undef REASON
};

static const enum metric state_metrics[] = {
    METRIC_VIEW_SERVES,
#define STATE(id, word, text) METRIC_VIEW_##id,
#define REASON(id, word, text)
#include "http/view_reasons.def"
#undef STATE
#undef REASON
};

static const struct config *config;
static struct rank_weights weights;
static int64_t half_life_ms;
static bool is_talking;
static char boot_id[VIEW_BOOT_ID_SIZE];
static struct view_reader *reader; /* NULL: none is open */
static struct view_identity opened;
static int64_t clear_stale_at_ms;                /* monotonic */
static enum node_view_use state = NODE_VIEW_OFF; /* as seen last; other threads look at both */
static int64_t behind_ms = -1;

const char *node_view_text(enum node_view_use use)
{
    return texts[use];
}

enum node_view_use node_view_seen(void)
{
    return __atomic_load_n(&state, __ATOMIC_RELAXED);
}

int64_t node_view_behind_ms(void)
{
    return __atomic_load_n(&behind_ms, __ATOMIC_RELAXED);
}

static void note(enum node_view_use seen, int64_t age_ms)
{
    enum node_view_use before = state;
    for (size_t i = 0; i < sizeof(state_metrics) / sizeof(state_metrics[0]); i++)
        metrics_set(state_metrics[i], i == (size_t)seen);
    metrics_set(METRIC_VIEW_AGE, age_ms);
    __atomic_store_n(&behind_ms, age_ms, __ATOMIC_RELAXED);
    __atomic_store_n(&state, seen, __ATOMIC_RELAXED);
    if (seen == before || !is_talking)
        return;
    if (seen == NODE_VIEW_SERVES)
        log_info("view", "reads are answered from the view");
    else if (before == NODE_VIEW_SERVES)
        log_warn("view", "reads are answered from SQL: the view: %s", texts[seen]);
}

/* An error of the reader as the state that it stands for. */
static enum node_view_use state_of(int err)
{
    switch (err) {
    case 0:
        return NODE_VIEW_SERVES;
    case TIP_ENOTFOUND:
        return NODE_VIEW_ABSENT;
    case TIP_EUNAVAIL:
        return NODE_VIEW_REPLACED;
    case TIP_EFATAL:
        return NODE_VIEW_DAMAGED;
    default:
        return NODE_VIEW_UNREADABLE;
    }
}

void node_view_end(void)
{
    view_reader_end(reader);
    distrust_reading(NULL);
}

/* Begins a read; ret_age_ms: how old what it sees may be, -1: not known. */
static enum node_view_use begin(int64_t *ret_age_ms)
{
    const struct view_meta *meta;
    *ret_age_ms = -1;
    if (reader == NULL)
        return state == NODE_VIEW_SERVES ? NODE_VIEW_ABSENT : state;
    distrust_reading(&opened);
    int err = view_reader_begin(reader, &meta);
    if (err != 0) {
        distrust_reading(NULL);
        return state_of(err);
    }
    int64_t age_ms = clock_realtime_ms() - meta->heartbeat_ms;
    *ret_age_ms = age_ms > 0 ? age_ms : 0;
    if (age_ms <= config->view_behind_ms)
        return NODE_VIEW_SERVES;
    node_view_end();
    return NODE_VIEW_BEHIND;
}

enum node_view_use node_view_begin(struct view_reader **ret_reader)
{
    int64_t age_ms;
    enum node_view_use use = begin(&age_ms);
    if (use == NODE_VIEW_SERVES)
        *ret_reader = reader;
    return use;
}

void node_view_close(void)
{
    view_reader_close(reader);
    reader = NULL;
}

void node_view_distrust(int err)
{
    log_error("view",
              "the view in %s: %s; not read for a while. SIGHUP lets tipster index build another",
              config->view_dir, tip_err_text(err));
    distrust_until(&opened, clock_monotonic_ms() + DISTRUST_MS);
    node_view_close();
    note(NODE_VIEW_DAMAGED, -1);
}

/* A machine that stopped may have left anything in the file: index makes another one. */
static bool is_of_this_run(void)
{
    const struct view_meta *meta;
    if (view_reader_begin(reader, &meta) != 0)
        return true; /* each request finds that out */
    bool is_same_run = strncmp(meta->boot_id, boot_id, sizeof(boot_id)) == 0;
    view_reader_end(reader);
    return is_same_run;
}

/* Holds what `current` names now: the same as before, another one, or none. */
static enum node_view_use hold(int64_t now_ms)
{
    AUTO_BUF path = {0};
    struct view_identity identity;
    int err = view_home_current(config->view_dir, &path);
    if (err == 0)
        err = view_home_identify(buf_cstr(&path), &identity);
    bool is_bad = err == 0 && is_distrusted(&identity, now_ms);
    if (err != 0 || is_bad || (reader != NULL && !view_identity_equal(&identity, &opened)))
        node_view_close();
    if (err != 0)
        return NODE_VIEW_ABSENT;
    if (is_bad)
        return NODE_VIEW_DAMAGED;
    if (reader != NULL)
        return NODE_VIEW_SERVES;
    opened = identity;
    distrust_reading(&opened);
    err = view_reader_open(buf_cstr(&path), &weights, half_life_ms, &reader);
    bool is_of_now = err == 0 && is_of_this_run();
    distrust_reading(NULL);
    if (err != 0) {
        if (state != NODE_VIEW_UNREADABLE && err != TIP_ENOTFOUND)
            log_error("view", "%s cannot be opened: %s", buf_cstr(&path), tip_err_text(err));
        return err == TIP_ENOTFOUND ? NODE_VIEW_ABSENT : NODE_VIEW_UNREADABLE;
    }
    if (!is_of_now) {
        node_view_close();
        return NODE_VIEW_LEFT_OVER;
    }
    view_reader_linger(reader); /* look() makes it rest */
    clear_stale_at_ms = now_ms;
    return NODE_VIEW_SERVES;
}

static void look(void *arg)
{
    (void)arg;
    int64_t now_ms = clock_monotonic_ms(), age_ms = -1;
    enum node_view_use seen = hold(now_ms);
    if (seen == NODE_VIEW_SERVES)
        seen = begin(&age_ms);
    if (seen == NODE_VIEW_SERVES)
        node_view_end();
    if (reader != NULL)
        view_reader_rest(reader);
    if (reader != NULL && now_ms >= clear_stale_at_ms) {
        view_reader_clear_stale(reader);
        clear_stale_at_ms = now_ms + CLEAR_STALE_EVERY_MS;
    }
    note(seen, age_ms);
    loop_once(look, NULL, LOOK_EVERY_MS);
}

void node_view_configure(const struct config *settings)
{
    if (*settings->view_boot_id != '\0')
        snprintf(boot_id, sizeof(boot_id), "%s", settings->view_boot_id);
    else
        view_boot_id(boot_id);
    distrust_configure((int)settings->workers);
}

void node_view_setup(const struct config *settings, int worker_number, bool talks)
{
    config = settings;
    distrust_setup(worker_number);
    is_talking = talks;
    reader_ranking(config, &weights, &half_life_ms);
    if (*config->view_dir != '\0')
        look(NULL);
    else
        note(NODE_VIEW_OFF, -1);
}

void node_view_render(struct buf *out)
{
    if (state == NODE_VIEW_OFF)
        return;
    AUTO_BUF path = {0};
    buf_addf(&path, "%s/metrics", config->view_dir);
    FILE *file = fopen(buf_cstr(&path), "re");
    if (file == NULL)
        return;
    char *text = buf_reserve(out, INDEX_METRICS_MAX);
    out->len += fread(text, 1, INDEX_METRICS_MAX, file);
    fclose(file);
}
