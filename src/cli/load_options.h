/* Options that the sending verbs share, and reading option values with clear errors. */
#ifndef TIPSTER_CLI_LOAD_OPTIONS_H
#define TIPSTER_CLI_LOAD_OPTIONS_H

#include "cli/sender.h"
#include "config/config.h"

#include <getopt.h>

struct load_options {
    struct sender_options sender;
    char *default_url; /* owned; sender.url may point to it */
    bool json;
};

/* getopt_long codes and table rows of the shared options. */
enum {
    LOAD_OPTION_TO = 1000,
    LOAD_OPTION_BATCH,
    LOAD_OPTION_CONNECTIONS,
    LOAD_OPTION_RATE,
    LOAD_OPTION_RETRY_FOR,
    LOAD_OPTION_JSON,
    LOAD_OPTION_HELP,
    LOAD_OPTION_END,
};
#define LOAD_OPTIONS                                                                               \
    {"to", required_argument, NULL, LOAD_OPTION_TO},                                               \
        {"url", required_argument, NULL, LOAD_OPTION_TO},                                          \
        {"batch", required_argument, NULL, LOAD_OPTION_BATCH},                                     \
        {"connections", required_argument, NULL, LOAD_OPTION_CONNECTIONS},                         \
        {"rate", required_argument, NULL, LOAD_OPTION_RATE},                                       \
        {"retry-for", required_argument, NULL, LOAD_OPTION_RETRY_FOR},                             \
        {"json", no_argument, NULL, LOAD_OPTION_JSON},                                             \
        {"help", no_argument, NULL, LOAD_OPTION_HELP},                                             \
    {                                                                                              \
        NULL, 0, NULL, 0                                                                           \
    }
/* Their part of a verb's --help. */
#define LOAD_OPTIONS_HELP                                                                          \
    "  --to URL           server, default http://BIND:PORT of the settings (also: --url)\n"        \
    "  --batch N          records per request, 1 to 1000 (default 500); 1: single JSON objects\n"  \
    "  --connections N    requests under way at once (default 4); 1 keeps the order of the "       \
    "records\n"                                                                                    \
    "  --rate N           records per second at most\n"                                            \
    "  --retry-for S      seconds to go on trying while the server is away (default 60)\n"         \
    "  --json             the result as one JSON object on standard output, too\n"                 \
    "  --help             this text\n"                                                             \
    "\nA server that wants a key gets the one in API_KEY (`tipster key add`).\n"

void load_options_init(struct load_options *options, const struct config *config);
void load_options_release(struct load_options *options);

/*
 * Takes a shared option that getopt_long returned. 0; 1: it is none of them; TIP_EINVAL: its value
 * is wrong, which was printed with the verb's name.
 */
int load_options_take(struct load_options *options, const char *verb, int code, const char *value);

/* A whole number in a range; prints what is wrong otherwise and returns TIP_EINVAL. */
int option_number(const char *verb, const char *option, const char *value, uint64_t min,
                  uint64_t max, uint64_t *ret_number);
/* A time or a date; the same. */
int option_time(const char *verb, const char *option, const char *value, int64_t *ret_ms);

#endif
