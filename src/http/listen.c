/* Listeners and limits; see listen.h. */
#include "http/listen.h"

#include "base/clock.h"
#include "base/err.h"
#include "http/routes.h"

#include <kore/kore.h>
#include <kore/http.h>

#include <netdb.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    KEEPALIVE_S = 20,
    HEAD_TIMEOUT_S = 15,
    BODY_TIMEOUT_S = 30,
    HEAD_MAX_BYTES = 8192,
    FILES_BESIDES_CONNECTIONS = 1024, /* librdkafka, the database, Kore */
    FILES_MAX = 65536,                /* Kore tries each descriptor below the limit */
    HANDOVER_MS = 3000, /* a predecessor that is going down may hold the port so long */
};

/* Connections and the rest must fit into the file limit, which Kore sets for its workers. */
static void configure_files(const struct config *config)
{
    struct rlimit files;
    worker_rlimit_nofiles = (u_int32_t)config->connections_max + FILES_BESIDES_CONNECTIONS;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return;
    if (files.rlim_max != RLIM_INFINITY && worker_rlimit_nofiles + 64 > files.rlim_max &&
        getuid() != 0)
        worker_rlimit_nofiles = (u_int32_t)files.rlim_max - 64; /* Kore adds what is open already */
    if (files.rlim_cur > FILES_MAX) {
        files.rlim_cur = FILES_MAX;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

void listen_configure(const struct config *config)
{
    worker_count = (u_int8_t)config->workers;
    worker_max_connections = (u_int32_t)config->connections_max;
    worker_accept_threshold = 1; /* else one worker takes nearly all connections */
    worker_set_affinity = 0;     /* the threads of a worker would be bound to its CPU as well */
    configure_files(config);

    http_body_max = (size_t)config->body_max_bytes;
    http_body_timeout = BODY_TIMEOUT_S;
    http_header_max = HEAD_MAX_BYTES;
    http_keepalive_time = KEEPALIVE_S;
    http_header_timeout = HEAD_TIMEOUT_S;
    http_request_limit = (u_int32_t)config->connections_max;
    http_request_ms = 1000; /* a round of the loop serves all that is ready */
    http_hsts_enable = 0;   /* TLS ends in the proxy in front */
    http_server_version("tipster");
}

static int try_bind(const char *host, const char *port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *address = NULL;
    if (getaddrinfo(host, port, &hints, &address) != 0)
        return EADDRNOTAVAIL;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0), error = 0;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (fd < 0 || bind(fd, address->ai_addr, address->ai_addrlen) != 0 || listen(fd, 1) != 0)
        error = errno;
    if (fd >= 0)
        close(fd);
    freeaddrinfo(address);
    return error;
}

/* Kore's bind says too little when it fails, so the address is tried first. */
static int check_address(const char *host, const char *port, const char *setting,
                         struct buf *ret_problem)
{
    int64_t give_up_ms = clock_monotonic_ms() + HANDOVER_MS;
    int error;
    while ((error = try_bind(host, port)) == EADDRINUSE && clock_monotonic_ms() < give_up_ms)
        usleep(100 * 1000);
    if (error == 0)
        return 0;
    buf_addf(ret_problem, "cannot listen on %s:%s (%s): %s", host, port, setting,
             error == EADDRINUSE ? "the port is taken by another process" : strerror(error));
    return TIP_ECONFIG;
}

/* Whether every address of a name is this machine's own, unreachable for others. */
static bool is_loopback(const char *host)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *addresses = NULL;
    if (*host == '\0' || getaddrinfo(host, "0", &hints, &addresses) != 0)
        return false;
    bool loopback = true;
    for (const struct addrinfo *at = addresses; at != NULL; at = at->ai_next) {
        const struct sockaddr_in *v4 = (const void *)at->ai_addr;
        const struct sockaddr_in6 *v6 = (const void *)at->ai_addr;
        if (at->ai_family == AF_INET)
            loopback &= ntohl(v4->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
        else
            loopback &= at->ai_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
    }
    freeaddrinfo(addresses);
    return loopback;
}

/* Calls without a key may write: nobody else's calls by accident. */
static int check_anonymous(const struct config *config, struct buf *ret_problem)
{
    if (*config->anonymous_company == '\0' || config->anonymous_anywhere == 1 ||
        is_loopback(config->bind))
        return 0;
    buf_addf(ret_problem,
             "ANONYMOUS_COMPANY=%s lets everybody who reaches BIND=%s write without a key: unset "
             "it, bind to 127.0.0.1, or say ANONYMOUS_ANYWHERE=1",
             config->anonymous_company, config->bind);
    return TIP_ECONFIG;
}

static int open_one(const char *name, const char *host, int port, const char *setting,
                    enum listener_kind kind, struct buf *ret_problem)
{
    char port_text[16];
    snprintf(port_text, sizeof(port_text), "%d", port);
    int err = check_address(host, port_text, setting, ret_problem);
    if (err != 0)
        return err;
    struct kore_server *server = kore_server_create(name);
    server->tls = 0;
    if (!kore_server_bind(server, host, port_text, NULL)) {
        buf_addf(ret_problem, "cannot listen on %s:%d (%s)", host, port, setting);
        return TIP_ECONFIG;
    }
    struct kore_domain *domain = kore_domain_new("*");
    if (!kore_domain_attach(domain, server))
        fatal("no domain for %s", name);
    routes_register(domain, kind);
    return 0;
}

int listen_open(const struct config *config, struct buf *ret_problem)
{
    char ops_host[256];
    int ops_port;
    if (!config_split_bind(config->ops_bind, ops_host, sizeof(ops_host), &ops_port)) {
        buf_addf(ret_problem, "OPS_BIND must be address:port, not '%s'", config->ops_bind);
        return TIP_ECONFIG;
    }
    int err = check_anonymous(config, ret_problem);
    if (err != 0)
        return err;
    err = open_one("main", config->bind, (int)config->port, "BIND and PORT", LISTENER_MAIN,
                   ret_problem);
    if (err == 0)
        err = open_one("operations", ops_host, ops_port, "OPS_BIND", LISTENER_OPERATIONS,
                       ret_problem);
    return err;
}
