/* The request's head; see request.h. */
#include "http/request.h"

#include "base/err.h"
#include "base/hash.h"
#include "http/call_state.h"
#include "http/reply.h"
#include "http/routes.h"

#include <kore/kore.h>
#include <kore/http.h>

#include <stdint.h>
#include <stdio.h>
#include <sys/random.h>

struct head {
    struct credentials *credentials;
    struct str *forwarded_for;
    struct str *after;
    int lengths, hosts;
    bool bad_length, has_body, transfer_coding;
    const char *request_id;
};

static uint64_t id_prefix, id_counter;

void request_id_setup(void)
{
    uint64_t random[2];
    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        fatal("getrandom: %s", strerror(errno));
    id_prefix = random[0];
    id_counter = random[1];
}

void request_id_make(char ret_id[static 33])
{
    static const char digits[] = "0123456789abcdef";
    uint64_t parts[2] = {id_prefix, hash_mix(id_counter++)};
    for (int i = 0; i < 32; i++)
        ret_id[i] = digits[(parts[i / 16] >> (60 - 4 * (i % 16))) & 15];
    ret_id[32] = '\0';
}

static bool is_sane_id(const char *id)
{
    size_t len = strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");
    return len >= 1 && len < CALL_REQUEST_ID_SIZE && id[len] == '\0';
}

static void read_header(struct head *head, const struct http_header *header)
{
    const char *name = header->header;
    switch (name[0] | 0x20) {
    case 'a':
        if (strcasecmp(name, "authorization") == 0)
            credentials_add_authorization(head->credentials, str_of(header->value));
        break;
    case 'c':
        if (strcasecmp(name, "content-length") == 0) {
            size_t digits = strspn(header->value, "0123456789");
            head->lengths++;
            head->bad_length |= digits == 0 || header->value[digits] != '\0';
            head->has_body |= strspn(header->value, "0") != strlen(header->value);
        }
        break;
    case 't':
        head->transfer_coding |= strcasecmp(name, "transfer-encoding") == 0;
        if (strcasecmp(name, "tipster-after") == 0)
            *head->after = str_of(header->value);
        break;
    case 'h':
        head->hosts += strcasecmp(name, "host") == 0;
        break;
    case 'x':
        if (strcasecmp(name, "x-request-id") == 0)
            head->request_id = header->value;
        else if (strcasecmp(name, "x-api-key") == 0)
            credentials_add_api_key(head->credentials, str_of(header->value));
        else if (strcasecmp(name, "x-forwarded-for") == 0)
            *head->forwarded_for = str_of(header->value);
        break;
    default:
        break;
    }
}

static const char *head_defect(const struct head *head, const struct http_request *req)
{
    bool takes_body = req->method == HTTP_METHOD_POST || req->method == HTTP_METHOD_PUT ||
                      req->method == HTTP_METHOD_PATCH;
    if (head->transfer_coding)
        return "transfer codings are not taken; send a Content-Length";
    if (head->lengths > 1)
        return "more than one Content-Length";
    if (head->bad_length)
        return "the Content-Length is not a number";
    if (head->hosts > 0) /* Kore takes the first one out */
        return "more than one Host";
    if (!takes_body && head->has_body)
        return "this method takes no body";
    return NULL;
}

bool request_check(struct call *call)
{
    struct head head = {.credentials = &call->credentials,
                        .forwarded_for = &call->forwarded_for,
                        .after = &call->after};
    struct http_header *header;
    TAILQ_FOREACH(header, &call->req->req_headers, list)
    read_header(&head, header);

    if (head.request_id != NULL && is_sane_id(head.request_id))
        memcpy(call->request_id, head.request_id, strlen(head.request_id) + 1);
    else
        request_id_make(call->request_id);

    const char *defect = head_defect(&head, call->req);
    if (defect == NULL)
        return true;
    reply_close_after(call);
    reply_problem(call, PROBLEM_BAD_REQUEST, "%s", defect);
    return false;
}

int64_t call_now_ms(const struct call *call)
{
    return call->now_ms;
}

struct str call_request_id(const struct call *call)
{
    return str_of(call->request_id);
}

struct str call_capture(const struct call *call, size_t index)
{
    return call->captures[index];
}

const struct query *call_query(struct call *call)
{
    if (call->query.params == NULL && call->req->query_string != NULL &&
        query_parse(str_of(call->req->query_string), &call->query) != 0) {
        reply_problem(call, PROBLEM_BAD_PARAMETER, "the query has an escape that is none");
        return NULL;
    }
    return &call->query;
}

/* The media type without parameters: "application/json; charset=utf-8" -> application/json. */
static struct str bare_media_type(const char *value)
{
    size_t len = strcspn(value, ";");
    while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t'))
        len--;
    return str_from(value, len);
}

static bool is_media_type(struct str type, const char *name)
{
    return type.len == strlen(name) && strncasecmp(type.data, name, type.len) == 0;
}

/* The type of the body; BODY_NONE and a reason when it is not one of the accepted. */
static enum body_type body_type_of(struct call *call, int accepted, const char **ret_reason)
{
    const char *value;
    if (http_request_header(call->req, "content-encoding", &value) && *value != '\0' &&
        strcasecmp(value, "identity") != 0) {
        *ret_reason = "compressed bodies are not taken";
        return BODY_NONE;
    }
    if (!http_request_header(call->req, "content-type", &value) || *value == '\0') {
        *ret_reason = "a Content-Type is needed: application/json";
        return call->route->generation == GENERATION_OLDER ? BODY_JSON : BODY_NONE;
    }
    struct str type = bare_media_type(value);
    if ((accepted & BODY_JSON) && is_media_type(type, "application/json"))
        return BODY_JSON;
    if ((accepted & BODY_NDJSON) && is_media_type(type, "application/x-ndjson"))
        return BODY_NDJSON;
    *ret_reason = accepted & BODY_NDJSON
                      ? "the Content-Type must be application/json or application/x-ndjson"
                      : "the Content-Type must be application/json";
    return BODY_NONE;
}

enum body_type call_body(struct call *call, int accepted, struct str *ret_body)
{
    const char *reason = "";
    enum body_type type = body_type_of(call, accepted, &reason);
    if (type == BODY_NONE) {
        reply_problem(call, PROBLEM_MEDIA_TYPE, "%s", reason);
    } else if (call->req->http_body == NULL) {
        reply_problem(call, PROBLEM_BAD_JSON, "the body is empty");
        type = BODY_NONE;
    } else {
        *ret_body = str_from(call->req->http_body->data, call->req->content_length);
    }
    return type;
}
