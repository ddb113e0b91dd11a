/* See load_options.h. */
#include "cli/load_options.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/timefmt.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

void load_options_init(struct load_options *options, const struct config *config)
{
    bool anywhere = *config->bind == '\0' || strcmp(config->bind, "0.0.0.0") == 0;
    *options = (struct load_options){
        .default_url =
            xasprintf("http://%s:%" PRId64, anywhere ? "127.0.0.1" : config->bind, config->port),
        .sender = {.key = config->api_key, .connections = 4, .batch = 500, .retry_ms = 60000},
    };
    options->sender.url = options->default_url;
}

void load_options_release(struct load_options *options)
{
    free(options->default_url);
}

int option_number(const char *verb, const char *option, const char *value, uint64_t min,
                  uint64_t max, uint64_t *ret_number)
{
    char *end;
    errno = 0;
    uint64_t number = strtoull(value, &end, 10);
    bool whole = *value >= '0' && *value <= '9' && *end == '\0' && errno == 0;
    if (!whole || number < min || number > max) {
        fprintf(stderr,
                "tipster %s: --%s must be a whole number from %" PRIu64 " to %" PRIu64
                ", is '%s'\n",
                verb, option, min, max, value);
        return TIP_EINVAL;
    }
    *ret_number = number;
    return 0;
}

int option_time(const char *verb, const char *option, const char *value, int64_t *ret_ms)
{
    if (time_parse(str_of(value), TIME_OFFSET_OPTIONAL, ret_ms) == 0)
        return 0;
    fprintf(stderr,
            "tipster %s: --%s must be a date (2026-11-21) or a time (2026-11-21T06:00:00Z), is "
            "'%s'\n",
            verb, option, value);
    return TIP_EINVAL;
}

static int take_rate(struct load_options *options, const char *verb, const char *value)
{
    uint64_t number = 0;
    size_t len = strlen(value);
    AUTO_FREE char *digits = xstrdup(value);
    if (len > 2 && strcmp(value + len - 2, "/s") == 0)
        digits[len - 2] = '\0';
    int err = option_number(verb, "rate", digits, 1, SENDER_RATE_MAX, &number);
    options->sender.rate_per_s = (int64_t)number;
    return err;
}

int load_options_take(struct load_options *options, const char *verb, int code, const char *value)
{
    uint64_t number = 0;
    int err = 0;
    switch (code) {
    case LOAD_OPTION_TO:
        options->sender.url = value;
        return 0;
    case LOAD_OPTION_BATCH:
        err = option_number(verb, "batch", value, 1, SENDER_BATCH_MAX, &number);
        options->sender.batch = (int)number;
        return err;
    case LOAD_OPTION_CONNECTIONS:
        err = option_number(verb, "connections", value, 1, SENDER_CONNECTIONS_MAX, &number);
        options->sender.connections = (int)number;
        return err;
    case LOAD_OPTION_RATE:
        return take_rate(options, verb, value);
    case LOAD_OPTION_RETRY_FOR:
        err = option_number(verb, "retry-for", value, 0, 86400, &number);
        options->sender.retry_ms = (int64_t)number * 1000;
        return err;
    case LOAD_OPTION_JSON:
        options->json = true;
        return 0;
    default:
        return 1;
    }
}
