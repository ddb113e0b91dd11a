/* What is known of companies and keys; see directory.h. */
#include "http/directory.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "http/backend.h"
#include "http/loop.h"
#include "http/metrics.h"
#include "http/pool.h"
#include "http/shared.h"
#include "store/company.h"
#include "store/key_table.h"

#include <signal.h>
#include <stdlib.h>

enum { READ_EVERY_MS = 1000, RETRY_EVERY_MS = 500, LOOKS_MAX = 100 };

/* Rows by id. Capacities are those of the settings. */
struct table {
    uint32_t company_count, key_count;
    struct directory_company *companies;
    struct directory_key *keys;
};

static struct shared {
    uint64_t begun, published; /* copy number n stands in tables[n % 2]; 0: none yet */
    struct table tables[2];
    int64_t read_at_ms;  /* monotonic */
    uint64_t left_out;   /* rows that did not fit */
    int anonymous_state; /* of the anonymous company, as last told: an err */
} * shared;

static const struct config *config;

/* A read on a thread of the pool; by turns the thread's and the loop's. */
static struct reading {
    struct pool_job job; /* first */
    int err;
} reading;

static struct pool *pool;
static bool is_reading;
static int64_t next_read_ms;
static volatile sig_atomic_t wanted_at_once;

void directory_setup(const struct config *settings)
{
    config = settings;
    shared = shared_new(sizeof(*shared));
    for (int i = 0; i < 2; i++) {
        struct table *table = &shared->tables[i];
        table->companies =
            shared_new((size_t)config->companies_max * sizeof(struct directory_company));
        table->keys = shared_new((size_t)config->keys_max * sizeof(struct directory_key));
    }
}

/* Looking things up. */

static struct str company_id(const struct directory_company *company)
{
    return str_from(company->id, company->id_len);
}

static const struct directory_company *find_company(const struct table *table, struct str id)
{
    size_t low = 0, high = table->company_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = str_compare(id, company_id(&table->companies[middle]));
        if (order == 0)
            return &table->companies[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

static const struct directory_key *find_key(const struct table *table, struct str id)
{
    size_t low = 0, high = table->key_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = memcmp(id.data, table->keys[middle].id, API_KEY_ID_LEN);
        if (order == 0)
            return &table->keys[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* What is looked for and what was found: copies, since the rows may be written over. */
struct look {
    struct str id;
    struct directory_company company;
    struct directory_key key;
};

typedef int (*look_fn)(const struct table *table, struct look *look);

/* Looks until what was seen is of one copy. */
static int look_up(look_fn in, struct look *look)
{
    for (int i = 0; i < LOOKS_MAX; i++) {
        uint64_t number = __atomic_load_n(&shared->published, __ATOMIC_ACQUIRE);
        if (number == 0)
            return TIP_EUNAVAIL;
        int err = in(&shared->tables[number % 2], look);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (__atomic_load_n(&shared->begun, __ATOMIC_RELAXED) <= number + 1)
            return err;
    }
    return TIP_EUNAVAIL;
}

static int look_for_company(const struct table *table, struct look *look)
{
    const struct directory_company *company = find_company(table, look->id);
    if (company == NULL)
        return TIP_ENOTFOUND;
    look->company = *company;
    return 0;
}

static int look_for_key(const struct table *table, struct look *look)
{
    const struct directory_key *key = find_key(table, look->id);
    if (key == NULL)
        return TIP_ENOTFOUND;
    look->key = *key;
    if (look->key.company >= table->company_count) /* being written over */
        return TIP_ENOTFOUND;
    look->company = table->companies[look->key.company];
    return 0;
}

int directory_company(struct str id, struct directory_company *ret_company)
{
    struct look look = {.id = id};
    int err = look_up(look_for_company, &look);
    if (err == 0)
        *ret_company = look.company;
    return err;
}

int directory_key(struct str id, int64_t now_ms, struct directory_key *ret_key,
                  struct directory_company *ret_company)
{
    struct look look = {.id = id};
    int err = look_up(look_for_key, &look);
    if (err != 0)
        return err;
    if (look.key.expires_at_ms <= now_ms)
        return TIP_ENOTFOUND;
    *ret_key = look.key;
    *ret_company = look.company;
    return 0;
}

/* Reading. */

/* The rows on their way from the database. */
struct draft {
    struct table table;
    uint64_t left_out;
};

static void draft_release(struct draft *draft)
{
    free(draft->table.companies);
    free(draft->table.keys);
}

static void add_company(struct draft *draft, const struct company *company)
{
    struct table *table = &draft->table;
    if (company->partitions < 1)
        return;
    if (table->company_count >= config->companies_max) {
        draft->left_out++;
        return;
    }
    struct directory_company *row = &table->companies[table->company_count++];
    size_t len = strlen(company->id);
    *row = (struct directory_company){.id_len = (uint8_t)len,
                                      .include_started = company->include_started,
                                      .disabled = company->disabled,
                                      .partitions = company->partitions};
    memcpy(row->id, company->id, len);
    for (int i = 0; i < SCOPE_CLASSES; i++)
        row->limits[i] = (int32_t)company->limits[i];
}

static int read_companies(struct db *db, struct draft *draft)
{
    AUTO_FREE struct company *page = xcalloc(COMPANIES_PAGE_MAX, sizeof(*page));
    char after[COMPANY_MAX_BYTES + 1] = "";
    size_t count;
    do {
        int err = company_page(db, after, page, &count);
        if (err != 0)
            return err;
        for (size_t i = 0; i < count; i++)
            add_company(draft, &page[i]);
        if (count > 0)
            memcpy(after, page[count - 1].id, sizeof(after));
    } while (count == COMPANIES_PAGE_MAX);
    return 0;
}

static void add_key(struct draft *draft, const struct key_row *key)
{
    struct table *table = &draft->table;
    const struct directory_company *company = find_company(table, str_of(key->company));
    if (company == NULL || strlen(key->id) != API_KEY_ID_LEN)
        return;
    if (table->key_count >= config->keys_max) {
        draft->left_out++;
        return;
    }
    struct directory_key *row = &table->keys[table->key_count++];
    *row = (struct directory_key){.scopes = (uint8_t)key->scopes,
                                  .company = (uint32_t)(company - table->companies),
                                  .expires_at_ms = key->expires_at_ms};
    memcpy(row->id, key->id, API_KEY_ID_LEN);
    memcpy(row->secret_hash, key->secret_hash, SHA256_SIZE);
}

static int read_keys(struct db *db, struct draft *draft)
{
    AUTO_FREE struct key_row *page = xcalloc(KEYS_PAGE_MAX, sizeof(*page));
    struct key_row after, *start = NULL;
    int64_t now_ms = clock_realtime_ms();
    size_t count;
    do {
        int err = key_page(db, start, now_ms, page, &count);
        if (err != 0)
            return err;
        for (size_t i = 0; i < count; i++)
            add_key(draft, &page[i]);
        if (count > 0) {
            after = page[count - 1];
            start = &after;
        }
    } while (count == KEYS_PAGE_MAX);
    return 0;
}

static int by_id(const void *a, const void *b)
{
    const struct directory_key *x = a, *y = b;
    return memcmp(x->id, y->id, API_KEY_ID_LEN);
}

static int by_slot(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Keys keep the slots they had; new ones get those that are free, the lowest first. */
static void assign_slots(struct table *table)
{
    uint64_t number = __atomic_load_n(&shared->published, __ATOMIC_RELAXED);
    const struct table *before = &shared->tables[number % 2];
    AUTO_FREE uint32_t *taken = xcalloc((size_t)table->key_count + 1, sizeof(*taken));
    uint32_t taken_count = 0, at = 0, free_slot = 0;
    for (uint32_t i = 0; i < table->key_count; i++) {
        struct directory_key *key = &table->keys[i];
        const struct directory_key *old =
            number > 0 ? find_key(before, str_from(key->id, API_KEY_ID_LEN)) : NULL;
        key->slot = old != NULL ? old->slot : UINT32_MAX;
        if (old != NULL)
            taken[taken_count++] = old->slot;
    }
    qsort(taken, taken_count, sizeof(*taken), by_slot);
    for (uint32_t i = 0; i < table->key_count; i++) {
        if (table->keys[i].slot != UINT32_MAX)
            continue;
        while (at < taken_count && taken[at] <= free_slot)
            free_slot += taken[at++] == free_slot;
        table->keys[i].slot = free_slot++;
    }
}

/* Into the copy that nobody is sent to now; a writer that was killed half-way begins it again. */
static void publish(const struct draft *draft)
{
    uint64_t number = __atomic_load_n(&shared->published, __ATOMIC_RELAXED) + 1;
    struct table *table = &shared->tables[number % 2];
    __atomic_store_n(&shared->begun, number, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    memcpy(table->companies, draft->table.companies,
           draft->table.company_count * sizeof(*table->companies));
    memcpy(table->keys, draft->table.keys, draft->table.key_count * sizeof(*table->keys));
    table->company_count = draft->table.company_count;
    table->key_count = draft->table.key_count;
    __atomic_store_n(&shared->published, number, __ATOMIC_RELEASE);
    __atomic_store_n(&shared->read_at_ms, clock_monotonic_ms(), __ATOMIC_RELAXED);
}

/* Says once what an operator has to mend. */
static void tell(const struct draft *draft)
{
    struct directory_company company;
    if (draft->left_out > 0 && shared->left_out == 0)
        log_error("serve",
                  "%llu companies or keys are left out and not served: raise COMPANIES_MAX or "
                  "KEYS_MAX",
                  (unsigned long long)draft->left_out);
    __atomic_store_n(&shared->left_out, draft->left_out, __ATOMIC_RELAXED);
    if (*config->anonymous_company == '\0')
        return;
    int state = directory_company(str_of(config->anonymous_company), &company);
    if (state != 0 && shared->anonymous_state == 0)
        log_error("serve", "company %s is not in the database: run `tipster migrate`",
                  config->anonymous_company);
    else if (state == 0 && shared->anonymous_state != 0)
        log_info("serve", "company %s is in the database now", config->anonymous_company);
    shared->anonymous_state = state;
}

int directory_read(struct db *db)
{
    struct draft draft = {
        .table = {.companies =
                      xcalloc((size_t)config->companies_max, sizeof(struct directory_company)),
                  .keys = xcalloc((size_t)config->keys_max, sizeof(struct directory_key))}};
    int err = read_companies(db, &draft);
    if (err == 0)
        err = read_keys(db, &draft);
    if (err == 0) {
        qsort(draft.table.keys, draft.table.key_count, sizeof(*draft.table.keys), by_id);
        assign_slots(&draft.table);
        publish(&draft);
        tell(&draft);
    }
    draft_release(&draft);
    return err;
}

static void read_on_thread(struct pool_job *job, void *backend)
{
    struct db *db;
    struct reading *own = (struct reading *)job;
    own->err = backend_db(backend, &db);
    if (own->err == 0)
        own->err = directory_read(db);
}

static void done(struct pool_job *job)
{
    is_reading = false;
    if (((struct reading *)job)->err != 0)
        next_read_ms = clock_monotonic_ms() + RETRY_EVERY_MS;
}

static void sweep(void *arg, int64_t now_ms)
{
    (void)arg;
    if (is_reading || (now_ms < next_read_ms && !wanted_at_once))
        return;
    wanted_at_once = 0;
    next_read_ms = now_ms + READ_EVERY_MS;
    reading.job = (struct pool_job){.run = read_on_thread, .done = done};
    is_reading = pool_submit(pool, &reading.job) == 0;
}

void directory_watch(struct pool *threads)
{
    pool = threads;
    loop_sweep_add(sweep, NULL);
    sweep(NULL, clock_monotonic_ms());
}

void directory_reread(void)
{
    wanted_at_once = 1;
}

/* What is said of it. */

void directory_problem(struct str company, int err, struct buf *out)
{
    if (company.len == 0)
        buf_add_text(out, "no company is known yet: the database has not been reached");
    else if (err == TIP_ENOTFOUND)
        buf_addf(out, "company %.*s is not in the database: run `tipster migrate`",
                 (int)company.len, company.data);
    else
        buf_addf(out, "company %.*s is not known yet: the database has not been reached",
                 (int)company.len, company.data);
}

static void render_gauge(struct buf *out, const char *name, const char *help, int64_t value)
{
    metrics_head(out, name, "gauge", help);
    buf_addf(out, "%s %lld\n", name, (long long)value);
}

void directory_render(struct buf *out)
{
    uint64_t number = __atomic_load_n(&shared->published, __ATOMIC_ACQUIRE);
    const struct table *table = &shared->tables[number % 2];
    render_gauge(out, "tipster_directory_companies", "Companies that serve knows.",
                 table->company_count);
    render_gauge(out, "tipster_directory_keys", "Keys that are neither revoked nor expired.",
                 table->key_count);
    render_gauge(out, "tipster_directory_left_out",
                 "Companies and keys beyond COMPANIES_MAX and KEYS_MAX: they are not served.",
                 (int64_t)__atomic_load_n(&shared->left_out, __ATOMIC_RELAXED));
    int64_t read_at_ms = __atomic_load_n(&shared->read_at_ms, __ATOMIC_RELAXED);
    metrics_head(out, "tipster_directory_age_seconds", "gauge",
                 "Since companies and keys were last read from the database; -1: never.");
    buf_addf(out, "tipster_directory_age_seconds %.3f\n",
             number == 0 ? -1.0 : (double)(clock_monotonic_ms() - read_at_ms) / 1000.0);
    if (*config->anonymous_company == '\0')
        return;
    struct directory_company company;
    metrics_head(out, "tipster_company_known", "gauge",
                 "1 when the anonymous company's row was read; until then writes are refused.");
    buf_add_text(out, "tipster_company_known{company=\"");
    metrics_label(out, str_of(config->anonymous_company));
    buf_addf(out, "\"} %d\n", directory_company(str_of(config->anonymous_company), &company) == 0);
}
