/* Error answers; see problem.h. */
#include "http/problem.h"

enum { OLDER_VIOLATIONS_SHOWN = 3 };

static const struct problem_text texts[] = {
#define PROBLEM(id, status, code, title) {status, code, title},
#include "http/problem.def"
#undef PROBLEM
};

const struct problem_text *problem_text(enum problem problem)
{
    return &texts[problem];
}

enum problem problem_of_status(int status)
{
    for (int i = 0; i < PROBLEM_COUNT; i++)
        if (texts[i].status == status)
            return (enum problem)i;
    return PROBLEM_INTERNAL;
}

static void add_member(struct buf *out, const char *name, struct str value)
{
    buf_addf(out, ",\"%s\":", name);
    buf_add_json(out, value);
}

static void add_violation(const struct violation *violation, struct buf *out)
{
    buf_add_char(out, '{');
    if (violation->line > 0)
        buf_addf(out, "\"line\":%d,", violation->line);
    buf_add_text(out, "\"pointer\":");
    buf_add_json(out, str_of(violation->pointer));
    add_member(out, "code", str_of(violation_code_text(violation->code)));
    add_member(out, "detail", str_of(violation->detail));
    buf_add_char(out, '}');
}

void problem_json(enum problem problem, struct str detail, struct str request_id,
                  const struct violations *violations, struct buf *out)
{
    const struct problem_text *text = &texts[problem];
    buf_add_text(out, "{\"type\":\"about:blank\"");
    add_member(out, "title", str_of(text->title));
    buf_addf(out, ",\"status\":%d", text->status);
    if (detail.len > 0)
        add_member(out, "detail", detail);
    else
        add_member(out, "detail", str_of(text->title));
    add_member(out, "code", str_of(text->code));
    add_member(out, "request_id", request_id);
    if (violations != NULL && violations->count > 0) {
        buf_add_text(out, ",\"errors\":[");
        for (size_t i = 0; i < violations->count; i++) {
            if (i > 0)
                buf_add_char(out, ',');
            add_violation(&violations->items[i], out);
        }
        buf_add_char(out, ']');
    }
    buf_add_char(out, '}');
}

void problem_json_older(enum problem problem, struct str detail,
                        const struct violations *violations, struct buf *out)
{
    AUTO_BUF text = {0};
    if (violations != NULL && violations->count > 0) {
        for (size_t i = 0; i < violations->count && i < OLDER_VIOLATIONS_SHOWN; i++) {
            const struct violation *violation = &violations->items[i];
            if (i > 0)
                buf_add_text(&text, "; ");
            if (violation->pointer[0] != '\0')
                buf_addf(&text, "%s: ", violation->pointer);
            buf_add_text(&text, violation->detail);
        }
        if (violations->total > OLDER_VIOLATIONS_SHOWN)
            buf_addf(&text, "; and %zu more", violations->total - OLDER_VIOLATIONS_SHOWN);
    } else {
        buf_add_str(&text, detail.len > 0 ? detail : str_of(texts[problem].title));
    }
    buf_add_text(out, "{\"error\":");
    buf_add_json(out, buf_str(&text));
    buf_add_char(out, '}');
}
