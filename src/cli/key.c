/* `tipster key`: makes API keys, lists them, ends them. A key's secret is printed once, here. */
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "cli/admin.h"
#include "cli/verbs.h"
#include "store/key_table.h"

enum { KEEP_DEFAULT_MS = 24 * 3600 * 1000 };

static const char verb[] = "key";

struct options {
    const char *target; /* a company or a key's id */
    unsigned scopes;
    const char *label;
    int64_t expires_at_ms; /* KEY_NEVER: not given */
    int64_t keep_ms, now_ms;
    bool json;
};

static const char *state_of(const struct key_row *key, int64_t now_ms)
{
    return key->revoked_at_ms <= now_ms   ? "revoked"
           : key->expires_at_ms <= now_ms ? "expired"
                                          : "live";
}

/* secret: the key's text, or NULL. */
static void key_json(const struct key_row *key, const char *secret, int64_t now_ms, struct buf *out)
{
    AUTO_BUF scopes = {0};
    scopes_format(key->scopes, &scopes);
    buf_addf(out, "{\"company\":\"%s\",\"key_id\":\"%s\"", key->company, key->id);
    if (secret != NULL)
        buf_addf(out, ",\"key\":\"%s\"", secret);
    buf_addf(out, ",\"scopes\":\"%s\",\"label\":", buf_cstr(&scopes));
    buf_add_json(out, str_of(key->label));
    buf_addf(out, ",\"state\":\"%s\"", state_of(key, now_ms));
    admin_json_time(out, "created_at", key->created_at_ms);
    admin_json_time(out, "expires_at", key->expires_at_ms);
    admin_json_time(out, "revoked_at", key->revoked_at_ms);
    buf_add_char(out, '}');
}

/* The key alone goes to standard output, so that a script can take it. */
static void show_new(const struct key_row *key, const char *secret, const struct options *options)
{
    AUTO_BUF text = {0};
    if (options->json) {
        key_json(key, secret, options->now_ms, &text);
        puts(buf_cstr(&text));
        return;
    }
    scopes_format(key->scopes, &text);
    fprintf(stderr, "key %s of company %s (%s): it is not shown again\n", key->id, key->company,
            buf_cstr(&text));
    puts(secret);
}

static int add_key(struct db *db, struct key_row *key, const struct options *options)
{
    struct api_key_new made;
    api_key_make(&made);
    memcpy(key->id, made.id, sizeof(key->id));
    memcpy(key->secret_hash, made.secret_hash, sizeof(key->secret_hash));
    key->created_at_ms = options->now_ms;
    key->revoked_at_ms = KEY_NEVER;
    int err = key_add(db, key);
    if (err == 0)
        show_new(key, made.text, options);
    explicit_bzero(&made, sizeof(made));
    return err == 0 ? EXIT_DONE : admin_failed(db, verb, "cannot make the key");
}

static int run_add(struct db *db, const struct options *options)
{
    struct company company;
    struct key_row key = {.scopes = options->scopes, .expires_at_ms = options->expires_at_ms};
    if (admin_company(db, verb, options->target, &company) != 0)
        return EXIT_FAILED;
    memcpy(key.company, company.id, sizeof(key.company));
    snprintf(key.label, sizeof(key.label), "%s", options->label != NULL ? options->label : "");
    return add_key(db, &key, options);
}

/* The key that is named; false: said why not. */
static bool find_key(struct db *db, const struct options *options, struct key_row *ret_key)
{
    int err = key_read(db, options->target, ret_key);
    if (err == TIP_ENOTFOUND)
        fprintf(stderr, "tipster key: there is no key '%s' (tipster key list)\n", options->target);
    else if (err != 0)
        admin_failed(db, verb, "cannot read the key");
    return err == 0;
}

static int run_rotate(struct db *db, const struct options *options)
{
    struct key_row old, key;
    if (!find_key(db, options, &old))
        return EXIT_FAILED;
    if (strcmp(state_of(&old, options->now_ms), "live") != 0) {
        fprintf(stderr, "tipster key: key %s is %s: make a new one with add\n", old.id,
                state_of(&old, options->now_ms));
        return EXIT_FAILED;
    }
    key = old;
    if (options->expires_at_ms != KEY_NEVER)
        key.expires_at_ms = options->expires_at_ms;
    int code = add_key(db, &key, options);
    if (code != EXIT_DONE)
        return code;
    if (options->keep_ms == 0)
        old.revoked_at_ms = options->now_ms;
    else if (options->now_ms + options->keep_ms < old.expires_at_ms)
        old.expires_at_ms = options->now_ms + options->keep_ms;
    if (key_write_end(db, &old) != 0)
        return admin_failed(db, verb, "the new key is made; the old one goes on: cannot end it");
    return EXIT_DONE;
}

static int run_revoke(struct db *db, const struct options *options)
{
    struct key_row key;
    AUTO_BUF text = {0};
    if (!find_key(db, options, &key))
        return EXIT_FAILED;
    bool was_revoked = key.revoked_at_ms != KEY_NEVER;
    if (!was_revoked) {
        key.revoked_at_ms = options->now_ms;
        if (key_write_end(db, &key) != 0)
            return admin_failed(db, verb, "cannot revoke the key");
    }
    if (options->json) {
        key_json(&key, NULL, options->now_ms, &text);
        puts(buf_cstr(&text));
    } else {
        printf("key %s of company %s: %s\n", key.id, key.company,
               was_revoked ? "was revoked already" : "revoked");
    }
    return EXIT_DONE;
}

static void list_one(const struct key_row *key, const struct options *options, bool first)
{
    AUTO_BUF text = {0};
    char expires[TIME_TEXT_SIZE] = "never";
    if (options->json) {
        key_json(key, NULL, options->now_ms, &text);
        printf("%s%s", first ? "" : ",", buf_cstr(&text));
        return;
    }
    if (key->expires_at_ms != KEY_NEVER)
        time_format(key->expires_at_ms, expires);
    scopes_format(key->scopes, &text);
    if (first)
        printf("%-32s %-12s %-7s %-17s %-24s %s\n", "company", "key id", "state", "scopes",
               "expires", "label");
    printf("%-32s %-12s %-7s %-17s %-24s %s\n", key->company, key->id,
           state_of(key, options->now_ms), buf_cstr(&text), expires, key->label);
}

static int run_list(struct db *db, const struct options *options)
{
    struct company company;
    AUTO_FREE struct key_row *page = xcalloc(KEYS_PAGE_MAX, sizeof(*page));
    struct key_row after = {0};
    size_t count, shown = 0;
    if (options->target != NULL && admin_company(db, verb, options->target, &company) != 0)
        return EXIT_FAILED;
    if (options->json)
        putchar('[');
    do {
        if (key_page(db, &after, KEY_NEVER, page, &count) != 0)
            return admin_failed(db, verb, "cannot list the keys");
        for (size_t i = 0; i < count; i++)
            if (options->target == NULL || strcmp(page[i].company, company.id) == 0)
                list_one(&page[i], options, shown++ == 0);
        if (count > 0)
            after = page[count - 1];
    } while (count == KEYS_PAGE_MAX);
    if (options->json)
        puts("]");
    else if (shown == 0)
        fputs("there is no key yet (tipster key add)\n", stderr);
    return EXIT_DONE;
}

/* A date, a time or a duration from now; in the future. */
static bool parse_end(const char *text, int64_t now_ms, int64_t *ret_ms)
{
    int64_t duration_ms;
    if (admin_duration(text, &duration_ms))
        *ret_ms = now_ms + duration_ms;
    else if (time_parse(str_of(text), TIME_OFFSET_OPTIONAL, ret_ms) != 0)
        return false;
    return *ret_ms > now_ms;
}

static const char *take_option(int option, const char *value, struct options *options)
{
    switch (option) {
    case 's':
        return scopes_parse(str_of(value), &options->scopes) == 0
                   ? NULL
                   : "--scope must be ingest, read, admin, each at most once, with commas";
    case 'l':
        options->label = value;
        return admin_text_is_valid(value, KEY_LABEL_MAX_BYTES)
                   ? NULL
                   : "--label must be at most 400 bytes of text without control characters";
    case 'e':
        return parse_end(value, options->now_ms, &options->expires_at_ms)
                   ? NULL
                   : "--expires must be a date, a time or a duration (90d, 12h) in the future";
    case 'k':
        return admin_duration(value, &options->keep_ms)
                   ? NULL
                   : "--keep must be a duration such as 24h, 30m or 0";
    default:
        options->json = true;
        return NULL;
    }
}

static const struct command_action actions[] = {
    {"add", "COMPANY",
     "prints a new key, once: only its SHA-256 is kept. WORDS are ingest, read and admin with "
     "commas.",
     1, 1},
    {"list", "[COMPANY]", "the keys of all companies, or of one", 0, 1},
    {"rotate", "KEYID",
     "makes another key with the scopes and the label of KEYID; the old one goes on for DURATION "
     "(default 24h; 0: ends now), so that its users can change over.",
     1, 1},
    {"revoke", "KEYID", "ends a key now.", 1, 1},
    {0},
};

/* In the order of actions. */
static int (*const runs[])(struct db *db, const struct options *options) = {run_add, run_list,
                                                                            run_rotate, run_revoke};

static int run(struct command_line *line, const struct config *config)
{
    AUTO_DB *db = NULL;
    const char *value;
    struct options options = {
        .expires_at_ms = KEY_NEVER, .keep_ms = KEEP_DEFAULT_MS, .now_ms = clock_realtime_ms()};
    for (int option; (option = command_next(line, &value)) != COMMAND_END;) {
        const char *problem = option != COMMAND_WRONG ? take_option(option, value, &options) : NULL;
        if (problem != NULL)
            command_wrong(&command_key, "%s", problem);
        if (problem != NULL || option == COMMAND_WRONG)
            return EXIT_USAGE;
    }
    options.target = command_arguments(line)[0];
    int (*act)(struct db * db, const struct options *options) = runs[command_action_index(line)];
    if (act == run_add && options.scopes == SCOPE_NONE)
        return command_wrong(&command_key, "--scope is missing: ingest, read, admin, with commas");
    if (act == run_add && !admin_company_id(&command_key, options.target))
        return EXIT_USAGE;
    return admin_open(config, verb, &db) == 0 ? act(db, &options) : EXIT_FAILED;
}

static const struct command_option known_options[] = {
    {'s', "scope", "WORDS", "what the key is good for: ingest, read, admin, with commas", "add"},
    {'l', "label", "TEXT", "what the key is for, shown in the list", "add"},
    {'e', "expires", "WHEN", "a date, a time, or a duration from now: 2027-01-31, 90d, 12h",
     "add rotate"},
    {'k', "keep", "DURATION", "how long the old key goes on: 24h, 30m, 0", "rotate"},
    {'j', "json", NULL, "the result as JSON on standard output"},
    {0},
};

const struct command command_key = {
    .name = "key",
    .summary = "Make, list, rotate and revoke the companies' API keys.",
    .description = "KEYID is the middle of a key: tip_KEYID_secret. Running servers learn of a "
                   "change within 5 s, at once after SIGHUP.",
    .actions = actions,
    .options = known_options,
    .examples = "tipster key add acme --scope ingest,read --label 'the feed' --expires 365d",
    .with_database = true,
    .run = run,
};
