/* See servers.h. */
#include "cli/servers.h"

#include "base/mem.h"
#include "base/program.h"
#include "store/offsets.h"
#include "stream/topics.h"

const char *servers_host(const char *host)
{
    return *host == '\0' || strcmp(host, "0.0.0.0") == 0 ? "127.0.0.1" : host;
}

char *servers_program(void)
{
    char *found = program_beside("tipster-server");
    return found != NULL ? found : program_beside("src/http/tipster-server"); /* as it is built */
}

void servers_ops_url(const struct config *config, struct buf *out)
{
    char host[64];
    int port = 0;
    if (config_split_bind(config->ops_bind, host, sizeof(host), &port)) /* config_load did */
        buf_addf(out, "http://%s:%d", servers_host(host), port);
}

int servers_stored(struct db *db, const struct config *config, int64_t *ret_next)
{
    size_t partitions = (size_t)config->kafka_partitions;
    AUTO_FREE struct stored_offset *stored = xcalloc(partitions, sizeof(*stored));
    for (int kind = 0; kind < RECORD_KINDS; kind++) {
        char topic[TOPIC_NAME_SIZE];
        topic_name(config, (enum record_kind)kind, topic);
        int err = offsets_read(db, topic, partitions, stored);
        if (err != 0)
            return err;
        for (size_t i = 0; i < partitions; i++)
            ret_next[(size_t)kind * partitions + i] = stored[i].next_offset;
    }
    return 0;
}
