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

enum {
    ROUTES = sizeof(table) / sizeof(table[0]),
    PATHS_MAX = ROUTES + LISTENER_COUNT,
    METHODS_MAX = 4
};

/* One path of a listener, with its methods. */
struct path {
    struct kore_module_handle *handle; /* Kore's, after registration */
    const char *text;
    struct route routes[METHODS_MAX];
    u_int8_t methods[METHODS_MAX];
    int route_count;
    struct route other; /* any other method */
    char allow[64];
};

static struct path paths[PATHS_MAX];
static int path_count;
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

/* "/v1/users/{id}" -> "^/v1/users/([^/]+)$" */
static char *path_expression(const char *path)
{
    AUTO_BUF out = {0};
    buf_add_char(&out, '^');
    while (*path != '\0') {
        if (*path == '{') {
            buf_add_text(&out, "([^/]+)");
            path = strchr(path, '}') + 1;
        } else {
            if (strchr(".[]()*+?|^$\\", *path) != NULL)
                buf_add_char(&out, '\\');
            buf_add_char(&out, *path++);
        }
    }
    buf_add_char(&out, '$');
    return xstrdup(buf_cstr(&out));
}

static void register_path(struct kore_domain *domain, struct path *path, const char *expression,
                          int type)
{
    if (!kore_module_handler_new(domain, expression, "tipster_http", NULL, type))
        fatal("the route %s does not work", expression);
    TAILQ_FOREACH(path->handle, &domain->handlers, list)
    if (TAILQ_NEXT(path->handle, list) == NULL)
        break; /* the last one is the new one */
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

static struct path *new_path(const char *text, enum listener_kind listener,
                             enum generation generation, route_handler other)
{
    struct path *path = &paths[path_count++];
    path->text = text;
    path->other = (struct route){.index = ROUTES,
                                 .listener = listener,
                                 .generation = generation,
                                 .method = "",
                                 .path = text,
                                 .allow = path->allow,
                                 .summary = "",
                                 .handler = other};
    return path;
}

static struct path *find_path(int first, const char *text)
{
    for (int i = first; i < path_count; i++)
        if (strcmp(paths[i].text, text) == 0)
            return &paths[i];
    return NULL;
}

void routes_register(struct kore_domain *domain, enum listener_kind listener)
{
    int first = path_count;
    for (int i = 0; i < ROUTES; i++) {
        if (table[i].listener != listener)
            continue;
        struct path *path = find_path(first, table[i].path);
        if (path == NULL) {
            path = new_path(table[i].path, listener, table[i].generation, method_not_allowed);
            bool plain = strchr(path->text, '{') == NULL;
            AUTO_FREE char *expression = path_expression(path->text);
            register_path(domain, path, plain ? path->text : expression,
                          plain ? HANDLER_TYPE_STATIC : HANDLER_TYPE_DYNAMIC);
        }
        add_method(path, i);
    }
    register_path(domain, new_path("any other path", listener, GENERATION_V1, not_found), "^",
                  HANDLER_TYPE_DYNAMIC);
}

const struct route *route_find(const struct http_request *req)
{
    struct path *path = paths;
    while (path->handle != req->hdlr)
        path++;
    u_int8_t method = req->method == HTTP_METHOD_HEAD ? HTTP_METHOD_GET : req->method;
    for (int i = 0; i < path->route_count; i++)
        if (path->methods[i] == method)
            return &path->routes[i];
    return &path->other;
}

void routes_print(FILE *out)
{
    static const char *const listeners[] = {"main", "operations"};
    for (int i = 0; i < ROUTES; i++)
        fprintf(out, "%s\t%s\t%s\t%s\t%s\n", table[i].method, table[i].path,
                listeners[table[i].listener], scope_name(table[i].scope), table[i].summary);
}
