/* See refusal.h. */
#include "cli/refusal.h"

#include <jansson.h>
#include <stdio.h>

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

static void add_error(struct refusal *refusal, const json_t *error)
{
    int line = (int)json_integer_value(json_object_get(error, "line"));
    for (size_t i = 0; i < refusal->count; i++)
        if (refusal->lines[i].line == line) {
            refusal->lines[i].others++;
            return;
        }
    if (refusal->count == REFUSAL_LINES_MAX)
        return;
    size_t at = refusal->count++;
    refusal->lines[at].line = line;
    snprintf(refusal->lines[at].code, sizeof(refusal->lines[at].code), "%s",
             text_of(error, "code"));
    snprintf(refusal->lines[at].pointer, sizeof(refusal->lines[at].pointer), "%s",
             text_of(error, "pointer"));
    snprintf(refusal->lines[at].detail, sizeof(refusal->lines[at].detail), "%s",
             text_of(error, "detail"));
}

void refusal_read(struct str body, struct refusal *ret_refusal)
{
    memset(ret_refusal, 0, sizeof(*ret_refusal));
    json_t *json = body.len > 0 ? json_loadb(body.data, body.len, 0, NULL) : NULL;
    const char *detail = text_of(json, "detail");
    snprintf(ret_refusal->detail, sizeof(ret_refusal->detail), "%s",
             *detail != '\0' ? detail : text_of(json, "title"));
    size_t index;
    json_t *error;
    json_array_foreach(json_object_get(json, "errors"), index, error) add_error(ret_refusal, error);
    json_decref(json);
}

const char *refusal_setting(long status)
{
    return status == 401 ? " (API_KEY)" : "";
}
