/* `tipster index`: waits for its servers, keeps this node's view, and runs until a signal. */
#include "view/index.h"

#include "base/err.h"
#include "base/log.h"
#include "cli/progress.h"
#include "cli/verbs.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_TAKEN = 3, SHARDS_MAX = 4096 };

static volatile bool stop, rebuild;

static void on_signal(int number)
{
    if (number == SIGHUP)
        rebuild = true;
    else
        stop = true;
}

static void handle_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
}

/* "" or "I/N" with I below N. */
static bool parse_shard(const char *text, uint32_t *ret_shard, uint32_t *ret_shards)
{
    char *slash, *end;
    *ret_shard = *ret_shards = 0;
    if (*text == '\0')
        return true;
    unsigned long shard = strtoul(text, &slash, 10);
    if (*slash != '/' || slash == text || slash[1] < '0' || slash[1] > '9')
        return false;
    unsigned long shards = strtoul(slash + 1, &end, 10);
    if (*end != '\0' || shards < 1 || shards > SHARDS_MAX || shard >= shards)
        return false;
    *ret_shard = (uint32_t)shard;
    *ret_shards = (uint32_t)shards;
    return true;
}

struct display {
    struct progress progress;
    bool begun;
};

static void show_progress(void *ctx, const char *what, uint64_t done, uint64_t total)
{
    struct display *display = ctx;
    if (!display->begun)
        progress_begin(&display->progress, stderr, what, total);
    display->begun = true;
    display->progress.total = total;
    progress_show(&display->progress, done);
}

static void end_progress(void *ctx)
{
    struct display *display = ctx;
    if (display->begun)
        progress_end(&display->progress);
    display->begun = false;
}

static int start(const struct config *config, const char *shard, bool rebuild_at_once)
{
    struct display display = {0};
    struct index_options options = {.rebuild = rebuild_at_once,
                                    .display = {&display, show_progress, end_progress}};
    if (!parse_shard(shard, &options.shard, &options.shards))
        return command_wrong(&command_index, "the shard must be I/N with I from 0 to N-1, not: %s",
                             shard);
    if (*config->view_dir == '\0')
        return command_wrong(&command_index,
                             "VIEW_DIR is not set: the folder for this node's view");
    handle_signals();
    int err = index_run(config, &options, &stop, &rebuild);
    return err == 0 ? EXIT_DONE : err == TIP_EFENCED ? EXIT_TAKEN : EXIT_FAILED;
}

static int run(struct command_line *line, const struct config *config)
{
    const char *shard = config->index_shard, *value;
    bool rebuild_at_once = false;
    for (int option; (option = command_next(line, &value)) != COMMAND_END;) {
        if (option == 'r')
            rebuild_at_once = true;
        else if (option == 's')
            shard = value;
        else
            return EXIT_USAGE;
    }
    return start(config, shard, rebuild_at_once);
}

static const struct command_option options[] = {
    {'r', "rebuild", NULL,
     "build a new view even though the one there is good (SIGHUP does the same)"},
    {'s', "shard", "I/N", "hold the users of shard I of N only, 0 to N-1 (INDEX_SHARD)"},
    {0},
};

static const struct command_exit exits[] = {
    {EXIT_DONE, "stopped by a signal"},
    {EXIT_FAILED, "stopped by an error (logged)"},
    {EXIT_USAGE, "wrong use or a wrong setting"},
    {EXIT_TAKEN, "another process keeps this VIEW_DIR"},
    {0, NULL},
};

const struct command command_index = {
    .name = "index",
    .summary = "Keep this node's view: what recommendations are answered from.",
    .description =
        "Keeps this node's view in VIEW_DIR current until SIGTERM or SIGINT: what recommendations "
        "are answered from. A view that is missing, damaged, of another layout, of another run of "
        "the machine or of other topics is built anew from the database and then follows Kafka; "
        "the one before it serves on meanwhile when it is good. A view can be deleted at any "
        "time. One process per VIEW_DIR.",
    .options = options,
    .exits = exits,
    .examples = "VIEW_DIR=/var/lib/tipster/view tipster index",
    .with_database = true,
    .run = run,
};
