/* Requests by company; see traffic.h. */
#include "http/traffic.h"

#include "base/hash.h"
#include "domain/change.h"
#include "http/metrics.h"
#include "http/routes.h"
#include "http/shared.h"

/* Upper bounds of the duration buckets, in microseconds; the last bucket has none. */
static const int64_t bounds_us[] = {250,   500,   1000,  2000,   4000,   8000,
                                    16000, 32000, 64000, 128000, 512000, 2048000};
enum { BOUNDS = sizeof(bounds_us) / sizeof(bounds_us[0]), STATUS_CLASSES = 6 };

struct route_traffic {
    int64_t by_status[STATUS_CLASSES], sum_us;
    int64_t buckets[BOUNDS + 1]; /* not cumulative */
};

struct place {
    uint64_t company; /* the hash of its id; 0: free */
    bool is_named;
    char name[COMPANY_MAX_BYTES + 1];
    int64_t accepted;
    struct route_traffic routes[METRICS_ROUTES_MAX];
};

enum { OTHERS = TRAFFIC_COMPANIES_MAX, PLACES };
static struct place *places;

void traffic_setup(void)
{
    places = shared_new(sizeof(struct place) * PLACES);
    places[OTHERS].is_named = true;
}

static void bump(int64_t *value, int64_t amount)
{
    __atomic_fetch_add(value, amount, __ATOMIC_RELAXED);
}

static int64_t look(const int64_t *value)
{
    return __atomic_load_n(value, __ATOMIC_RELAXED);
}

/* Names a place that was just taken. */
static struct place *named(struct place *place, struct str company)
{
    memcpy(place->name, company.data, company.len); /* zeroed memory ends it */
    __atomic_store_n(&place->is_named, true, __ATOMIC_RELEASE);
    return place;
}

/* The company's place, which is taken when it has none yet; NULL: all are taken. */
static struct place *place_of(struct str company)
{
    uint64_t wanted = hash_bytes(company);
    wanted = wanted == 0 ? 1 : wanted;
    for (size_t i = 0; i < TRAFFIC_COMPANIES_MAX; i++) {
        struct place *place = &places[(wanted + i) % TRAFFIC_COMPANIES_MAX];
        uint64_t found = __atomic_load_n(&place->company, __ATOMIC_RELAXED);
        if (found == 0 && __atomic_compare_exchange_n(&place->company, &found, wanted, false,
                                                      __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            return named(place, company);
        if (found == wanted)
            return place;
    }
    return NULL;
}

void traffic_request(struct str company, int route, int status, int64_t duration_us)
{
    struct place *place = company.len > 0 ? place_of(company) : NULL;
    int bucket = 0, status_class = status / 100;
    if (place == NULL)
        place = &places[OTHERS];
    if (status_class < 1 || status_class >= STATUS_CLASSES)
        status_class = 5;
    struct route_traffic *traffic = &place->routes[route];
    while (bucket < BOUNDS && duration_us > bounds_us[bucket])
        bucket++;
    bump(&traffic->by_status[status_class], 1);
    bump(&traffic->sum_us, duration_us);
    bump(&traffic->buckets[bucket], 1);
}

void traffic_accepted(struct str company, int records)
{
    struct place *place = place_of(company);
    if (place != NULL)
        bump(&place->accepted, records);
}

static int64_t requests_of(const struct route_traffic *traffic, int first_class)
{
    int64_t sum = 0;
    for (int i = first_class; i < STATUS_CLASSES; i++)
        sum += look(&traffic->by_status[i]);
    return sum;
}

static void add_route(const char *name, const struct route_traffic *traffic, struct buf *out)
{
    buf_add_text(out, "{\"route\":");
    buf_add_json(out, str_of(name));
    buf_addf(out, ",\"requests\":%lld,\"errors\":%lld,\"sum_us\":%lld,\"buckets\":[",
             (long long)requests_of(traffic, 1), (long long)requests_of(traffic, 4),
             (long long)look(&traffic->sum_us));
    for (int i = 0; i <= BOUNDS; i++)
        buf_addf(out, "%s%lld", i > 0 ? "," : "", (long long)look(&traffic->buckets[i]));
    buf_add_text(out, "]}");
}

void traffic_json(struct str company, struct buf *out)
{
    const struct place *place = place_of(company);
    int count;
    const char *const *names = route_names(&count);
    bool any = false;
    if (place == NULL) {
        buf_add_text(out, ",\"accepted\":null,\"requests\":null");
        return;
    }
    buf_addf(out, ",\"accepted\":%lld,\"requests\":{\"bounds_us\":[",
             (long long)look(&place->accepted));
    for (int i = 0; i < BOUNDS; i++)
        buf_addf(out, "%s%lld", i > 0 ? "," : "", (long long)bounds_us[i]);
    buf_add_text(out, "],\"routes\":[");
    for (int i = 0; i < count; i++) {
        if (requests_of(&place->routes[i], 1) == 0)
            continue;
        if (any)
            buf_add_char(out, ',');
        any = true;
        add_route(names[i], &place->routes[i], out);
    }
    buf_add_text(out, "]}");
}

static int64_t with_scope(const struct place *place, int routes, enum scope scope, int status_class)
{
    int64_t sum = 0;
    for (int i = 0; i < routes; i++)
        if (route_scope(i) == scope)
            sum += look(&place->routes[i].by_status[status_class]);
    return sum;
}

static void render_place(const struct place *place, int routes, enum scope scope, struct buf *out)
{
    for (int status = 1; status < STATUS_CLASSES; status++) {
        int64_t requests = with_scope(place, routes, scope, status);
        if (requests == 0)
            continue;
        buf_add_text(out, "tipster_company_requests_total{company=\"");
        metrics_label(out, str_of(place->name));
        buf_addf(out, "\",scope=\"%s\",status=\"%dxx\"} %lld\n", scope_name(scope), status,
                 (long long)requests);
    }
}

void traffic_render(struct buf *out)
{
    int routes;
    route_names(&routes);
    metrics_head(out, "tipster_company_requests_total", "counter",
                 "Requests answered, by company (empty: nobody, or one beyond those that have a "
                 "place), scope of the route and class of status.");
    for (int i = 0; i < PLACES; i++) {
        if (!__atomic_load_n(&places[i].is_named, __ATOMIC_ACQUIRE))
            continue;
        render_place(&places[i], routes, SCOPE_NONE, out);
        for (int class = 0; class < SCOPE_CLASSES; class ++)
            render_place(&places[i], routes, (enum scope)(1U << class), out);
    }
}
