/* Metrics; see metrics.h. */
#include "http/metrics.h"

#include "base/mem.h"

#include <stdlib.h>
#include <sys/mman.h>

/* Upper bounds of the latency buckets, in microseconds. */
static const int64_t bounds_us[] = {500,   1000,   2500,   5000,   10000,   25000,
                                    50000, 100000, 250000, 500000, 1000000, 2500000};
enum { BUCKETS = sizeof(bounds_us) / sizeof(bounds_us[0]), STATUS_CLASSES = 6 };

struct route_metrics {
    int64_t by_status[STATUS_CLASSES];
    int64_t buckets[BUCKETS + 1]; /* not cumulative; the last is above all bounds */
    int64_t sum_us;
};

struct slot {
    int64_t values[METRIC_COUNT];
    struct route_metrics routes[METRICS_ROUTES_MAX];
};

enum metric_type { TYPE_COUNTER, TYPE_GAUGE };

static const struct {
    const char *name, *label, *help;
    enum metric_type type;
} descriptions[] = {
#define COUNTER_OF(id, name, label, help) {name, label, help, TYPE_COUNTER},
#define GAUGE_OF(id, name, label, help)   {name, label, help, TYPE_GAUGE},
#include "http/metrics.def"
#undef COUNTER_OF
#undef GAUGE_OF
};

static struct slot *slots, *own;
static int slot_count, route_count;
static const char *const *route_names;

/* One writer per value; other processes read it at any time. */
static void bump(int64_t *value, int64_t amount)
{
    __atomic_store_n(value, *value + amount, __ATOMIC_RELAXED);
}

static int64_t look(const int64_t *value)
{
    return __atomic_load_n(value, __ATOMIC_RELAXED);
}

void metrics_setup(int workers, const char *const *names, int count)
{
    slots = mmap(NULL, sizeof(struct slot) * (size_t)workers, PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (slots == MAP_FAILED || count > METRICS_ROUTES_MAX)
        abort();
    own = &slots[0];
    slot_count = workers;
    route_names = names;
    route_count = count;
}

void metrics_attach(int slot)
{
    own = &slots[slot];
    for (int i = 0; i < METRIC_COUNT; i++)
        if (descriptions[i].type == TYPE_GAUGE)
            metrics_set((enum metric)i, 0);
    metrics_add(METRIC_WORKER_STARTS, 1);
}

void metrics_add(enum metric metric, int64_t amount)
{
    bump(&own->values[metric], amount);
}

void metrics_set(enum metric metric, int64_t value)
{
    __atomic_store_n(&own->values[metric], value, __ATOMIC_RELAXED);
}

void metrics_request(int route, int status, int64_t duration_us)
{
    struct route_metrics *metrics = &own->routes[route];
    int status_class = status / 100;
    if (status_class < 1 || status_class >= STATUS_CLASSES)
        status_class = 5;
    int bucket = 0;
    while (bucket < BUCKETS && duration_us > bounds_us[bucket])
        bucket++;
    bump(&metrics->by_status[status_class], 1);
    bump(&metrics->buckets[bucket], 1);
    bump(&metrics->sum_us, duration_us);
}

void metrics_head(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void metrics_label(struct buf *out, struct str value)
{
    for (size_t i = 0; i < value.len; i++) {
        char c = value.data[i];
        if (c == '\\' || c == '"')
            buf_add_char(out, '\\');
        if (c == '\n')
            buf_add_text(out, "\\n");
        else
            buf_add_char(out, c);
    }
}

static void render_values(struct buf *out)
{
    for (int i = 0; i < METRIC_COUNT; i++) {
        const char *name = descriptions[i].name, *label = descriptions[i].label;
        if (i == 0 || strcmp(name, descriptions[i - 1].name) != 0)
            metrics_head(out, name, descriptions[i].type == TYPE_GAUGE ? "gauge" : "counter",
                         descriptions[i].help);
        for (int s = 0; s < slot_count; s++)
            buf_addf(out, "%s{worker=\"%d\"%s%s} %lld\n", name, s + 1, *label != '\0' ? "," : "",
                     label, (long long)look(&slots[s].values[i]));
    }
}

/* The sum over all workers; a route nobody has asked for is left out. */
static int64_t route_totals(int route, struct route_metrics *ret_total)
{
    struct route_metrics total = {0};
    int64_t requests = 0;
    for (int s = 0; s < slot_count; s++) {
        const struct route_metrics *metrics = &slots[s].routes[route];
        for (int c = 0; c < STATUS_CLASSES; c++)
            total.by_status[c] += look(&metrics->by_status[c]);
        for (int b = 0; b <= BUCKETS; b++)
            total.buckets[b] += look(&metrics->buckets[b]);
        total.sum_us += look(&metrics->sum_us);
    }
    for (int b = 0; b <= BUCKETS; b++)
        requests += total.buckets[b];
    *ret_total = total;
    return requests;
}

static void render_latency(struct buf *out, const char *name, const struct route_metrics *total,
                           int64_t requests)
{
    static const char *const metric = "tipster_http_request_duration_seconds";
    int64_t below = 0;
    for (int b = 0; b < BUCKETS; b++) {
        below += total->buckets[b];
        buf_addf(out, "%s_bucket{route=\"%s\",le=\"%g\"} %lld\n", metric, name,
                 (double)bounds_us[b] / 1e6, (long long)below);
    }
    buf_addf(out, "%s_bucket{route=\"%s\",le=\"+Inf\"} %lld\n", metric, name, (long long)requests);
    buf_addf(out, "%s_sum{route=\"%s\"} %.6f\n", metric, name, (double)total->sum_us / 1e6);
    buf_addf(out, "%s_count{route=\"%s\"} %lld\n", metric, name, (long long)requests);
}

static void render_routes(struct buf *out)
{
    struct route_metrics total;
    metrics_head(out, "tipster_http_requests_total", "counter", "Requests answered.");
    for (int r = 0; r < route_count; r++) {
        if (route_totals(r, &total) == 0)
            continue;
        for (int c = 1; c < STATUS_CLASSES; c++)
            if (total.by_status[c] > 0)
                buf_addf(out, "tipster_http_requests_total{route=\"%s\",status=\"%dxx\"} %lld\n",
                         route_names[r], c, (long long)total.by_status[c]);
    }
    metrics_head(out, "tipster_http_request_duration_seconds", "histogram",
                 "From the request's last byte to its answer.");
    for (int r = 0; r < route_count; r++) {
        int64_t requests = route_totals(r, &total);
        if (requests > 0)
            render_latency(out, route_names[r], &total, requests);
    }
}

void metrics_render(struct buf *out)
{
    render_values(out);
    render_routes(out);
}
