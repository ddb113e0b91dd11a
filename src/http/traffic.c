/* Requests by company; see traffic.h. */
#include "http/traffic.h"

#include "base/hash.h"
#include "http/metrics.h"
#include "http/routes.h"
#include "http/shared.h"

/* Upper bounds of the duration buckets, in microseconds; the last bucket has none. */
static const int64_t bounds_us[] = {250,   500,   1000,  2000,   4000,   8000,
                                    16000, 32000, 64000, 128000, 512000, 2048000};
enum { BOUNDS = sizeof(bounds_us) / sizeof(bounds_us[0]) };

struct route_traffic {
    int64_t requests, errors, sum_us; /* errors: answered 4xx or 5xx */
    int64_t buckets[BOUNDS + 1];      /* not cumulative */
};

struct place {
    uint64_t company; /* the hash of its id; 0: free */
    int64_t accepted;
    struct route_traffic routes[METRICS_ROUTES_MAX];
};

static struct place *places;

void traffic_setup(void)
{
    places = shared_new(sizeof(struct place) * TRAFFIC_COMPANIES_MAX);
}

static void bump(int64_t *value, int64_t amount)
{
    __atomic_fetch_add(value, amount, __ATOMIC_RELAXED);
}

static int64_t look(const int64_t *value)
{
    return __atomic_load_n(value, __ATOMIC_RELAXED);
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
            return place;
        if (found == wanted)
            return place;
    }
    return NULL;
}

void traffic_request(struct str company, int route, int status, int64_t duration_us)
{
    struct place *place = place_of(company);
    int bucket = 0;
    if (place == NULL)
        return;
    struct route_traffic *traffic = &place->routes[route];
    while (bucket < BOUNDS && duration_us > bounds_us[bucket])
        bucket++;
    bump(&traffic->requests, 1);
    bump(&traffic->errors, status >= 400);
    bump(&traffic->sum_us, duration_us);
    bump(&traffic->buckets[bucket], 1);
}

void traffic_accepted(struct str company, int records)
{
    struct place *place = place_of(company);
    if (place != NULL)
        bump(&place->accepted, records);
}

static void add_route(const char *name, const struct route_traffic *traffic, struct buf *out)
{
    buf_add_text(out, "{\"route\":");
    buf_add_json(out, str_of(name));
    buf_addf(out, ",\"requests\":%lld,\"errors\":%lld,\"sum_us\":%lld,\"buckets\":[",
             (long long)look(&traffic->requests), (long long)look(&traffic->errors),
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
        if (look(&place->routes[i].requests) == 0)
            continue;
        if (any)
            buf_add_char(out, ',');
        any = true;
        add_route(names[i], &place->routes[i], out);
    }
    buf_add_text(out, "]}");
}
