/* Lines about answers; see access_log.h. */
#include "http/access_log.h"

#include "http/call_state.h"
#include "http/routes.h"

#include <kore/kore.h>
#include <kore/http.h>

#include <stdio.h>

void access_log_write(const struct call *call, enum log_level level, const char *message,
                      int status, int64_t duration_us, size_t body_bytes)
{
    char company[COMPANY_MAX_BYTES + 1];
    struct str id = call_company(call);
    snprintf(company, sizeof(company), "%.*s", (int)id.len, id.data);
    const struct log_field fields[] = {
        {.name = "request_id", .text = call->request_id},
        {.name = "company", .text = company},
        {.name = "key_id", .text = call_key_id(call)},
        {.name = "method", .text = http_method_text(call->req->method)},
        {.name = "route", .text = call->route->path},
        {.name = "status", .number = status},
        {.name = "duration_us", .number = duration_us},
        {.name = "bytes", .number = (int64_t)body_bytes},
    };
    log_fields(level, "http", message, fields, sizeof(fields) / sizeof(fields[0]));
}

void access_log_note(const struct call *call, int status, int64_t duration_us, size_t body_bytes)
{
    static int64_t count;
    int64_t one_of = call_config()->access_log;
    if (one_of == 0 || call->route->listener != LISTENER_MAIN || ++count < one_of)
        return;
    count = 0;
    access_log_write(call, LOG_LEVEL_INFO, "answered", status, duration_us, body_bytes);
}
