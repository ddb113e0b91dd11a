/* Routes; see routes.h. */
#include "http/routes.h"

#include "base/mem.h"
#include "http/metrics.h"

#include <kore/kore.h>
#include <kore/http.h>

static const struct route table[] = {
#define ROUTE(listener, generation, scope, method, path, handler, summary)                         \
    {0,                                                                                            \
     LISTENER_##listener,                                                                          \
     GENERATION_##generation,                                                                      \
     SCOPE_##scope,                                                                                \
     #method,                                                                                      \
     path,                                                                                         \
     NULL,                                                                                         \
     summary,                                                                                      \
     handler},
#include "http/routes.def"
#undef ROUTE
};

enum { ROUTES = sizeof(table) / sizeof(table[0]), PATHS_MAX = ROUTES, METHODS_MAX = 4 };

/* One path, with its methods. */
struct path {
    const char *text;
    struct route routes[METHODS_MAX];
    u_int8_t methods[METHODS_MAX];
    int route_count;
    struct route other; /* any other method */
    char allow[64];
};

/* The paths of a listener, in the table's order, and what is answered where none fits. */
struct listener_paths {
    const struct kore_domain *domain;
    struct path paths[PATHS_MAX];
    int count;
    struct route unknown;
};

static struct listener_paths listeners[LISTENER_COUNT];
static const char *names[ROUTES + 1];

static u_int8_t method_of(const char *name)
{
    return (u_int8_t)http_method_value(name);
}

const char *const *route_names(int *ret_count)
{
    for (int i = 0; i < ROUTES; i++)
        if (names[i] == NULL)
            names[i] = xasprintf("%s %s", table[i].method, table[i].path);
    names[ROUTES] = "other";
    *ret_count = ROUTES + 1;
    return names;
}

enum scope route_scope(int index)
{
    return index < ROUTES ? table[index].scope : SCOPE_NONE;
}

static void add_method(struct path *path, int table_index)
{
    const struct route *route = &table[table_index];
    if (path->route_count == METHODS_MAX)
        fatal("more than %d methods of %s", METHODS_MAX, route->path);
    path->methods[path->route_count] = method_of(route->method);
    path->routes[path->route_count] = *route;
    path->routes[path->route_count].index = table_index;
    path->routes[path->route_count].allow = path->allow;
    path->route_count++;
    size_t len = strlen(path->allow);
    snprintf(path->allow + len, sizeof(path->allow) - len, "%s%s%s", len > 0 ? ", " : "",
             route->method, strcmp(route->method, "GET") == 0 ? ", HEAD" : "");
}

/* What answers what is not in the table. */
static struct route fallback(const char *path, const char *allow, enum listener_kind listener,
                             enum generation generation, route_handler handler)
{
    return (struct route){.index = ROUTES,
                          .listener = listener,
                          .generation = generation,
                          .method = "",
                          .path = path,
                          .allow = allow,
                          .summary = "",
                          .handler = handler};
}

static struct path *new_path(struct listener_paths *known, const struct route *route)
{
    int captures = 0;
    for (const char *at = route->path; (at = strchr(at, '{')) != NULL; at++)
        captures++;
    if (captures > CALL_CAPTURES_MAX)
        fatal("more than %d names in %s", CALL_CAPTURES_MAX, route->path);
    struct path *path = &known->paths[known->count++];
    path->text = route->path;
    path->other =
        fallback(route->path, path->allow, route->listener, route->generation, method_not_allowed);
    return path;
}

static struct path *find_path(struct listener_paths *known, const char *text)
{
    for (int i = 0; i < known->count; i++)
        if (strcmp(known->paths[i].text, text) == 0)
            return &known->paths[i];
    return NULL;
}

void routes_register(struct kore_domain *domain, enum listener_kind listener)
{
    struct listener_paths *known = &listeners[listener];
    known->domain = domain;
    known->unknown = fallback("any other path", "", listener, GENERATION_V1, not_found);
    for (int i = 0; i < ROUTES; i++) {
        if (table[i].listener != listener)
            continue;
        struct path *path = find_path(known, table[i].path);
        add_method(path != NULL ? path : new_path(known, &table[i]), i);
    }
    /* "*" takes every path: conf/kore/patches/03-any-path.patch. */
    if (!kore_module_handler_new(domain, "*", "tipster_http", NULL, HANDLER_TYPE_STATIC))
        fatal("tipster_http cannot be registered");
}

/* Does a path have a route's form? ret_captures[i] becomes what stands for its ith {name}:
   text within the path, at least one character, no slash. */
static bool path_fits(const char *form, const char *path, struct str *ret_captures)
{
    struct str captures[CALL_CAPTURES_MAX] = {0};
    int count = 0;
    while (*form != '\0') {
        if (*form == '{') {
            size_t len = strcspn(path, "/");
            if (len == 0)
                return false;
            captures[count++] = str_from(path, len);
            path += len;
            form = strchr(form, '}') + 1;
        } else if (*form++ != *path++) {
            return false;
        }
    }
    if (*path != '\0')
        return false;
    memcpy(ret_captures, captures, sizeof(captures));
    return true;
}

static const struct route *path_route(const struct path *path, u_int8_t request_method)
{
    u_int8_t method = request_method == HTTP_METHOD_HEAD ? HTTP_METHOD_GET : request_method;
    for (int i = 0; i < path->route_count; i++)
        if (path->methods[i] == method)
            return &path->routes[i];
    return &path->other;
}

const struct route *route_find(const struct http_request *req, struct str *ret_captures)
{
    struct listener_paths *known = listeners;
    while (known->domain != req->hdlr->dom)
        known++;
    for (int i = 0; i < known->count; i++)
        if (path_fits(known->paths[i].text, req->path, ret_captures))
            return path_route(&known->paths[i], req->method);
    return &known->unknown;
}

void routes_print(FILE *out)
{
    static const char *const listener_names[] = {"main", "operations"};
    for (int i = 0; i < ROUTES; i++)
        fprintf(out, "%s\t%s\t%s\t%s\t%s\n", table[i].method, table[i].path,
                listener_names[table[i].listener], scope_name(table[i].scope), table[i].summary);
}
