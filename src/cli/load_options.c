/* See load_options.h. */
#include "cli/load_options.h"

#include "base/err.h"
#include "base/mem.h"
#include "cli/servers.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

void load_options_init(struct load_options *options, const struct config *config)
{
    *options = (struct load_options){
        .default_url = xasprintf("http://%s:%" PRId64, servers_host(config->bind), config->port),
        .sender = {.key = config->api_key, .connections = 4, .batch = 500, .retry_ms = 60000},
    };
    options->sender.url = options->default_url;
}

void load_options_release(struct load_options *options)
{
    free(options->default_url);
}

static int take_rate(struct load_options *options, const struct command *command, const char *value)
{
    uint64_t number = 0;
    size_t len = strlen(value);
    AUTO_FREE char *digits = xstrdup(value);
    if (len > 2 && strcmp(value + len - 2, "/s") == 0)
        digits[len - 2] = '\0';
    int err = command_number(command, "rate", digits, 1, SENDER_RATE_MAX, &number);
    options->sender.rate_per_s = (int64_t)number;
    return err;
}

int load_options_take(struct load_options *options, const struct command *command, int code,
                      const char *value)
{
    uint64_t number = 0;
    int err = 0;
    switch (code) {
    case LOAD_OPTION_TO:
        options->sender.url = value;
        return 0;
    case LOAD_OPTION_BATCH:
        err = command_number(command, "batch", value, 1, SENDER_BATCH_MAX, &number);
        options->sender.batch = (int)number;
        return err;
    case LOAD_OPTION_CONNECTIONS:
        err = command_number(command, "connections", value, 1, SENDER_CONNECTIONS_MAX, &number);
        options->sender.connections = (int)number;
        return err;
    case LOAD_OPTION_RATE:
        return take_rate(options, command, value);
    case LOAD_OPTION_RETRY_FOR:
        err = command_number(command, "retry-for", value, 0, 86400, &number);
        options->sender.retry_ms = (int64_t)number * 1000;
        return err;
    case LOAD_OPTION_JSON:
        options->json = true;
        return 0;
    default:
        return 1;
    }
}

enum record_kind load_options_kind(const char *plural)
{
    int kind = 0;
    while (strcmp(plural, record_kind_plural((enum record_kind)kind)) != 0) {
        kind++;
        assert(kind < RECORD_KINDS);
    }
    return (enum record_kind)kind;
}
