/* Tastes and choices; see taste.h. */
#include "generator/taste.h"

/* Of 100 selections; what is left is anything. */
enum { OF_TEAM = 50, OF_LEAGUE = 25, OF_SECOND_LEAGUE = 13 };

static uint32_t draw_league(const struct catalogue *catalogue, const struct zipf *zipf,
                            struct random_source *random)
{
    size_t sport = zipf_pick(zipf, random, catalogue_sports(catalogue));
    struct popularity leagues = catalogue_sport_leagues(catalogue, (uint32_t)sport);
    return leagues.items[zipf_pick(zipf, random, leagues.count)];
}

struct taste taste_draw(const struct catalogue *catalogue, const struct zipf *zipf,
                        struct random_source *random)
{
    struct taste taste = {.league = draw_league(catalogue, zipf, random)};
    struct popularity sides = catalogue_league_participants(catalogue, taste.league);
    taste.participant =
        sides.count > 0 ? sides.items[zipf_pick(zipf, random, sides.count)] : UINT32_MAX;
    taste.second_league = draw_league(catalogue, zipf, random);
    return taste;
}

int taste_choose(const struct taste *taste, const struct catalogue *catalogue,
                 const struct zipf *zipf, struct random_source *random, int64_t at_ms,
                 int64_t window_ms, uint32_t *ret_event)
{
    uint64_t mood = random_below(random, 100);
    struct event_list wishes[4];
    size_t count = 0;
    /* What is liked best may not play soon: then the next best. */
    if (mood < OF_TEAM && taste->participant != UINT32_MAX)
        wishes[count++] = catalogue_of_participant(catalogue, taste->participant);
    if (mood < OF_TEAM + OF_LEAGUE)
        wishes[count++] = catalogue_of_league(catalogue, taste->league);
    else if (mood >= OF_TEAM + OF_LEAGUE + OF_SECOND_LEAGUE)
        wishes[count++] = catalogue_of_league(catalogue, draw_league(catalogue, zipf, random));
    wishes[count++] = catalogue_of_league(catalogue, taste->second_league);
    wishes[count++] = catalogue_all(catalogue);

    for (size_t i = 0; i < count; i++) {
        struct event_list open = catalogue_window(catalogue, wishes[i], at_ms, at_ms + window_ms);
        if (open.count == 0)
            continue;
        /* What begins soon is bet on more. */
        *ret_event = open.events[random_low(random, open.count)];
        return 0;
    }
    return 1;
}
