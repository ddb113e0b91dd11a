/*
 * The settings file. Whatever it holds, it loads with every number within its bounds, or it is
 * refused with one line that says which setting and why; and the database's URL in it likewise.
 */
#include "base/err.h"
#include "config/config.h"
#include "fuzz.h"
#include "store/db_url.h"

#include <unistd.h>

static void require_one_line(struct buf *problem)
{
    const char *text = buf_cstr(problem);
    FUZZ_REQUIRE(*text != '\0', "a bad setting is explained");
    FUZZ_REQUIRE(strpbrk(text, "\r\n") == NULL, "in one line");
}

static void check_bounds(const struct config *config)
{
    int64_t weights[4];
    char host[64];
    int port;
#define TEXT(field, name, fallback, help) FUZZ_REQUIRE(config->field != NULL, name);
#define NUMBER(field, name, fallback, min, max, help)                                              \
    FUZZ_REQUIRE(config->field >= (min) && config->field <= (max), name);
#include "config/settings.def"
#undef TEXT
#undef NUMBER
    FUZZ_REQUIRE(config_rank_weights(config->rank_weights, weights), "RANK_WEIGHTS is usable");
    FUZZ_REQUIRE(config_split_bind(config->ops_bind, host, sizeof(host), &port), "OPS_BIND");
}

static void check_url(const char *text)
{
    struct db_url url;
    AUTO_BUF problem = {0};
    int err = db_url_parse(text, &url, &problem);
    if (err != 0)
        require_one_line(&problem);
    else
        FUZZ_REQUIRE(url.port <= 65535 && url.database[0] != '\0', "a URL names a database");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd;
    char path[32];
    struct config config = {0};
    AUTO_BUF problem = {0};
    fuzz_file(fuzz_input(data, size), &fd, path);
    int err = config_load(path, &config, &problem);
    close(fd);
    if (err != 0) {
        FUZZ_REQUIRE(err == TIP_ECONFIG, "a file that can be read is right or wrong");
        require_one_line(&problem);
        return 0;
    }
    check_bounds(&config);
    check_url(config.database_url);
    config_release(&config);
    return 0;
}
