/*
 * The words of ranking. Code in rank/ knows items, tags and weights, so that courses or films could
 * be ranked by it as well. For this project its words mean:
 *
 *   rank/    the domain
 *   item     event
 *   kind     sport
 *   series   league: belongs to its kind, two kinds' series of one name are two
 *   region   country: one tag across all kinds
 *   member   participant: belongs to its kind, like a series
 *   choice   a selection whose event is known; its time is the coupon's
 *   group    all events of one (sport, league, country)
 */
#ifndef TIPSTER_RANK_TAG_H
#define TIPSTER_RANK_TAG_H

#include "base/str.h"

#include <stddef.h>

/* In the order in which equal parts of a score are listed. */
enum rank_tag_class {
    RANK_KIND,
    RANK_SERIES,
    RANK_REGION,
    RANK_MEMBER,
    RANK_TAG_CLASSES, /* how many there are */
};

/* The tags of one item. A member that stands here twice counts once. Slices are borrowed. */
struct rank_tags {
    struct str kind;
    struct str series;
    struct str region;
    const struct str *members;
    size_t member_count;
};

#endif
