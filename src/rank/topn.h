/*
 * The exact best n items by (numerator descending, begin ascending, id ascending), without looking
 * at every item. The caller lists sources, and hands over their items in chunks when asked; sources
 * that cannot reach the n-th best any more are never asked.
 *
 * - A group source: items that all have the numerator `base`, e.g. one (kind, series, region).
 * - A member source: the items of one (kind, member), of any group. Each item brings its group's
 *   base; its numerator is that + `extra`.
 * Both give their items in the order of (begin, id). Filters are the caller's: it leaves out
 * sources and items. Excluded ids may come; they are skipped here.
 *
 * What the caller must list for the answer to be exact:
 * - for each kind that is allowed, sources that together hold all its candidates;
 * - every member of these kinds with W(member) > 0.
 * A group source may be wider than one group (all of a kind, say, with base a·W(kind)), if each
 * narrower group in it with a greater base is listed as well: the narrower ones are read first, and
 * what they gave is skipped when it comes again.
 *
 * Why the first sight of an item is its best: sources go by their upper bound, a member's being the
 * greatest base of its kind + extra. So a kind's members go by extra descending, all before its
 * groups (a member of extra 0 adds nothing to what the groups give and is not read at all). Groups
 * are read in order and left at the first item that does not get in; members are read whole unless
 * even the bound would not get in.
 */
#ifndef TIPSTER_RANK_TOPN_H
#define TIPSTER_RANK_TOPN_H

#include "base/str.h"
#include "rank/id_set.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RANK_N_MAX     10000
#define RANK_CHUNK_MAX 1000 /* the largest chunk_max */
#define RANK_KINDS_MAX 1024 /* numbers of kinds are below this */

enum rank_source_type { RANK_SOURCE_MEMBER, RANK_SOURCE_GROUP };

struct rank_source {
    enum rank_source_type type;
    uint32_t kind;        /* the kind's number, as affinity_kind gives it */
    int64_t base;         /* group: the numerator of its items (score_base) */
    int64_t extra;        /* member: what it adds (score_member), >= 0 */
    size_t excluded_hint; /* group: how many excluded ids its list may hold, a guess */
    uint64_t ref;         /* the caller's own */
    int64_t bound;        /* set by topn_run: no item of it scores more; -1: never read */
};

struct rank_key {
    int64_t begin_ms;
    struct str id;
};

struct rank_item {
    struct rank_key key;
    int64_t base; /* from a member source: the base of the item's group (score_base) */
    uint64_t ref; /* the caller's own; comes back in the result */
};

struct rank_result {
    int64_t numerator;
    struct rank_key key;
    uint64_t ref;
    int64_t base;  /* numerator - base: what the item's best member added */
    uint32_t kind; /* of the source that it came from */
};

/*
 * Gives the items of a source that come after `after` (NULL: from its beginning) in the order of
 * (begin, id), at most limit of them (1 to chunk_max), into ret_items. Fewer than limit, or a
 * positive return value: the source has no more. A negative return value ends topn_run with it.
 * The bytes of the ids must stay valid until the next pull, with borrow_ids until topn_clear.
 *
 * source points into the array given to topn_run, which then is in the order of reading: where a
 * fetch is a round trip, the ones behind it can be fetched along and served from memory later.
 */
typedef int (*rank_pull)(void *ctx, const struct rank_source *source, const struct rank_key *after,
                         size_t limit, struct rank_item *ret_items, size_t *ret_count);

/* What the last run took: to measure, and for tests. */
struct topn_stats {
    size_t pulls;
    size_t items;
    size_t sources; /* read from at least once */
};

/* Scratch memory for one thread: grows to what the largest request needs, used again and again. */
struct topn;

/* borrow_ids: ids (excluded and pulled) are not copied, they stay valid until topn_clear; else they
 * are at most RANK_ID_MAX_BYTES long. chunk_max: items per pull at most, 1 to RANK_CHUNK_MAX. */
struct topn *topn_new(bool borrow_ids, size_t chunk_max);
/* NULL is allowed. */
void topn_free(struct topn *topn);
/* Forgets exclusions and results, keeps the memory. To be called between two runs. */
void topn_clear(struct topn *topn);

/* An id that is not to be listed; before topn_run. Twice is once. */
void topn_exclude(struct topn *topn, struct str id);

/*
 * The best n (0 to RANK_N_MAX, else TIP_EINVAL) of the sources; sorts the sources and sets their
 * bounds. *ret_results: *ret_count <= n results, best first, until topn_clear. On failure (of pull,
 * or TIP_EFATAL: a source out of order) nothing is returned; topn_clear then makes it usable again.
 *
 * After a failure of pull it may also be called again without topn_clear, with the same n: it goes
 * on from what it found. Sources that were read may be listed again, groups may be others. So a
 * caller to whom listing a kind's groups is dear can first list one source in their place, its base
 * at least the greatest of theirs, and let pull fail when that one is asked for: members that are
 * read before it may be all that is needed.
 */
int topn_run(struct topn *topn, struct rank_source *sources, size_t source_count, size_t n,
             rank_pull pull, void *ctx, const struct rank_result **ret_results, size_t *ret_count);

/*
 * For a caller that has its items at hand and reads its own sources: instead of topn_run. Nothing
 * is excluded and an item must not be put twice: that is the caller's. n as there. What counts is
 * the same order: numerator descending, begin, id.
 */
int topn_begin(struct topn *topn, size_t n);
/* Whether any item with this numerator might get in. */
bool topn_wants(const struct topn *topn, int64_t numerator);
/* Whether this one does. */
bool topn_admits(const struct topn *topn, int64_t numerator, const struct rank_key *key);
/* Lets it in; the id's bytes stay valid until topn_end's results are used. */
void topn_put(struct topn *topn, const struct rank_result *entry);
/* The results, best first, until topn_clear. */
void topn_end(struct topn *topn, const struct rank_result **ret_results, size_t *ret_count);

/* After a run that returned fewer than n: whether id is excluded or in the result. For filling up
 * from another list. */
bool topn_knows(const struct topn *topn, struct str id);
struct topn_stats topn_stats(const struct topn *topn);

#endif
