/* Rate limits; see rate_limits.h. */
#include "http/rate_limits.h"

#include "base/err.h"
#include "http/call_state.h"
#include "http/metrics.h"
#include "http/peer.h"
#include "http/reply.h"
#include "http/routes.h"
#include "http/shared.h"
#include "store/company.h"

#include <kore/kore.h>
#include <kore/http.h>

#include <stdio.h>

enum {
    ADDRESS_CELLS = 1 << 14,
    ADDRESS_WAYS = 4,
    FAILURES_WINDOW_S = 60,
    NS_PER_US = 1000,
};

/* An address whose failures are remembered, at one of the places its tag points to. */
struct address_cell {
    uint64_t tag; /* 0: none */
    int64_t cell;
};

static const struct config *config;
static struct proxies proxies;
static int64_t (*key_cells)[SCOPE_CLASSES]; /* by the key's slot; the last: calls without a key */
static struct address_cell *address_cells;

int rate_limits_setup(const struct config *settings, struct buf *ret_problem)
{
    config = settings;
    key_cells = shared_new(((size_t)config->keys_max + 1) * sizeof(*key_cells));
    address_cells = shared_new(ADDRESS_CELLS * sizeof(*address_cells));
    if (proxies_parse(str_of(config->trusted_proxies), &proxies) == 0)
        return 0;
    buf_addf(ret_problem,
             "TRUSTED_PROXIES must be at most %d addresses or networks (10.0.0.0/8) with commas, "
             "not '%s'",
             PROXIES_MAX, config->trusted_proxies);
    return TIP_ECONFIG;
}

static int64_t now_ns(const struct call *call)
{
    return call->started_us * NS_PER_US;
}

/* Answers 429. */
static bool refuse(struct call *call, int64_t retry_ns, const char *what)
{
    int64_t retry_s = (retry_ns + 999999999) / 1000000000;
    call->retry_after_s = retry_s > 0 ? retry_s : 1;
    reply_problem(call, PROBLEM_TOO_MANY_REQUESTS, "%s; again in %lld s", what,
                  (long long)call->retry_after_s);
    return false;
}

/* What a call costs: the lines of a batch, of which there can be 1000; else 1. */
static int64_t cost_of(const struct call *call)
{
    enum { LINES_MAX = 1000 };
    const char *type;
    const struct kore_buf *body = call->req->http_body;
    if (body == NULL || call->req->content_length == 0 ||
        !http_request_header(call->req, "content-type", &type) ||
        strncasecmp(type, "application/x-ndjson", 20) != 0)
        return 1;
    int64_t lines = 1;
    const char *at = (const char *)body->data, *end = at + call->req->content_length;
    while (lines < LINES_MAX && (at = memchr(at, '\n', (size_t)(end - at))) != NULL && ++at < end)
        lines++;
    return lines;
}

bool rate_limits_check(struct call *call)
{
    if (call->route->scope == SCOPE_NONE)
        return true;
    int class = __builtin_ctz(call->route->scope);
    const struct caller *caller = &call->caller;
    int64_t rate = caller->company.limits[class];
    if (caller->err != 0 || rate == COMPANY_LIMIT_DEFAULT) {
        const int64_t by_class[SCOPE_CLASSES] = {config->rate_limit_ingest, config->rate_limit_read,
                                                 config->rate_limit_admin};
        rate = by_class[class];
    }
    if (rate <= 0)
        return true;
    size_t slot = *caller->key_id != '\0' ? caller->slot : (size_t)config->keys_max;
    call->limit.rule = (struct gcra_rule){rate, config->rate_limit_window_s};
    if (gcra_take(&key_cells[slot][class], &call->limit.rule, now_ns(call), cost_of(call),
                  &call->limit.state))
        return true;
    metrics_add(METRIC_RATE_LIMITED, 1);
    return refuse(call, call->limit.state.retry_ns, "the key is over its limit");
}

static struct address client_address(const struct call *call)
{
    const struct connection *connection = call->req->owner;
    struct address address = {{0}};
    if (connection->family == AF_INET)
        address = address_of_v4(&connection->addr.ipv4.sin_addr);
    else if (connection->family == AF_INET6)
        memcpy(address.bytes, &connection->addr.ipv6.sin6_addr, sizeof(address.bytes));
    return peer_resolve(&proxies, address, call->forwarded_for);
}

/*
 * The cell of an address: its own, one whose owner owes nothing any more, or, when all places are
 * taken, somebody else's.
 */
static int64_t *address_cell(uint64_t tag, int64_t now)
{
    struct address_cell *ways = &address_cells[tag % (ADDRESS_CELLS / ADDRESS_WAYS) * ADDRESS_WAYS];
    for (int i = 0; i < ADDRESS_WAYS; i++)
        if (__atomic_load_n(&ways[i].tag, __ATOMIC_RELAXED) == tag)
            return &ways[i].cell;
    for (int i = 0; i < ADDRESS_WAYS; i++) {
        uint64_t owner = __atomic_load_n(&ways[i].tag, __ATOMIC_RELAXED);
        if (__atomic_load_n(&ways[i].cell, __ATOMIC_RELAXED) <= now &&
            __atomic_compare_exchange_n(&ways[i].tag, &owner, tag, false, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED))
            return &ways[i].cell;
    }
    return &ways[0].cell;
}

bool rate_limits_check_failure(struct call *call)
{
    struct gcra_state state;
    /* A failure costs 60 units of a limit per second: the setting is per minute. */
    struct gcra_rule rule = {config->auth_failures_per_minute, FAILURES_WINDOW_S};
    if (rule.rate_per_s == 0)
        return true;
    struct address address = client_address(call);
    int64_t *cell = address_cell(address_tag(&address), now_ns(call));
    if (gcra_take(cell, &rule, now_ns(call), FAILURES_WINDOW_S, &state))
        return true;
    metrics_add(METRIC_AUTH_LIMITED, 1);
    return refuse(call, state.retry_ns, "too many wrong keys from this address");
}

void rate_limits_headers(const struct call *call, struct buf *out)
{
    const struct gcra_rule *rule = &call->limit.rule;
    const struct gcra_state *state = &call->limit.state;
    if (rule->rate_per_s == 0)
        return;
    const char *name = scope_name(call->route->scope);
    buf_add_text(out, "ratelimit-policy: \"");
    buf_add_text(out, name);
    buf_add_text(out, "\";q=");
    buf_add_int(out, rule->rate_per_s * rule->window_s);
    buf_add_text(out, ";w=");
    buf_add_int(out, rule->window_s);
    buf_add_text(out, "\r\nratelimit: \"");
    buf_add_text(out, name);
    buf_add_text(out, "\";r=");
    buf_add_int(out, state->remaining);
    buf_add_text(out, ";t=");
    buf_add_int(out, (state->reset_ns + 999999999) / 1000000000);
    buf_add_text(out, "\r\n");
}
