/*
 * The table of routes (routes.def) and how requests find their handler. Kore sends every request to
 * one handler of the program; path and method are looked up here, so that 404 and 405 are answered
 * like any other error, and no regular expression runs for each path with an id in it.
 */
#ifndef TIPSTER_HTTP_ROUTES_H
#define TIPSTER_HTTP_ROUTES_H

#include "domain/api_key.h"
#include "domain/codec.h"
#include "http/call.h"

#include <stdio.h>

enum listener_kind { LISTENER_MAIN, LISTENER_OPERATIONS, LISTENER_COUNT };

typedef void (*route_handler)(struct call *call);

struct route {
    int index; /* among the metrics */
    enum listener_kind listener;
    enum generation generation;
    enum scope scope; /* that a key must have; SCOPE_NONE: open to all */
    const char *method, *path, *allow, *summary;
    route_handler handler;
};

/* "POST /v1/coupons" and so on; for metrics_setup. *ret_count: how many. */
const char *const *route_names(int *ret_count);

/* The scope of the route with an index; SCOPE_NONE for the last, "other". */
enum scope route_scope(int index);

struct kore_domain;
/* Makes the paths of a listener known, and the domain Kore's way to them. */
void routes_register(struct kore_domain *domain, enum listener_kind listener);

/* The route of a request, by its listener, path and method. Never NULL. ret_captures
   (CALL_CAPTURES_MAX): what stands in the path for each {name} of the route's, as it was sent;
   empty beyond those. */
const struct route *route_find(const struct http_request *req, struct str *ret_captures);

/* The table as text: method, path, listener, scope, summary, separated by tabs. */
void routes_print(FILE *out);

#define ROUTE(listener, generation, scope, method, path, handler, summary)                         \
    void handler(struct call *call);
#include "http/routes.def"
#undef ROUTE
/* For what no route takes. */
void not_found(struct call *call);
void method_not_allowed(struct call *call);

#endif
