/* Reading ledgers; see ledger.h. */
#include "cli/ledger.h"

#include "base/err.h"
#include "base/mem.h"
#include "domain/codec.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIELDS_MAX = 6 };

/* Where an attempt of the file being read stands, by its number. */
struct place {
    uint64_t seq;
    size_t index;
};

struct outcome {
    uint64_t seq;
    enum attempt_outcome outcome;
    size_t line;
};

struct file {
    const char *path;
    size_t line;
    size_t first; /* index of its first attempt */
    struct outcome *outcomes;
    size_t outcome_count, outcome_capacity;
    struct buf *problem;
};

static int bad_line(struct file *file, const char *what)
{
    buf_addf(file->problem, "%s:%zu: %s", file->path, file->line, what);
    return TIP_ESYNTAX;
}

void ledger_content(const struct record *record, uint8_t ret_content[static SHA256_SIZE])
{
    struct record plain = *record;
    AUTO_BUF canonical = {0};
    if (plain.kind == RECORD_USER)
        plain.user.version = VERSION_NONE;
    else if (plain.kind == RECORD_EVENT)
        plain.event.version = VERSION_NONE;
    record_canonical(&plain, &canonical);
    sha256_of(buf_str(&canonical), ret_content);
}

/* Splits at tabs; the last field keeps the tabs it has. Returns how many. */
static size_t split(struct str line, size_t most, struct str fields[FIELDS_MAX])
{
    size_t count = 0;
    while (count + 1 < most) {
        const char *tab = line.len > 0 ? memchr(line.data, '\t', line.len) : NULL;
        if (tab == NULL)
            break;
        size_t len = (size_t)(tab - line.data);
        fields[count++] = str_from(line.data, len);
        line = str_from(tab + 1, line.len - len - 1);
    }
    fields[count++] = line;
    return count;
}

static bool parse_number(struct str text, uint64_t *ret_number)
{
    uint64_t number = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        number = number * 10 + (uint64_t)(text.data[i] - '0');
    }
    *ret_number = number;
    return text.len > 0 && text.len < 20;
}

static int word_index(struct str word, const char *const *words, int count)
{
    for (int i = 0; i < count; i++)
        if (str_equal(word, str_of(words[i])))
            return i;
    return -1;
}

static void read_put(struct ledger *ledger, enum generation generation, struct str payload,
                     int64_t now_ms, struct attempt *attempt)
{
    static struct violations violations;
    violations_clear(&violations);
    AUTO_RECORD record = {0};
    if (record_parse(attempt->kind, generation, payload, now_ms, &record, &violations) != 0)
        return;
    attempt->valid = true;
    attempt->id = arena_copy(&ledger->bytes, record_id(&record));
    if (record.kind == RECORD_COUPON)
        attempt->user_id = arena_copy(&ledger->bytes, record.coupon.user_id);
    else
        attempt->version = record.kind == RECORD_USER ? record.user.version : record.event.version;
    ledger_content(&record, attempt->content);
}

static void read_delete(struct ledger *ledger, struct str payload, struct attempt *attempt)
{
    json_t *json = json_loadb(payload.data, payload.len, JSON_REJECT_DUPLICATES, NULL);
    const json_t *id = json_object_get(json, "event_id"),
                 *version = json_object_get(json, "version");
    struct str text = str_from(json_string_value(id), json_string_length(id));
    bool version_fits = version == NULL || json_is_null(version) ||
                        (json_is_integer(version) && json_integer_value(version) >= 0 &&
                         json_integer_value(version) <= VERSION_MAX);
    if (json_is_string(id) && id_is_valid(text) && version_fits) {
        attempt->valid = true;
        attempt->withdrawal = true;
        attempt->id = arena_copy(&ledger->bytes, text);
        if (json_is_integer(version))
            attempt->version = json_integer_value(version);
    }
    json_decref(json);
}

static void read_erasure(struct ledger *ledger, struct str payload, struct attempt *attempt)
{
    json_t *json = json_loadb(payload.data, payload.len, JSON_REJECT_DUPLICATES, NULL);
    const json_t *id = json_object_get(json, "user_id");
    struct str text = str_from(json_string_value(id), json_string_length(id));
    if (json_is_string(id) && id_is_valid(text)) {
        attempt->valid = true;
        attempt->erasure = true;
        attempt->id = arena_copy(&ledger->bytes, text);
    }
    json_decref(json);
}

enum { LEDGER_PUT, LEDGER_DELETE, LEDGER_ERASE, LEDGER_CHANGES };

static int add_attempt(struct ledger *ledger, struct file *file, struct str line, int64_t now_ms)
{
    static const char *const kinds[] = {"user", "event", "coupon"}; /* as enum record_kind */
    static const char *const changes[] = {"put", "delete", "erase"};
    static const char *const generations[] = {"v1", "older"}; /* as enum generation */
    struct str fields[FIELDS_MAX];
    uint64_t seq;
    if (split(line, FIELDS_MAX, fields) != FIELDS_MAX || !parse_number(fields[1], &seq))
        return bad_line(
            file, "not an attempt: SEQ, record, change, generation and payload, each after a tab");
    int kind = word_index(fields[2], kinds, RECORD_KINDS),
        change = word_index(fields[3], changes, LEDGER_CHANGES);
    int generation = word_index(fields[4], generations, 2);
    if (kind < 0 || change < 0 || generation < 0)
        return bad_line(file, "not coupon, user or event; put, delete or erase; v1 or older");
    if (change == LEDGER_DELETE && kind != RECORD_EVENT)
        return bad_line(file, "only events are deleted");
    if (change == LEDGER_ERASE && kind != RECORD_USER)
        return bad_line(file, "only users are erased");
    if (ledger->count == ledger->capacity) {
        ledger->capacity = ledger->capacity > 0 ? ledger->capacity * 2 : 1024;
        ledger->attempts =
            xreallocarray(ledger->attempts, ledger->capacity, sizeof(*ledger->attempts));
    }
    struct attempt *attempt = &ledger->attempts[ledger->count];
    *attempt = (struct attempt){.kind = (enum record_kind)kind,
                                .seq = seq,
                                .place = ledger->count,
                                .version = VERSION_NONE};
    ledger->count++;
    if (change == LEDGER_DELETE)
        read_delete(ledger, fields[5], attempt);
    else if (change == LEDGER_ERASE)
        read_erasure(ledger, fields[5], attempt);
    else
        read_put(ledger, (enum generation)generation, fields[5], now_ms, attempt);
    return 0;
}

static int add_outcome(struct file *file, struct str line)
{
    static const char *const outcomes[] = {"unknown", "ok", "fail"}; /* as enum attempt_outcome */
    struct str fields[FIELDS_MAX];
    uint64_t seq;
    int outcome = -1;
    if (split(line, FIELDS_MAX, fields) == 3 && parse_number(fields[1], &seq))
        outcome = word_index(fields[2], outcomes, 3);
    if (outcome < 0)
        return bad_line(file, "not an outcome: SEQ and ok, fail or unknown, each after a tab");
    if (file->outcome_count == file->outcome_capacity) {
        file->outcome_capacity = file->outcome_capacity > 0 ? file->outcome_capacity * 2 : 1024;
        file->outcomes =
            xreallocarray(file->outcomes, file->outcome_capacity, sizeof(*file->outcomes));
    }
    file->outcomes[file->outcome_count++] =
        (struct outcome){.seq = seq, .outcome = (enum attempt_outcome)outcome, .line = file->line};
    return 0;
}

static int add_line(struct ledger *ledger, struct file *file, struct str line, int64_t now_ms)
{
    if (line.len > 8 && memcmp(line.data, "attempt\t", 8) == 0)
        return add_attempt(ledger, file, line, now_ms);
    if (line.len > 8 && memcmp(line.data, "outcome\t", 8) == 0)
        return add_outcome(file, line);
    return line.len == 0 ? 0 : bad_line(file, "begins neither with attempt nor with outcome");
}

static int by_seq(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    return x->seq < y->seq ? -1 : x->seq > y->seq;
}

/* Gives the file's attempts their outcomes. */
static int match_outcomes(struct ledger *ledger, struct file *file)
{
    size_t count = ledger->count - file->first;
    AUTO_FREE struct place *places = xcalloc(count + 1, sizeof(*places));
    AUTO_FREE bool *told = xcalloc(count + 1, sizeof(*told));
    for (size_t i = 0; i < count; i++)
        places[i] = (struct place){ledger->attempts[file->first + i].seq, i};
    qsort(places, count, sizeof(*places), by_seq);
    for (size_t i = 1; i < count; i++)
        if (places[i].seq == places[i - 1].seq) {
            buf_addf(file->problem, "%s: two attempts have the number %llu", file->path,
                     (unsigned long long)places[i].seq);
            return TIP_ESYNTAX;
        }
    for (size_t i = 0; i < file->outcome_count; i++) {
        const struct outcome *outcome = &file->outcomes[i];
        struct place wanted = {.seq = outcome->seq};
        const struct place *found = bsearch(&wanted, places, count, sizeof(*places), by_seq);
        file->line = outcome->line;
        if (found == NULL)
            return bad_line(file, "an outcome without its attempt");
        if (told[found->index])
            return bad_line(file, "a second outcome of one attempt");
        told[found->index] = true;
        ledger->attempts[file->first + found->index].outcome = outcome->outcome;
    }
    return 0;
}

static int read_lines(struct ledger *ledger, struct file *file, FILE *input, int64_t now_ms)
{
    AUTO_FREE char *line = NULL;
    size_t capacity = 0;
    ssize_t len;
    int err = 0;
    while (err == 0 && (len = getline(&line, &capacity, input)) > 0) {
        file->line++;
        if (line[len - 1] != '\n')
            break; /* torn: its writer died before it sent anything */
        err = add_line(ledger, file, str_from(line, (size_t)len - 1), now_ms);
    }
    if (err == 0 && ferror(input)) {
        buf_addf(file->problem, "%s: cannot be read: %s", file->path, strerror(errno));
        err = TIP_EIO;
    }
    return err == 0 ? match_outcomes(ledger, file) : err;
}

int ledger_read(struct ledger *ledger, const char *path, int64_t now_ms, struct buf *ret_problem)
{
    struct file file = {.path = path, .first = ledger->count, .problem = ret_problem};
    FILE *input = fopen(path, "r");
    if (input == NULL) {
        buf_addf(ret_problem, "%s: cannot be read: %s", path, strerror(errno));
        return TIP_EIO;
    }
    int err = read_lines(ledger, &file, input, now_ms);
    fclose(input);
    free(file.outcomes);
    return err;
}

static int compare_ids(const struct attempt *attempt, enum record_kind kind, struct str user_id,
                       struct str id)
{
    if (attempt->kind != kind)
        return attempt->kind < kind ? -1 : 1;
    int order = str_compare(attempt->user_id, user_id);
    return order != 0 ? order : str_compare(attempt->id, id);
}

static int by_id_and_place(const void *a, const void *b)
{
    const struct attempt *x = a, *y = b;
    int order = compare_ids(x, y->kind, y->user_id, y->id);
    if (order != 0)
        return order;
    return x->place < y->place ? -1 : x->place > y->place;
}

void ledger_index(struct ledger *ledger)
{
    qsort(ledger->attempts, ledger->count, sizeof(*ledger->attempts), by_id_and_place);
    ledger->keys = xcalloc(ledger->count + 1, sizeof(*ledger->keys));
    for (size_t i = 0; i < ledger->count; i++) {
        struct attempt *attempt = &ledger->attempts[i];
        if (i == 0 || compare_ids(attempt - 1, attempt->kind, attempt->user_id, attempt->id) != 0)
            ledger->keys[ledger->key_count++] = (struct ledger_key){.attempts = attempt};
        ledger->keys[ledger->key_count - 1].count++;
    }
}

struct ledger_key *ledger_find(const struct ledger *ledger, enum record_kind kind,
                               struct str user_id, struct str id)
{
    size_t low = 0, high = ledger->key_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        struct ledger_key *key = &ledger->keys[middle];
        int order = compare_ids(key->attempts, kind, user_id, id);
        if (order == 0)
            return key;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

void ledger_release(struct ledger *ledger)
{
    arena_release(&ledger->bytes);
    free(ledger->attempts);
    free(ledger->keys);
    *ledger = (struct ledger){0};
}
