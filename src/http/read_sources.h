/*
 * Where rank/'s topn gets events from when they stand in the database: the ordered ranges of groups
 * and of participants. A pull is a round trip; participants that will be read next are fetched
 * along with the one that is asked for, since a user has many of them and each has few events.
 */
#ifndef TIPSTER_HTTP_READ_SOURCES_H
#define TIPSTER_HTTP_READ_SOURCES_H

#include "http/reader.h"
#include "store/read_popular.h"

/* A group, or with a participant: all events of the group's sport that have the participant. */
struct source {
    struct event_group group;
    struct str participant; /* data NULL: a group */
    bool unlisted;          /* stands for all groups of the sport, not read from the database yet */
    bool fetched;           /* rows holds all there is in the range */
    const struct event_row *rows;
    size_t row_count;
};

/* rank_source.ref of ranks is an index into sources; both have room for `capacity`. */
struct sources {
    struct reader *reader;
    struct str company;
    struct event_range range;
    const struct event_filter *leagues, *countries; /* for participants; groups are chosen before */
    struct source *sources;
    struct rank_source *ranks;
    size_t count, rank_count, capacity;
    size_t fetch_along;  /* how many participants the next fetch takes */
    bool listing_wanted; /* set by sources_run: it failed because it came to an unlisted source */
};

/* Appends a source; its rank_source has ref and what rank says. */
void sources_add(struct sources *sources, const struct source *source, struct rank_source rank);

/* Takes out the unlisted ones; their sports go to ret_sports. Returns how many. */
size_t sources_drop_unlisted(struct sources *sources, struct str *ret_sports);

/*
 * The first n events of the sources as topn_run ranks them. TIP_ENOTFOUND with listing_wanted set:
 * to be called again with the groups in place of the unlisted sources.
 */
int sources_run(struct sources *sources, size_t n, const struct rank_result **ret_results,
                size_t *ret_count);

#endif
