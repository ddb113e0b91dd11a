/* Options that the sending verbs share. */
#ifndef TIPSTER_CLI_LOAD_OPTIONS_H
#define TIPSTER_CLI_LOAD_OPTIONS_H

#include "cli/command.h"
#include "cli/sender.h"

struct load_options {
    struct sender_options sender;
    char *default_url; /* owned; sender.url may point to it */
    bool json;
};

enum {
    LOAD_OPTION_TO = 1000,
    LOAD_OPTION_BATCH,
    LOAD_OPTION_CONNECTIONS,
    LOAD_OPTION_RATE,
    LOAD_OPTION_RETRY_FOR,
    LOAD_OPTION_JSON,
};

/* Their rows of a verb's table; --to comes with the verb's own help. */
#define LOAD_OPTIONS(to_help)                                                                      \
    {LOAD_OPTION_TO, "to", "URL", to_help}, {LOAD_OPTION_TO, "url", "URL"},                        \
        {LOAD_OPTION_BATCH, "batch", "N",                                                          \
         "records per request, 1 to 1000 (default 500); 1: single JSON objects"},                  \
        {LOAD_OPTION_CONNECTIONS, "connections", "N",                                              \
         "requests under way at once (default 4); 1 keeps the order of the records"},              \
        {LOAD_OPTION_RATE, "rate", "N", "records per second at most"},                             \
        {LOAD_OPTION_RETRY_FOR, "retry-for", "S",                                                  \
         "seconds to go on trying while the server is away (default 60)"},                         \
    {                                                                                              \
        LOAD_OPTION_JSON, "json", NULL, "the result as one JSON object on standard output, too"    \
    }

void load_options_init(struct load_options *options, const struct config *config);
void load_options_release(struct load_options *options);

/*
 * Takes a shared option that command_next returned. 0; 1: it is none of them; TIP_EINVAL: its value
 * is wrong, which was said.
 */
int load_options_take(struct load_options *options, const struct command *command, int code,
                      const char *value);

/* Of "users", "events" or "coupons", which the verb's table has let through. */
enum record_kind load_options_kind(const char *plural);

#endif
