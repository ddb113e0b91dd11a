/* `tipster key`: makes API keys, lists them, ends them. A key's secret is printed once, here. */
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "cli/admin.h"
#include "cli/verbs.h"
#include "store/key_table.h"

#include <getopt.h>

static const char help[] =
    "Usage: tipster key add COMPANY --scope WORDS [--label TEXT] [--expires WHEN] [--json]\n"
    "       tipster key list [COMPANY] [--json]\n"
    "       tipster key rotate KEYID [--keep DURATION] [--expires WHEN] [--json]\n"
    "       tipster key revoke KEYID [--json]\n\n"
    "add     prints a new key, once: only its SHA-256 is kept. WORDS are ingest, read and admin "
    "with commas.\n"
    "rotate  makes another key with the scopes and the label of KEYID; the old one goes on for "
    "DURATION\n"
    "        (default 24h; 0: ends now), so that its users can change over.\n"
    "revoke  ends a key now.\n\n"
    "KEYID is the middle of a key: tip_KEYID_secret. Running servers learn of it within 5 s, at "
    "once after\n"
    "SIGHUP.\n\n"
    "  --expires WHEN  a date, a time, or a duration from now: 2027-01-31, 90d, 12h\n"
    "  --label TEXT    what the key is for, shown in the list\n"
    "  --json          the result as JSON on standard output\n\n"
    "Example:\n  tipster key add acme --scope ingest,read --label 'the feed' --expires 365d\n";

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

static int wrong_use(const char *problem)
{
    fprintf(stderr, "tipster key: %s (tipster key --help)\n", problem);
    return EXIT_USAGE;
}

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
    if (options->scopes == SCOPE_NONE)
        return wrong_use("--scope is missing: ingest, read, admin, with commas");
    if (!company_id_is_valid(options->target))
        return wrong_use("a company's id is 1 to 32 of a-z, 0-9, - and _");
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
    return EXIT_DONE;
}

static const struct {
    const char *name, *options; /* that it takes, by their letters */
    bool needs_target;
    int (*run)(struct db *db, const struct options *options);
} actions[] = {
    {"add", "slej", true, run_add},
    {"list", "j", false, run_list},
    {"rotate", "kej", true, run_rotate},
    {"revoke", "j", true, run_revoke},
};
enum { ACTIONS = sizeof(actions) / sizeof(actions[0]) };

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
    case 'j':
        options->json = true;
        return NULL;
    default:
        return "wrong options";
    }
}

/* NULL, or what is wrong. */
static const char *parse_options(int argc, char **argv, const char *allowed,
                                 struct options *options)
{
    static const struct option known[] = {
        {"scope", required_argument, NULL, 's'},   {"label", required_argument, NULL, 'l'},
        {"expires", required_argument, NULL, 'e'}, {"keep", required_argument, NULL, 'k'},
        {"json", no_argument, NULL, 'j'},          {NULL, 0, NULL, 0}};
    const char *problem = NULL;
    for (int option; problem == NULL && (option = getopt_long(argc, argv, "", known, NULL)) != -1;)
        problem = option != '?' && strchr(allowed, option) == NULL
                      ? "this option belongs to another command"
                      : take_option(option, optarg, options);
    if (problem == NULL && optind < argc)
        options->target = argv[optind++];
    if (problem == NULL && optind < argc)
        problem = "too many arguments";
    return problem;
}

int verb_key(int argc, char **argv, const struct config *config)
{
    AUTO_DB *db = NULL;
    struct options options = {
        .expires_at_ms = KEY_NEVER, .keep_ms = KEEP_DEFAULT_MS, .now_ms = clock_realtime_ms()};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            fputs(help, stdout);
            return EXIT_DONE;
        }
    }
    int action = 0;
    while (argc > 1 && action < ACTIONS && strcmp(argv[1], actions[action].name) != 0)
        action++;
    if (argc < 2 || action == ACTIONS)
        return wrong_use("add, list, rotate or revoke?");
    const char *problem = parse_options(argc - 1, argv + 1, actions[action].options, &options);
    if (problem != NULL)
        return wrong_use(problem);
    if (actions[action].needs_target && options.target == NULL)
        return wrong_use("a company or a key's id is missing");
    if (admin_open(config, verb, &db) != 0)
        return EXIT_FAILED;
    return actions[action].run(db, &options);
}
