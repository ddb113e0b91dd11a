/* Who calls; see auth.h. */
#include "http/auth.h"

#include "base/err.h"
#include "http/call_state.h"
#include "http/metrics.h"
#include "http/reply.h"
#include "http/routes.h"

enum { ANONYMOUS_SCOPES = SCOPE_INGEST | SCOPE_READ };

static bool refuse(struct call *call)
{
    metrics_add(METRIC_AUTH_FAILED, 1);
    if (call->credentials.given && !rate_limits_check_failure(call))
        return false;
    reply_problem(call, PROBLEM_UNAUTHORIZED, NULL);
    return false;
}

/* A key that is not known costs the same time as a wrong secret. */
static int find_caller(const struct api_key_text *text, int64_t now_ms, struct caller *caller)
{
    static const uint8_t nobody[SHA256_SIZE];
    struct directory_key key = {0};
    struct directory_company company;
    uint8_t hash[SHA256_SIZE];
    sha256_of(text->secret, hash);
    int err = directory_key(text->id, now_ms, &key, &company);
    bool same = sha256_equal(hash, err == 0 ? key.secret_hash : nobody);
    if (err != 0)
        return err;
    if (!same || company.disabled)
        return TIP_ENOTFOUND;
    caller->company = company; /* what was refused acts for nobody */
    caller->scopes = key.scopes;
    caller->slot = key.slot;
    memcpy(caller->key_id, key.id, API_KEY_ID_LEN);
    return 0;
}

static bool check_key(struct call *call)
{
    struct api_key_text text;
    const struct credentials *credentials = &call->credentials;
    if (credentials->wrong || api_key_parse(credentials->key, &text) != 0)
        return refuse(call);
    int err = find_caller(&text, call->now_ms, &call->caller);
    if (err == TIP_EUNAVAIL) {
        reply_problem(call, PROBLEM_UNAVAILABLE, "keys cannot be checked yet");
        return false;
    }
    if (err != 0)
        return refuse(call);
    if (call->caller.scopes & call->route->scope)
        return true;
    metrics_add(METRIC_AUTH_FORBIDDEN, 1);
    reply_problem(call, PROBLEM_FORBIDDEN, "the key lacks the scope %s",
                  scope_name(call->route->scope));
    return false;
}

/* A call without a key. */
static bool check_anonymous(struct call *call)
{
    struct str id = str_of(call_config()->anonymous_company);
    struct caller *caller = &call->caller;
    if (id.len == 0 || (call->route->scope & ANONYMOUS_SCOPES) == 0)
        return refuse(call);
    caller->err = directory_company(id, &caller->company);
    if (caller->err == 0 && caller->company.disabled) {
        *caller = (struct caller){0};
        return refuse(call);
    }
    if (caller->err != 0) {
        caller->company.id_len = (uint8_t)id.len;
        memcpy(caller->company.id, id.data, id.len);
    }
    caller->scopes = ANONYMOUS_SCOPES;
    return true;
}

bool auth_check(struct call *call)
{
    if (call->route->scope == SCOPE_NONE)
        return true;
    return call->credentials.given ? check_key(call) : check_anonymous(call);
}

struct str call_company(const struct call *call)
{
    return str_from(call->caller.company.id, call->caller.company.id_len);
}

int call_company_row(const struct call *call, struct directory_company *ret_company)
{
    if (call->caller.err == 0)
        *ret_company = call->caller.company;
    return call->caller.err;
}

const char *call_key_id(const struct call *call)
{
    return call->caller.key_id;
}
