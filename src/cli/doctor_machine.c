/* Checks of this machine: programs, ports, disks, limits; see doctor.h. */
#include "cli/doctor.h"

#include "base/mem.h"
#include "cli/http_client.h"
#include "cli/servers.h"

#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
    DISK_WARN_MB = 2048,
    DISK_FAIL_MB = 256,
    FILES_BESIDE = 1024 + 64, /* what a worker of serve opens beside connections */
};

void doctor_programs(struct doctor *doctor)
{
    AUTO_FREE char *server = servers_program();
    if (server == NULL)
        buf_add_text(
            doctor_note(doctor, "programs", VERDICT_FAIL, "install tipster-server beside tipster"),
            "tipster-server is missing");
    else
        buf_addf(doctor_note(doctor, "programs", VERDICT_OK, NULL),
                 "tipster " TIPSTER_VERSION ", %s", server);
}

/* --- ports */

/* 0: somebody could listen there now; otherwise errno. */
static int try_port(const char *host, int port)
{
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM},
                    *address;
    char service[16];
    snprintf(service, sizeof(service), "%d", port);
    if (getaddrinfo(*host != '\0' ? host : NULL, service, &hints, &address) != 0)
        return EADDRNOTAVAIL;
    int on = 1, error = 0;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd, address->ai_addr, address->ai_addrlen) != 0 || listen(fd, 1) != 0)
        error = errno;
    if (fd >= 0)
        close(fd);
    freeaddrinfo(address);
    return error;
}

/* Whether what listens there answers as serve does. */
static bool is_ours(const char *host, int port, const char *path, const char *says)
{
    struct http_client *client;
    AUTO_BUF url = {0}, body = {0};
    long status = 0;
    buf_addf(&url, "http://%s:%d", servers_host(host), port);
    if (http_client_open(buf_cstr(&url), 1, &client) != 0)
        return false;
    bool ours = http_client_get(client, path, &status, &body) == 0 && status == 200 &&
                strstr(buf_cstr(&body), says) != NULL;
    http_client_close(client);
    return ours;
}

static void check_port(struct doctor *doctor, const char *setting, const char *host, int port,
                       const char *path, const char *says)
{
    int error = try_port(host, port);
    if (error == 0)
        buf_addf(doctor_note(doctor, "ports", VERDICT_OK, NULL), "%s: %s:%d is free", setting, host,
                 port);
    else if (error == EADDRINUSE && is_ours(host, port, path, says))
        buf_addf(doctor_note(doctor, "ports", VERDICT_OK, NULL), "%s: serve answers on %s:%d",
                 setting, host, port);
    else if (error == EADDRINUSE)
        buf_addf(doctor_note(doctor, "ports", VERDICT_FAIL,
                             "stop what listens there (ss -ltnp), or choose another port"),
                 "%s: %s:%d is taken by another program", setting, host, port);
    else if (error == EACCES)
        buf_addf(doctor_note(doctor, "ports", VERDICT_FAIL,
                             "choose a port from 1024 on, or give serve CAP_NET_BIND_SERVICE"),
                 "%s: this user may not listen on port %d", setting, port);
    else
        buf_addf(doctor_note(doctor, "ports", VERDICT_FAIL, "give an address of this machine"),
                 "%s: cannot listen on %s:%d: %s", setting, host, port, strerror(error));
}

void doctor_ports(struct doctor *doctor)
{
    const struct config *config = &doctor->config;
    char host[64];
    int port;
    check_port(doctor, "BIND, PORT", config->bind, (int)config->port, "/healthz", "\"ok\"");
    if (config_split_bind(config->ops_bind, host, sizeof(host), &port))
        check_port(doctor, "OPS_BIND", host, port, "/metrics", "tipster_worker_starts_total");
}

/* --- disks */

/* The folder itself or, while it is not there, the nearest one above it. */
static bool nearest_folder(const char *path, struct buf *ret_folder)
{
    AUTO_FREE char *at = xstrdup(path);
    while (access(at, F_OK) != 0) {
        char *slash = strrchr(at, '/');
        if (slash == NULL || at[1] == '\0')
            break;
        slash[slash == at ? 1 : 0] = '\0';
    }
    buf_add_text(ret_folder, access(at, F_OK) == 0 ? at : ".");
    return access(buf_cstr(ret_folder), F_OK) == 0;
}

static void check_space(struct doctor *doctor, const char *name, const char *folder,
                        const char *remedy)
{
    struct statvfs disk;
    if (statvfs(folder, &disk) != 0)
        return;
    uint64_t free_mb = (uint64_t)disk.f_bavail * disk.f_frsize >> 20;
    enum verdict verdict = free_mb < DISK_FAIL_MB   ? VERDICT_FAIL
                           : free_mb < DISK_WARN_MB ? VERDICT_WARN
                                                    : VERDICT_OK;
    buf_addf(doctor_note(doctor, name, verdict, remedy), "%s: %" PRIu64 " MB are free", folder,
             free_mb);
}

static void check_view_folder(struct doctor *doctor)
{
    const char *dir = doctor->config.view_dir;
    AUTO_BUF folder = {0};
    if (*dir == '\0') {
        buf_add_text(doctor_note(doctor, "view", VERDICT_WARN,
                                 "set VIEW_DIR and run `tipster index` on each node"),
                     "VIEW_DIR is not set: all recommendations come from SQL");
        return;
    }
    if (!nearest_folder(dir, &folder) || access(buf_cstr(&folder), W_OK | X_OK) != 0) {
        buf_addf(doctor_note(doctor, "view", VERDICT_FAIL,
                             "make VIEW_DIR, owned by the user who runs tipster index"),
                 "%s: this user cannot write to %s", dir, buf_cstr(&folder));
        return;
    }
    buf_addf(doctor_note(doctor, "view", VERDICT_OK, NULL), "%s can be written", dir);
    check_space(doctor, "view disk", buf_cstr(&folder),
                "make room: two views stand there while one is being built");
}

void doctor_disks(struct doctor *doctor)
{
    check_view_folder(doctor);
    /* Only when the server's folder is this machine's is its disk ours to see. */
    if (doctor->db != NULL && access(doctor->server.data_folder, X_OK) == 0)
        check_space(doctor, "database disk", doctor->server.data_folder,
                    "make room before the database stops");
}

void doctor_files(struct doctor *doctor)
{
    struct rlimit files;
    int64_t wanted = doctor->config.connections_max + FILES_BESIDE;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return;
    bool enough = files.rlim_max == RLIM_INFINITY || files.rlim_max >= (rlim_t)wanted;
    buf_addf(doctor_note(doctor, "open files", enough ? VERDICT_OK : VERDICT_WARN,
                         "raise the limit (LimitNOFILE=, ulimit -Hn), or lower CONNECTIONS_MAX"),
             "the limit is %llu, a worker of serve may want %" PRId64,
             (unsigned long long)files.rlim_max, wanted);
}

void doctor_libraries(struct doctor *doctor)
{
    struct buf *detail = doctor_note(doctor, "libraries", VERDICT_OK, NULL);
    buf_addf(detail, "librdkafka %s, MariaDB Connector/C %s, libcurl %s", stream_library_version(),
             store_library_version(), http_library_version());
}
