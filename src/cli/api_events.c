/* See api_events.h. */
#include "cli/api_events.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/timefmt.h"
#include "cli/http_client.h"
#include "cli/refusal.h"
#include "domain/codec.h"

#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

enum { PATIENCE_MS = 10000, PAUSE_US = 200000 };

struct answer {
    long status;     /* 0: none came */
    struct buf body; /* or why none came */
};

/* One GET, again while the server is away. */
static int get(struct http_client *client, const char *path, struct answer *answer)
{
    int64_t limit_ms = clock_monotonic_ms() + PATIENCE_MS;
    for (;;) {
        answer->status = 0;
        (void)http_client_get(client, path, &answer->status, &answer->body);
        if (answer->status == 200)
            return 0;
        bool transient = answer->status == 0 || answer->status == 429 || answer->status >= 500;
        if (!transient || clock_monotonic_ms() > limit_ms)
            return TIP_EUNAVAIL;
        usleep(PAUSE_US);
    }
}

/* As lax as it gets: what the server shows was accepted before. */
static void take_item(const json_t *item, api_event *take, void *context)
{
    struct violations violations;
    AUTO_RECORD record = {0};
    char *text = json_dumps(item, JSON_COMPACT);
    violations_clear(&violations);
    if (text != NULL &&
        record_parse(RECORD_EVENT, GENERATION_OLDER, str_of(text), 0, &record, &violations) == 0)
        take(context, &record.event);
    free(text);
}

/* Hands on the events of a page; *cursor becomes that of the next one, empty at the end. */
static int take_page(struct str body, api_event *take, void *context, struct buf *cursor)
{
    json_t *json = json_loadb(body.data, body.len, 0, NULL);
    json_t *items = json_object_get(json, "items");
    int err = json_is_array(items) ? 0 : TIP_ESYNTAX;
    size_t index;
    json_t *item;
    json_array_foreach(items, index, item) take_item(item, take, context);
    const char *next = json_string_value(json_object_get(json, "next_cursor"));
    buf_clear(cursor);
    if (next != NULL)
        buf_add_text(cursor, next);
    json_decref(json);
    return err;
}

/* Why there are no events. */
static void tell(const char *url, struct answer *answer, struct buf *ret_problem)
{
    struct refusal refusal;
    if (answer->status == 0) {
        buf_addf(ret_problem, "%s: %s", url, buf_cstr(&answer->body));
        return;
    }
    refusal_read(buf_str(&answer->body), &refusal);
    buf_addf(ret_problem, "%s/v1/events: status %ld%s%s%s", url, answer->status,
             refusal_setting(answer->status), *refusal.detail != '\0' ? ": " : "", refusal.detail);
}

int api_events_fetch(const char *url, const char *key, int64_t from_ms, int64_t to_ms,
                     api_event *take, void *context, struct buf *ret_problem)
{
    struct http_client *client;
    int err = http_client_open(url, 1, &client);
    if (err != 0) {
        buf_addf(ret_problem, "'%s' is not http://HOST:PORT", url);
        return err;
    }
    http_client_set_key(client, key);
    char from[TIME_TEXT_SIZE], to[TIME_TEXT_SIZE];
    struct answer answer = {0};
    AUTO_BUF cursor = {0};
    AUTO_BUF path = {0};
    time_format(from_ms, from);
    time_format(to_ms, to);
    do {
        buf_clear(&path);
        buf_addf(&path, "/v1/events?limit=500&from=%s&to=%s", from, to);
        if (cursor.len > 0) {
            buf_add_text(&path, "&cursor=");
            http_escape(buf_str(&cursor), &path);
        }
        err = get(client, buf_cstr(&path), &answer);
        if (err == 0)
            err = take_page(buf_str(&answer.body), take, context, &cursor);
    } while (err == 0 && cursor.len > 0);
    if (err != 0)
        tell(url, &answer, ret_problem);
    buf_release(&answer.body);
    http_client_close(client);
    return err;
}
