/*
 * tipster-server: Kore's main() calls the hooks in this file. The parent reads the settings, binds
 * the ports and forks the workers; each worker starts its producer, its database threads and its
 * timers after the fork. `tipster serve` executes this program.
 */
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "http/after.h"
#include "http/backend.h"
#include "http/backlog.h"
#include "http/directory.h"
#include "http/health.h"
#include "http/ingest_watch.h"
#include "http/rate_limits.h"
#include "http/listen.h"
#include "http/loop.h"
#include "http/metrics.h"
#include "http/node_view.h"
#include "http/pool.h"
#include "http/reply.h"
#include "http/request.h"
#include "http/routes.h"
#include "http/sandbox.h"
#include "http/servers.h"
#include "http/stream.h"
#include "http/shared.h"
#include "http/traffic.h"
#include "http/writer.h"

#include <kore/kore.h>
#include <kore/hooks.h>
#include <kore/http.h>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    DRAIN_EXTRA_MS = 500,
    DRAIN_MAX_MS = 8000,
    FAREWELL_MS = 500, /* so long a client that is connected may still ask, at the end */
    CHECK_QUEUE = 64,
    WATCHING_WORKER = 1, /* the one that looks at the servers for all of them */
    /* A worker that lives shorter than this is in a crash loop: wait, and give up in the end. */
    SHORT_LIFE_MS = 200,
    SHORT_LIVES_MAX = 20,
    RESTART_WAIT_MAX_MS = 1000,
};

/* What outlives a worker: shared with the parent and its successors. */
struct worker_life {
    int64_t started_ms; /* monotonic; 0: never */
    int short_lives;
};

static struct shared {
    bool failed; /* the process ends with an error */
    int ending;  /* workers that have stopped accepting */
    struct worker_life lives[KORE_WORKER_MAX];
} * shared;

static struct config config;
static struct pool *database_pool, *check_pool;

static void usage(FILE *out)
{
    fputs("usage: tipster-server [--config FILE] [--routes] [--help] [--version]\n"
          "  --config FILE  settings as NAME=value lines; the environment wins over them\n"
          "  --routes       print the table of routes and end\n",
          out);
}

/* The path given with --config, or NULL. Ends the process for the other options. */
static const char *parse_arguments(int argc, char **argv)
{
    const char *file = NULL;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--config") == 0 && i + 1 < argc) {
            file = argv[++i];
        } else if (strcmp(argv[i], "--routes") == 0) {
            routes_print(stdout);
            exit(EXIT_SUCCESS);
        } else if (strcmp(argv[i], "--version") == 0) {
            printf("tipster-server %s (Kore %s)\n", TIPSTER_VERSION, kore_version);
            exit(EXIT_SUCCESS);
        } else {
            bool asked = strcmp(argv[i], "--help") == 0;
            usage(asked ? stdout : stderr);
            exit(asked ? EXIT_SUCCESS : 2);
        }
    }
    return file;
}

static void __attribute__((noreturn)) refuse(struct buf *problem)
{
    log_error("serve", "%s", buf_cstr(problem));
    exit(EXIT_FAILURE);
}

static void load_settings(const char *file)
{
    AUTO_BUF problem = {0};
    if (config_load(file, &config, &problem) != 0)
        refuse(&problem);
    config_setup_log(&config);
}

/* Kore insists on writing a pid file and on removing it: one that is neither. */
static void avoid_pid_file(void)
{
    static char path[32];
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    kore_pidfile = path;
}

static void configure_process(void)
{
    static char no_root[] = "/";
    kore_foreground = 1;
    kore_quiet = 1;
    skip_chroot = *config.serve_root == '\0';
    skip_runas = *config.serve_user == '\0';
    kore_root_path = kore_strdup(skip_chroot ? no_root : config.serve_root);
    if (!skip_runas)
        kore_runas_user = kore_strdup(config.serve_user);
    avoid_pid_file();
}

void kore_parent_configure(int argc, char **argv)
{
    AUTO_BUF problem = {0};
    setvbuf(stdout, NULL, _IOLBF, 0); /* or what is buffered now is written by each worker */
    load_settings(parse_arguments(argc, argv));
    configure_process();
    listen_configure(&config);
    if (listen_open(&config, &problem) != 0)
        refuse(&problem);

    directory_setup(&config);
    if (rate_limits_setup(&config, &problem) != 0)
        refuse(&problem);
    servers_setup(&config);
    if (servers_check_at_start(&problem) != 0)
        refuse(&problem);

    shared = shared_new(sizeof(*shared));
    int route_count;
    const char *const *names = route_names(&route_count);
    metrics_setup((int)config.workers, names, route_count);
    traffic_setup();
    backlog_setup(&config);
    ingest_watch_setup();
    node_view_configure(&config);
    reply_setup();
    sandbox_setup(config.io_uring != 0);
    log_info("serve", "listening on %s:%d, operations on %s", config.bind, (int)config.port,
             config.ops_bind);
}

/* Ends the whole server with an error, from a worker. */
static void __attribute__((noreturn)) fail_all(void)
{
    shared->failed = true;
    kore_shutdown();
    while (sig_recv == 0)
        usleep(10 * 1000);
    exit(EXIT_FAILURE);
}

/* Slows a crash loop down, and ends the server when it does not stop. */
static void note_start(void)
{
    struct worker_life *life = &shared->lives[worker->id];
    bool was_short =
        life->started_ms != 0 && clock_monotonic_ms() - life->started_ms < SHORT_LIFE_MS;
    life->short_lives = was_short ? life->short_lives + 1 : 0;
    if (life->short_lives >= SHORT_LIVES_MAX) {
        log_error("serve", "worker %d died %d times right after its start: giving up", worker->id,
                  life->short_lives);
        fail_all();
    }
    int wait_ms = life->short_lives * 50;
    if (wait_ms > RESTART_WAIT_MAX_MS)
        wait_ms = RESTART_WAIT_MAX_MS;
    usleep((useconds_t)wait_ms * 1000);
    life->started_ms = clock_monotonic_ms();
}

/* Instead of Kore's handler, which loads modules anew: there are none. */
static void on_hangup(int signal_number)
{
    (void)signal_number;
    directory_reread();
}

static void on_finished_jobs(void *pool)
{
    pool_collect(*(struct pool **)pool);
}

static struct pool *new_pool(struct pool **pool, int threads, size_t queue_max)
{
    return pool_new(&(struct pool_options){
        .threads = threads,
        .queue_max = queue_max,
        .wake_fd = loop_wakeup_new(on_finished_jobs, pool),
        .thread_open = backend_open,
        .thread_close = backend_close,
        .arg = &config,
    });
}

void kore_worker_configure(void)
{
    AUTO_BUF problem = {0};
    note_start();
    metrics_attach(worker->id - 1);
    request_id_setup();
    loop_start();
    if (writer_setup(&config, &problem) != 0) {
        log_error("serve", "%s", buf_cstr(&problem));
        fail_all();
    }
    database_pool =
        new_pool(&database_pool, (int)config.database_pool, (size_t)config.database_queue);
    check_pool = new_pool(&check_pool, 1, CHECK_QUEUE);
    call_setup(&config, database_pool);
    after_setup(&config, database_pool);
    node_view_setup(&config, worker->id - 1, worker->id == WATCHING_WORKER);
    stream_setup();
    health_setup(check_pool);
    signal(SIGHUP, on_hangup);
    if (worker->id == WATCHING_WORKER) {
        backlog_watch(&config);
        directory_watch(check_pool);
        servers_watch(check_pool);
        ingest_watch_start(check_pool);
    }
    log_debug("serve", "worker %d is ready", worker->id);
}

/* Whether something is left to do before `now_ms` milliseconds after the end began. */
static bool is_unfinished(int64_t now_ms)
{
    int64_t bound_ms = config.request_deadline_ms + DRAIN_EXTRA_MS;
    if (bound_ms > DRAIN_MAX_MS)
        bound_ms = DRAIN_MAX_MS;
    return (call_waiting() > 0 && now_ms < bound_ms) ||
           (loop_clients() > 0 && now_ms < FAREWELL_MS);
}

/*
 * SIGTERM: what is being worked on is finished, within a bound; the rest is answered 503. Clients
 * that are connected get an answer to what they are just sending, and with it the word that the
 * connection ends.
 */
void kore_worker_teardown(void)
{
    int64_t begun_ms = clock_monotonic_ms();
    loop_stop_accepting(__atomic_add_fetch(&shared->ending, 1, __ATOMIC_SEQ_CST) ==
                        (int)config.workers);
    call_drain();
    do {
        loop_turn(10);
    } while (is_unfinished(clock_monotonic_ms() - begun_ms));
    call_abandon_all();
    loop_turn(0);
    writer_close(0);
    loop_turn(0);
    node_view_close();
    pool_free(database_pool); /* the threads that only look at others end with the process */
    log_info("serve", "worker %d has ended", worker->id);
}

/* In the parent, when all workers have ended. */
void kore_parent_teardown(void)
{
    static char none[] = "";
    kore_pidfile = none;
    if (shared->failed)
        exit(EXIT_FAILURE);
    log_info("serve", "ended");
}
