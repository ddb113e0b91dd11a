/* Progress on stderr; see progress.h. */
#include "cli/progress.h"

#include "base/clock.h"
#include "cli/terminal.h"

#include <inttypes.h>

enum { BAR_WIDTH = 30, REDRAW_MS = 100, LINE_MS = 5000 };

void progress_begin(struct progress *progress, FILE *out, const char *label, uint64_t total)
{
    bool terminal = terminal_is(out);
    int64_t now_ms = clock_monotonic_ms();
    *progress = (struct progress){.out = out,
                                  .label = label,
                                  .total = total,
                                  .terminal = terminal,
                                  .started_ms = now_ms,
                                  .next_ms = now_ms + (terminal ? REDRAW_MS : LINE_MS)};
}

static void print_bar(const struct progress *progress, uint64_t done)
{
    uint64_t shown = done < progress->total ? done : progress->total;
    unsigned filled = (unsigned)(shown * BAR_WIDTH / progress->total);
    fputs(" [", progress->out);
    for (unsigned i = 0; i < BAR_WIDTH; i++)
        fputc(i < filled ? '#' : '.', progress->out);
    fputc(']', progress->out);
}

static void print_state(const struct progress *progress, uint64_t done, int64_t now_ms)
{
    int64_t spent_ms = now_ms - progress->started_ms;
    uint64_t rate = spent_ms > 0 ? done * 1000 / (uint64_t)spent_ms : 0;
    fprintf(progress->out, " %" PRIu64, done);
    if (progress->total > 0)
        fprintf(progress->out, "/%" PRIu64 " (%" PRIu64 "%%)", progress->total,
                done * 100 / progress->total);
    fprintf(progress->out, ", %" PRIu64 "/s", rate);
    if (progress->total > done && rate > 0) {
        uint64_t left_s = (progress->total - done + rate - 1) / rate;
        fprintf(progress->out, ", %" PRIu64 ":%02" PRIu64 " left", left_s / 60, left_s % 60);
    }
}

void progress_show(struct progress *progress, uint64_t done)
{
    int64_t now_ms = clock_monotonic_ms();
    if (now_ms < progress->next_ms)
        return;
    progress->next_ms = now_ms + (progress->terminal ? REDRAW_MS : LINE_MS);
    if (progress->terminal)
        fputs("\r\x1b[K", progress->out);
    fprintf(progress->out, "%s:", progress->label);
    if (progress->terminal && progress->total > 0)
        print_bar(progress, done);
    print_state(progress, done, now_ms);
    if (!progress->terminal)
        fputc('\n', progress->out);
    fflush(progress->out);
    progress->drawn = progress->terminal;
}

void progress_end(struct progress *progress)
{
    if (!progress->drawn)
        return;
    fputs("\r\x1b[K", progress->out);
    fflush(progress->out);
    progress->drawn = false;
}
