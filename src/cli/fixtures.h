/*
 * Football season files (Date, HomeTeam, AwayTeam) as events. League and country come from the
 * file's name (data/football/README.md); the kick-off time, which the files lack, from the day of
 * the week and the teams; the id from league, season and teams, so that importing again changes
 * nothing.
 */
#ifndef TIPSTER_CLI_FIXTURES_H
#define TIPSTER_CLI_FIXTURES_H

#include "cli/line_input.h"
#include "cli/load_report.h"

struct fixtures;

/* What the file's name does not say; NULL members are not given. */
struct fixtures_defaults {
    const char *sport, *league, *country;
};

struct fixtures *fixtures_new(const struct fixtures_defaults *defaults);
void fixtures_free(struct fixtures *fixtures);

/*
 * Reads a whole file; bad lines go to the report. TIP_EINVAL: its name says no league;
 * TIP_EIO: reading failed (errno).
 */
int fixtures_read(struct fixtures *fixtures, struct line_input *input, struct load_report *report);
/*
 * Moves all by the same number of whole weeks, so that the middle of the last season comes as near
 * to that moment as weeks allow. Days of the week stay.
 */
void fixtures_shift_to(struct fixtures *fixtures, int64_t moment_ms);

size_t fixtures_count(const struct fixtures *fixtures);
/* Appends one as an event of /v1; ret_origin: where it stood. */
void fixtures_json(const struct fixtures *fixtures, size_t index, struct buf *out,
                   struct origin *ret_origin);

#endif
