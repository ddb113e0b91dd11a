/* The handlers of pages: /openapi.json, /docs, /dashboard and what they load; see assets.h. */
#include "http/routes.h"

#include "http/assets.h"
#include "http/call_state.h"
#include "http/reply.h"

#include <kore/kore.h>
#include <kore/http.h>

#include <stdio.h>

/*
 * Scripts, styles and requests from this server only, nothing inline; pictures also as data: URLs,
 * which Swagger UI's style sheet has.
 */
#define CONTENT_POLICY                                                                             \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "              \
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

static void answer(struct call *call, const char *path)
{
    const struct asset *asset = asset_find(str_of(path));
    const char *known;
    char headers[512];
    if (asset == NULL) {
        reply_problem(call, PROBLEM_NOT_FOUND, "there is no such path");
        return;
    }
    snprintf(headers, sizeof(headers),
             "etag: %s\r\n"
             "content-security-policy: " CONTENT_POLICY "\r\n"
             "x-content-type-options: nosniff\r\n"
             "referrer-policy: no-referrer\r\n",
             asset->etag);
    if (http_request_header(call->req, "if-none-match", &known) && asset_matches(asset, known))
        reply_unchanged(call, headers);
    else
        reply_public(call, asset->media_type, asset->content, headers);
}

void openapi_get(struct call *call)
{
    answer(call, "/openapi.json");
}

void docs_get(struct call *call)
{
    answer(call, "/docs");
}

void dashboard_get(struct call *call)
{
    answer(call, "/dashboard");
}

void asset_get(struct call *call)
{
    char path[128];
    struct str name = call_capture(call, 0);
    snprintf(path, sizeof(path), "/assets/%.*s", (int)name.len, name.data);
    answer(call, path);
}
