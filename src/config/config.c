/* Settings; see config.h. */
#include "config/config.h"

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>

enum setting_type { SETTING_TEXT, SETTING_NUMBER };

struct setting {
    const char *name;
    enum setting_type type;
    size_t offset;
    const char *fallback_text;
    int64_t fallback_number, min, max;
    const char *help;
};

static const struct setting settings[] = {
#define TEXT(field, name, fallback, help)                                                          \
    {name, SETTING_TEXT, offsetof(struct config, field), fallback, 0, 0, 0, help},
#define NUMBER(field, name, fallback, min, max, help)                                              \
    {name, SETTING_NUMBER, offsetof(struct config, field), NULL, fallback, min, max, help},
#include "config/settings.def"
#undef TEXT
#undef NUMBER
};

static const char older_url_name[] = "SQLALCHEMY_DATABASE_URI";

enum { SETTING_COUNT = sizeof(settings) / sizeof(settings[0]), LINE_MAX_BYTES = 8192 };

static int set_number(struct config *config, const struct setting *setting, const char *text,
                      struct buf *ret_problem)
{
    char *end = NULL;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < setting->min || value > setting->max) {
        buf_addf(ret_problem, "%s must be an integer from %lld to %lld, not '%s'", setting->name,
                 (long long)setting->min, (long long)setting->max, text);
        return TIP_ECONFIG;
    }
    memcpy((char *)config + setting->offset, &(int64_t){value}, sizeof(int64_t));
    return 0;
}

static int set(struct config *config, const struct setting *setting, const char *text,
               struct buf *ret_problem)
{
    if (setting->type == SETTING_NUMBER)
        return set_number(config, setting, text, ret_problem);
    char **field = (char **)(void *)((char *)config + setting->offset);
    free(*field);
    *field = xstrdup(text);
    return 0;
}

static void set_defaults(struct config *config)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        char *field = (char *)config + settings[i].offset;
        if (settings[i].type == SETTING_NUMBER)
            memcpy(field, &settings[i].fallback_number, sizeof(int64_t));
        else
            *(char **)(void *)field = xstrdup(settings[i].fallback_text);
    }
}

/* Cuts blanks, "export " and matching quotes; returns the name, or NULL for a line without one. */
static char *split_line(char *line, char **ret_value)
{
    line += strspn(line, " \t");
    if (strncmp(line, "export ", 7) == 0)
        line += 7;
    char *equals = strchr(line, '=');
    if (*line == '#' || equals == NULL)
        return NULL;
    *equals = '\0';
    char *value = equals + 1;
    size_t len = strcspn(value, "\r\n");
    while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t'))
        len--;
    if (len >= 2 && (value[0] == '"' || value[0] == '\'') && value[len - 1] == value[0]) {
        value++;
        len -= 2;
    }
    value[len] = '\0';
    *ret_value = value;
    return line;
}

static int load_file(const char *path, struct config *config, char **ret_older_url,
                     struct buf *ret_problem)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        buf_addf(ret_problem, "cannot read the settings file %s: %s", path, strerror(errno));
        return TIP_EIO;
    }
    char line[LINE_MAX_BYTES];
    int err = 0;
    while (err == 0 && fgets(line, sizeof(line), file) != NULL) {
        char *value = NULL;
        if (strlen(line) == sizeof(line) - 1 && line[sizeof(line) - 2] != '\n') {
            buf_addf(ret_problem, "a line of the settings file %s is longer than %d bytes", path,
                     LINE_MAX_BYTES - 2);
            err = TIP_ECONFIG;
            break; /* its rest would be read as a line of its own */
        }
        char *name = split_line(line, &value);
        if (name != NULL && strcmp(name, older_url_name) == 0) {
            free(*ret_older_url);
            *ret_older_url = xstrdup(value);
        }
        for (size_t i = 0; name != NULL && i < SETTING_COUNT && err == 0; i++)
            if (strcmp(settings[i].name, name) == 0)
                err = set(config, &settings[i], value, ret_problem);
    }
    fclose(file);
    return err;
}

static int load_environment(struct config *config, struct buf *ret_problem)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const char *value = getenv(settings[i].name);
        int err = value != NULL ? set(config, &settings[i], value, ret_problem) : 0;
        if (err != 0)
            return err;
    }
    return 0;
}

/* The name that an older .env has for the database, where the new one is unset. */
static void adopt_older_url(struct config *config, const char *older_url)
{
    if (config->database_url[0] != '\0' || older_url == NULL)
        return;
    free(config->database_url);
    config->database_url = xstrdup(older_url);
}

/* -1: there is no such level. */
static int log_level_of(const char *name)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    for (int i = 0; i < 4; i++)
        if (strcmp(name, names[i]) == 0)
            return i;
    return -1;
}

static int check(const struct config *config, struct buf *ret_problem)
{
    int64_t weights[4];
    char host[64];
    int port;
    if (!config_rank_weights(config->rank_weights, weights))
        buf_addf(ret_problem, "RANK_WEIGHTS must be four integers that sum to 10000, not '%s'",
                 config->rank_weights);
    else if (!config_split_bind(config->ops_bind, host, sizeof(host), &port))
        buf_addf(ret_problem, "OPS_BIND must be address:port, not '%s'", config->ops_bind);
    else if (strcmp(config->log_format, "text") != 0 && strcmp(config->log_format, "json") != 0)
        buf_addf(ret_problem, "LOG_FORMAT must be text or json, not '%s'", config->log_format);
    else if (log_level_of(config->log_level) < 0)
        buf_addf(ret_problem, "LOG_LEVEL must be error, warn, info or debug, not '%s'",
                 config->log_level);
    else if (strlen(config->anonymous_company) > 32)
        buf_addf(ret_problem, "ANONYMOUS_COMPANY must have at most 32 characters");
    else
        return 0;
    return TIP_ECONFIG;
}

int config_load(const char *file, struct config *ret_config, struct buf *ret_problem)
{
    struct config config = {0};
    set_defaults(&config);
    AUTO_FREE char *older_url = NULL;
    int err = file != NULL ? load_file(file, &config, &older_url, ret_problem) : 0;
    if (err == 0)
        err = load_environment(&config, ret_problem);
    const char *older_variable = getenv(older_url_name);
    adopt_older_url(&config, older_variable != NULL ? older_variable : older_url);
    if (err == 0)
        err = check(&config, ret_problem);
    if (err != 0) {
        config_release(&config);
        return err;
    }
    *ret_config = config;
    return 0;
}

void config_release(struct config *config)
{
    for (size_t i = 0; i < SETTING_COUNT; i++)
        if (settings[i].type == SETTING_TEXT)
            free(*(char **)(void *)((char *)config + settings[i].offset));
    *config = (struct config){0};
}

bool config_rank_weights(const char *text, int64_t ret_weights[static 4])
{
    int64_t weights[4], sum = 0;
    for (int i = 0; i < 4; i++) {
        char *end = NULL;
        weights[i] = strtoll(text, &end, 10);
        if (end == text || weights[i] < 0 || weights[i] > 10000 || *end != (i < 3 ? ',' : '\0'))
            return false;
        sum += weights[i];
        text = end + 1;
    }
    memcpy(ret_weights, weights, sizeof(weights));
    return sum == 10000;
}

bool config_split_bind(const char *text, char *ret_host, size_t host_size, int *ret_port)
{
    const char *colon = strrchr(text, ':');
    if (colon == NULL || colon == text || (size_t)(colon - text) >= host_size)
        return false;
    char *end = NULL;
    long port = strtol(colon + 1, &end, 10);
    if (end == colon + 1 || *end != '\0' || port < 1 || port > 65535)
        return false;
    memcpy(ret_host, text, (size_t)(colon - text));
    ret_host[colon - text] = '\0';
    *ret_port = (int)port;
    return true;
}

void config_setup_log(const struct config *config)
{
    log_setup((enum log_level)log_level_of(config->log_level),
              strcmp(config->log_format, "json") == 0);
}

void config_print_template(FILE *out)
{
    fputs("# Settings of Tipster. Environment variables win over this file, this file over the "
          "defaults shown here.\n",
          out);
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const struct setting *setting = &settings[i];
        fprintf(out, "\n# %s\n", setting->help);
        if (setting->type == SETTING_NUMBER)
            fprintf(out, "#%s=%lld\n", setting->name, (long long)setting->fallback_number);
        else
            fprintf(out, "#%s=%s\n", setting->name, setting->fallback_text);
    }
}
