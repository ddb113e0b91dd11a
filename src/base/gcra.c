/* Rate limits; see gcra.h. */
#include "base/gcra.h"

static const int64_t second_ns = 1000000000;

bool gcra_take(int64_t *cell, const struct gcra_rule *rule, int64_t now_ns, int64_t cost,
               struct gcra_state *ret_state)
{
    int64_t interval_ns = second_ns / rule->rate_per_s, window_ns = rule->window_s * second_ns;
    int64_t before = __atomic_load_n(cell, __ATOMIC_RELAXED), owed_ns, after_ns;
    bool taken;
    do {
        owed_ns = before > now_ns ? before - now_ns : 0;
        after_ns = owed_ns + cost * interval_ns;
        taken = after_ns <= window_ns || owed_ns == 0;
    } while (taken && !__atomic_compare_exchange_n(cell, &before, now_ns + after_ns, true,
                                                   __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    int64_t now_owed_ns = taken ? after_ns : owed_ns, over_ns = after_ns - window_ns;
    *ret_state = (struct gcra_state){
        .remaining = now_owed_ns >= window_ns ? 0 : (window_ns - now_owed_ns) / interval_ns,
        .reset_ns = now_owed_ns,
        .retry_ns = taken               ? 0
                    : over_ns < owed_ns ? over_ns
                                        : owed_ns,
    };
    return taken;
}
