/*
 * What the index process says of itself: a log line every ten seconds, and its metrics as
 * Prometheus text in VIEW_DIR/metrics, replaced every two seconds, for serve to show.
 */
#ifndef TIPSTER_VIEW_INDEX_REPORT_H
#define TIPSTER_VIEW_INDEX_REPORT_H

#include "view/life.h"

struct index_report;

struct index_report *index_report_new(const struct config *config);
void index_report_free(struct index_report *report);

/* To be called often; live and building may be NULL. */
void index_report_tick(struct index_report *report, struct life *live, struct life *building);

#endif
