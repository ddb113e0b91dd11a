/* What becomes of a record; see decide.h. */
#include "domain/decide.h"

#include "base/fault.h"
#include "domain/record.h"

#include <string.h>

const char *reject_reason_text(enum reject_reason reason)
{
    static const char *const texts[] = {
#define X(name, text) [REJECT_##name] = text,
        REJECT_REASONS(X)
#undef X
    };
    return texts[reason];
}

enum decision decide_mutable(const struct precedence *current, const struct precedence *incoming)
{
    if (current == NULL)
        return DECISION_APPLY;
    /* At or before the position that is stored: a repeated delivery, and everything since stands.
     */
    if (incoming->position <= current->position)
        return DECISION_SUPERSEDED;
    bool both = current->version != VERSION_NONE && incoming->version != VERSION_NONE;
    return both && incoming->version < current->version ? DECISION_SUPERSEDED : DECISION_APPLY;
}

enum decision decide_coupon(const struct coupon_identity *current,
                            const struct coupon_identity *incoming)
{
    if (current == NULL || current->position == incoming->position)
        return DECISION_APPLY;
    size_t size = sizeof(current->content_hash);
    bool same = memcmp(current->content_hash, incoming->content_hash, size) == 0;
    return same || fault_sabotaged("no-payload-compare") ? DECISION_ABSORB : DECISION_REJECT;
}
