/* See http_client.h. One easy handle per connection, taken again and again: keep-alive. */
#include "cli/http_client.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

#include <assert.h>
#include <curl/curl.h>
#include <stdlib.h>

enum { BODY_MAX_BYTES = 16 * 1048576, CONNECT_TIMEOUT_MS = 3000, ANSWER_TIMEOUT_MS = 10000 };

struct slot {
    CURL *easy;
    bool busy;
    struct buf body;
    struct curl_slist *headers;
    const char *content_type; /* headers were made for it */
    http_done *done;
    void *context;
    int64_t started_us;
    char error[CURL_ERROR_SIZE];
};

struct http_client {
    CURLM *multi;
    char *base_url;
    char *authorization; /* a header line, or NULL */
    int connections, busy;
    struct slot *slots;
};

static size_t take_body(char *data, size_t size, size_t count, void *context)
{
    struct slot *slot = context;
    size_t len = size * count;
    if (slot->body.len < BODY_MAX_BYTES)
        buf_add(&slot->body, data, len);
    return len;
}

static bool looks_like_url(const char *url)
{
    if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
        return false;
    const char *host = strstr(url, "://") + 3;
    const char *slash = strchr(host, '/');
    return *host != '\0' && slash != host && (slash == NULL || slash[1] == '\0');
}

static void set_up(struct slot *slot)
{
    slot->easy = curl_easy_init();
    if (slot->easy == NULL)
        abort();
    curl_easy_setopt(slot->easy, CURLOPT_PRIVATE, slot);
    curl_easy_setopt(slot->easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(slot->easy, CURLOPT_WRITEDATA, slot);
    curl_easy_setopt(slot->easy, CURLOPT_ERRORBUFFER, slot->error);
    curl_easy_setopt(slot->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(slot->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(slot->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    curl_easy_setopt(slot->easy, CURLOPT_TIMEOUT_MS, (long)ANSWER_TIMEOUT_MS);
    curl_easy_setopt(slot->easy, CURLOPT_USERAGENT, "tipster/" TIPSTER_VERSION);
    curl_easy_setopt(slot->easy, CURLOPT_PROXY,
                     ""); /* the server itself, whatever the shell says */
}

int http_client_open(const char *base_url, int connections, struct http_client **ret_client)
{
    if (!looks_like_url(base_url))
        return TIP_EINVAL;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    struct http_client *client = xcalloc(1, sizeof(*client));
    client->base_url = xstrdup(base_url);
    size_t len = strlen(client->base_url);
    if (client->base_url[len - 1] == '/')
        client->base_url[len - 1] = '\0';
    client->connections = connections;
    client->slots = xcalloc((size_t)connections, sizeof(*client->slots));
    client->multi = curl_multi_init();
    if (client->multi == NULL)
        abort();
    curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)connections);
    for (int i = 0; i < connections; i++)
        set_up(&client->slots[i]);
    *ret_client = client;
    return 0;
}

void http_client_set_key(struct http_client *client, const char *key)
{
    free(client->authorization);
    client->authorization = *key != '\0' ? xasprintf("Authorization: Bearer %s", key) : NULL;
}

void http_client_close(struct http_client *client)
{
    if (client == NULL)
        return;
    for (int i = 0; i < client->connections; i++) {
        struct slot *slot = &client->slots[i];
        if (slot->busy)
            curl_multi_remove_handle(client->multi, slot->easy);
        curl_easy_cleanup(slot->easy);
        curl_slist_free_all(slot->headers);
        buf_release(&slot->body);
    }
    curl_multi_cleanup(client->multi);
    free(client->slots);
    free(client->base_url);
    free(client->authorization);
    free(client);
}

int http_client_room(const struct http_client *client)
{
    return client->connections - client->busy;
}

int http_client_busy(const struct http_client *client)
{
    return client->busy;
}

static void set_headers(const struct http_client *client, struct slot *slot,
                        const char *content_type)
{
    if (slot->headers != NULL && slot->content_type == content_type)
        return;
    curl_slist_free_all(slot->headers);
    slot->headers = curl_slist_append(NULL, "Expect:"); /* no extra round trip for large bodies */
    if (content_type != NULL) {
        AUTO_FREE char *header = xasprintf("Content-Type: %s", content_type);
        slot->headers = curl_slist_append(slot->headers, header);
    }
    if (client->authorization != NULL)
        slot->headers = curl_slist_append(slot->headers, client->authorization);
    slot->content_type = content_type;
    curl_easy_setopt(slot->easy, CURLOPT_HTTPHEADER, slot->headers);
}

void http_client_start(struct http_client *client, const char *path, const char *content_type,
                       struct str body, http_done *done, void *context)
{
    int i = 0;
    while (i < client->connections && client->slots[i].busy)
        i++;
    assert(i < client->connections);
    struct slot *slot = &client->slots[i];
    AUTO_FREE char *url = xasprintf("%s%s", client->base_url, path);
    curl_easy_setopt(slot->easy, CURLOPT_URL, url);
    if (body.data != NULL) {
        curl_easy_setopt(slot->easy, CURLOPT_POST, 1L);
        curl_easy_setopt(slot->easy, CURLOPT_POSTFIELDS, body.data);
        curl_easy_setopt(slot->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
    } else {
        curl_easy_setopt(slot->easy, CURLOPT_HTTPGET, 1L);
    }
    set_headers(client, slot, content_type);
    buf_clear(&slot->body);
    slot->error[0] = '\0';
    slot->done = done;
    slot->context = context;
    slot->started_us = clock_monotonic_us();
    slot->busy = true;
    client->busy++;
    if (curl_multi_add_handle(client->multi, slot->easy) != CURLM_OK)
        abort();
}

static void finish(struct http_client *client, CURL *easy, CURLcode code)
{
    struct slot *slot = NULL;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&slot);
    struct http_reply reply = {.latency_us = clock_monotonic_us() - slot->started_us,
                               .body = buf_str(&slot->body)};
    curl_off_t retry_after_s = 0;
    if (code == CURLE_OK) {
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &reply.status);
        curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &retry_after_s);
        reply.retry_after_ms = retry_after_s * 1000;
    } else {
        reply.failure = slot->error[0] != '\0' ? slot->error : curl_easy_strerror(code);
    }
    curl_multi_remove_handle(client->multi, easy);
    slot->busy = false;
    client->busy--;
    /* The callback may start the next request, which may take this very slot. */
    struct buf body = slot->body;
    slot->body = (struct buf){0};
    char error[CURL_ERROR_SIZE];
    if (reply.failure == slot->error)
        reply.failure = memcpy(error, slot->error, sizeof(error));
    slot->done(slot->context, &reply);
    if (slot->body.data == NULL)
        slot->body = body;
    else
        buf_release(&body);
}

void http_client_run(struct http_client *client, int wait_ms)
{
    int running, left;
    curl_multi_perform(client->multi, &running);
    if (running == client->busy && wait_ms > 0) { /* nothing finished: wait for something */
        curl_multi_poll(client->multi, NULL, 0, wait_ms, NULL);
        curl_multi_perform(client->multi, &running);
    }
    CURLMsg *message;
    while ((message = curl_multi_info_read(client->multi, &left)) != NULL)
        if (message->msg == CURLMSG_DONE)
            finish(client, message->easy_handle, message->data.result);
}

struct answer {
    bool came;
    long status;
    struct buf *body;
};

static void take_answer(void *context, const struct http_reply *reply)
{
    struct answer *answer = context;
    answer->came = true;
    answer->status = reply->status;
    if (reply->failure != NULL)
        buf_add_text(answer->body, reply->failure);
    else
        buf_add_str(answer->body, reply->body);
}

int http_client_get(struct http_client *client, const char *path, long *ret_status,
                    struct buf *body)
{
    struct answer answer = {.body = body};
    buf_clear(body);
    http_client_start(client, path, NULL, (struct str){0}, take_answer, &answer);
    while (!answer.came)
        http_client_run(client, 100);
    if (answer.status == 0)
        return TIP_EUNAVAIL;
    *ret_status = answer.status;
    return 0;
}

const char *http_library_version(void)
{
    return curl_version_info(CURLVERSION_NOW)->version;
}

void http_escape(struct str text, struct buf *out)
{
    static const char unreserved[] = "-._~";
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     (c != '\0' && strchr(unreserved, c) != NULL);
        if (plain)
            buf_add_char(out, (char)c);
        else
            buf_addf(out, "%%%02X", c);
    }
}
