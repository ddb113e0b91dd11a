/*
 * What stands in a view: the LMDB environment that serves a node's recommendations. This header is
 * the layout, whole; `tipster view check` verifies what it promises. Numbers are in the machine's
 * own byte order (a view never leaves its node) except in keys, where they stand big-endian so that
 * keys sort by them. Values are not aligned: every struct here is packed.
 *
 * Names are replaced by numbers from 1 on, given in order of first sight, never reused:
 *   company    company_id
 *   attribute  a sport; a league of a sport; a country of a company
 *   member     a participant of a sport
 *   group      (sport, league, country) of a company; 0 stands for "event not known"
 *   event      event_id of a company; given already when only a coupon mentions it
 *
 * Databases (key -> value; be32, be64: big-endian; time: be64 of ms with the sign bit flipped):
 *   meta       "view" -> view_meta; "source" -> text: where the first contents were read from
 *   offsets    topic NUL be32 partition -> view_offset
 *   companies  company_id -> u32 number
 *   names      be32 company, class, be32 parent, value -> u32 number. Class 's' sport (parent 0),
 *              'l' league (parent: its sport), 'c' country (0), 'p' participant (its sport),
 *              'g' group (its sport; value: be32 league, be32 country), 'm' pair (its member;
 *              value: be32 group)
 *   groups     u32 group -> view_group, the three values' bytes. Append only
 *   pairs      u32 number -> view_pair: every (member, group) that ever had a listed event,
 *              each once. Append only
 *   event_ids  be32 company, event_id -> u32 event
 *   events     u32 event -> view_event, its members in the order of their names, and while it is
 *              listed its two documents; the event_id last
 *   counts     u32 event -> u64: selections of it that stand in the view. Absent: 0
 *   runs       be32 member, be32 group, time begin, event_id -> view_run_value, for most with the
 *              v1 document behind it: the listed events of a group (member 0), and those of one of
 *              its members
 *   begins     be32 company, time begin, event_id -> view_place: the listed events
 *   popular    be32 company, be64 ~count, time begin, event_id -> view_place: the listed events
 *   users      be32 company, user_id -> view_user, view_coupon[], view_selection[], u32 members[];
 *              of another shard's user view_user, view_foreign_coupon[], u32 events[]
 *   older_coupons  be32 company, length byte, user_id, be64 id_hash -> u32 content
 *   older_bets     be32 company, length byte, user_id, be32 event, be64 id_hash -> nothing
 *   waiting    be32 event, user_id -> nothing: who bet on an event that is not known
 *   pending    be32 company, be32 event -> nothing: an event whose tags changed, while not all
 *              records of its bettors show it yet
 *
 * Invariants:
 *   I1  An event is *listed* when it is known, not withdrawn, and begins at or after
 *       view_meta.lists_from_ms (older ones may be, until they are pruned). VIEW_EVENT_LISTED says
 *       so, and exactly then it has its documents, one entry in begins and popular, one in the run
 *       of its group and one in the run of each of its members there.
 *   I2  popular's count is the event's in counts, and that equals the selections of it in all users
 *       and older_bets.
 *   I3  A user's selections are in the order of a history: placed_at descending, then event_id,
 *       then coupon_id. The known ones among them are at most RANK_CHOICES_MAX: S of DESIGN.md.
 *       With fewer, the record holds all selections of the user; what S has displaced stands in
 *       older_bets (VIEW_USER_OLDER is set then), unknown events aside: they stay and wait.
 *   I4  A selection's group and members are its event's, unless the event is pending. A known
 *       event's bettors never wait for it, pending ones aside.
 *   I5  A coupon's weight is rank_weight of its age relative to the newest coupon with a selection
 *       in S, 0 for coupons without one.
 *   I6  Every coupon of a user stands once: in the record while it has a selection there, else in
 *       older_coupons.
 *   I7  Of another shard's users (VIEW_USER_FOREIGN) only the coupons' identities and bets are
 * held, at most VIEW_FOREIGN_COUPONS_MAX of them in the record, the others as older ones: counts
 *       take them all. I3 to I5 say nothing of them.
 *   I8  Numbers lie below the counters of view_meta; names, groups, pairs and event_ids are one to
 *       one. Whatever a transaction shows keeps all of them, but that of a view that is
 *       VIEW_BUILDING.
 */
#ifndef TIPSTER_VIEW_LAYOUT_H
#define TIPSTER_VIEW_LAYOUT_H

#include <stdint.h>

enum { VIEW_LAYOUT = 2, VIEW_BOOT_ID_SIZE = 40 };

#define VIEW_PACKED __attribute__((packed))

/* X(name, LMDB flags) */
#define VIEW_DATABASES(X)                                                                          \
    X(meta, 0)                                                                                     \
    X(offsets, 0)                                                                                  \
    X(companies, 0)                                                                                \
    X(names, 0)                                                                                    \
    X(groups, MDB_INTEGERKEY)                                                                      \
    X(pairs, MDB_INTEGERKEY)                                                                       \
    X(event_ids, 0)                                                                                \
    X(events, MDB_INTEGERKEY)                                                                      \
    X(counts, MDB_INTEGERKEY)                                                                      \
    X(runs, 0)                                                                                     \
    X(begins, 0)                                                                                   \
    X(popular, 0)                                                                                  \
    X(users, 0)                                                                                    \
    X(older_coupons, 0)                                                                            \
    X(older_bets, 0)                                                                               \
    X(waiting, 0)                                                                                  \
    X(pending, 0)

enum view_state {
    VIEW_BUILDING, /* being filled, or not yet past where the first contents were read */
    VIEW_SERVING,
    VIEW_RETIRED, /* another one has taken its place: readers open anew */
    VIEW_DAMAGED, /* found to contradict itself: nobody reads it */
};

/* Without gaps, and always copied out before use. */
struct view_meta {
    uint32_t layout;                 /* VIEW_LAYOUT; stays the first field in all layouts */
    uint32_t state;                  /* enum view_state */
    char boot_id[VIEW_BOOT_ID_SIZE]; /* of the machine's run that wrote it, NUL-terminated */
    int64_t half_life_ms;
    int64_t heartbeat_ms;  /* real time when the writer last stood at the end of the topics */
    int64_t lists_from_ms; /* listed: events that begin at or after it */
    uint64_t seed;         /* of the hashes of coupon ids */
    uint32_t shard,
        shards; /* it answers for the users with view_shard_of = shard; of 0 to shards */
    uint32_t company_count, attribute_count, member_count, group_count, pair_count, event_count;
    uint32_t pending_count; /* entries in pending */
    uint32_t unused;
};

struct VIEW_PACKED view_offset {
    uint32_t generation;
    int64_t next_offset;
    char cluster_id[64], topic_id[64]; /* NUL-padded */
};

/* Followed by the bytes of sport, league and country. */
struct VIEW_PACKED view_group {
    uint32_t company, sport, league, country;
    uint16_t sport_bytes, league_bytes, country_bytes;
};

struct VIEW_PACKED view_pair {
    uint32_t member, group;
};

enum view_event_flags {
    VIEW_EVENT_KNOWN = 1 << 0,     /* it was put at least once: it has tags and times */
    VIEW_EVENT_WITHDRAWN = 1 << 1, /* its last change was a withdrawal */
    VIEW_EVENT_LISTED = 1 << 2,
    VIEW_EVENT_DECIDED = 1 << 3, /* it was put or withdrawn: position and version are set */
};

/* Followed by view_event_member[member_count], the v1 document (without version), the older
 * document (both empty unless listed), the event_id. */
struct VIEW_PACKED view_event {
    uint32_t company;
    uint32_t group; /* 0 unless known */
    uint64_t position;
    int64_t version; /* or VERSION_NONE */
    int64_t begin_ms, end_ms;
    uint32_t document_bytes, older_bytes;
    uint8_t flags;
    uint8_t member_count;
    uint8_t id_bytes;
};

/* A participant: its number, and where in the v1 document its name stands as JSON, with quotes. */
struct VIEW_PACKED view_event_member {
    uint32_t member;
    uint16_t at, bytes;
};

/* An event in the list of its company. */
struct VIEW_PACKED view_place {
    uint32_t event, group;
};

/* Events with more participants have their document in events alone. */
enum { VIEW_RUN_MEMBERS_MAX = 4 };

struct VIEW_PACKED view_run_value {
    uint32_t event;
    /* The v1 document, unless the event has more than VIEW_RUN_MEMBERS_MAX members. */
};

enum view_user_flags {
    VIEW_USER_KNOWN = 1 << 0,   /* there is a record of the user: position and version are set */
    VIEW_USER_OLDER = 1 << 1,   /* there is something in older_coupons or older_bets */
    VIEW_USER_COUPONS = 1 << 2, /* there is a coupon */
    VIEW_USER_FOREIGN = 1 << 3, /* of another shard; see I7 */
};

/* Followed by its coupons, selections and the selections' members. */
struct VIEW_PACKED view_user {
    uint64_t position; /* of the user's record */
    int64_t version;   /* of the user's record, or VERSION_NONE */
    uint32_t coupon_count, selection_count, member_count;
    uint32_t flags;
};

struct VIEW_PACKED view_coupon {
    uint64_t id_hash; /* of the coupon_id, seeded with view_meta.seed */
    int64_t placed_at_ms;
    uint32_t content; /* the first bytes of the content's SHA-256 */
    uint32_t weight;  /* see I5 */
};

enum { VIEW_FOREIGN_COUPONS_MAX = 64 };

/* The next selection_count of the events are its bets. */
struct VIEW_PACKED view_foreign_coupon {
    uint64_t id_hash;
    uint32_t content;
    uint8_t selection_count;
};

struct VIEW_PACKED view_selection {
    uint32_t event;
    uint32_t group;            /* 0: the event is not known */
    uint32_t coupon : 24;      /* place among the record's coupons */
    uint32_t member_count : 8; /* the next so many of members[] */
};

#endif
