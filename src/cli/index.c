/* `tipster index`: waits for its servers, keeps this node's view, and runs until a signal. */
#include "view/index.h"

#include "base/err.h"
#include "base/log.h"
#include "cli/progress.h"
#include "cli/verbs.h"

#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "Usage: tipster index [--rebuild] [--shard I/N]\n\n"
    "Keeps this node's view in VIEW_DIR current until SIGTERM or SIGINT: what recommendations are "
    "answered\nfrom. A view that is missing, damaged, of another layout, of another run of the "
    "machine or of other\ntopics is built anew from the database and then follows Kafka; the one "
    "before it serves on meanwhile\nwhen it is good. A view can be deleted at any time. One "
    "process per VIEW_DIR.\n\n"
    "  --rebuild    build a new view even though the one there is good (SIGHUP does the same)\n"
    "  --shard I/N  hold the users of shard I of N only, 0 to N-1 (INDEX_SHARD)\n\n"
    "Exit code: 0 stopped by a signal, 1 stopped by an error (logged), 2 wrong use, 3 another "
    "process keeps\nthis VIEW_DIR.\n\n"
    "Example:\n  VIEW_DIR=/var/lib/tipster/view tipster index\n";

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

static int usage(FILE *out)
{
    fputs(help, out);
    return out == stdout ? EXIT_DONE : EXIT_USAGE;
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
    if (!parse_shard(shard, &options.shard, &options.shards)) {
        fprintf(stderr, "tipster index: the shard must be I/N with I from 0 to N-1, not: %s\n",
                shard);
        return EXIT_USAGE;
    }
    if (*config->view_dir == '\0') {
        fputs("tipster index: VIEW_DIR is not set: the folder for this node's view\n", stderr);
        return EXIT_USAGE;
    }
    handle_signals();
    int err = index_run(config, &options, &stop, &rebuild);
    return err == 0 ? EXIT_DONE : err == TIP_EFENCED ? EXIT_TAKEN : EXIT_FAILED;
}

int verb_index(int argc, char **argv, const struct config *config)
{
    static const struct option options[] = {{"rebuild", no_argument, NULL, 'r'},
                                            {"shard", required_argument, NULL, 's'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char *shard = config->index_shard;
    bool rebuild_at_once = false;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 'h')
            return usage(stdout);
        else if (option == 'r')
            rebuild_at_once = true;
        else if (option == 's')
            shard = optarg;
        else
            return usage(stderr);
    }
    return optind < argc ? usage(stderr) : start(config, shard, rebuild_at_once);
}
