/* Whether the servers are the right ones; see servers.h. */
#include "http/servers.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "http/backend.h"
#include "http/directory.h"
#include "http/loop.h"
#include "http/pool.h"
#include "http/shared.h"
#include "store/migrations.h"
#include "stream/topics.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    START_LIMIT_MS = 3000,
    START_TOPICS_MS = 1500,
    WATCH_TOPICS_MS = 600,
    WATCH_EVERY_MS = 1000,
    PROBLEM_SIZE = 512,
};

enum verdict { UNSEEN, RIGHT, WRONG };

static struct shared {
    enum verdict topics, schema;
    /* Of the look at the start. */
    int start_err;
    char start_problem[PROBLEM_SIZE];
} * shared;

static const struct config *config;
static struct pool *pool;
static struct pool_job watch_job;
static bool watching;
static int64_t next_watch_ms;

static enum verdict verdict(const enum verdict *place)
{
    return __atomic_load_n(place, __ATOMIC_RELAXED);
}

void servers_setup(const struct config *settings)
{
    config = settings;
    shared = shared_new(sizeof(*shared));
}

/* Only an answer changes what is known. Says so once. */
static void note(enum verdict *place, int err, struct buf *problem)
{
    enum verdict before = verdict(place);
    enum verdict now = err == 0 ? RIGHT : err == TIP_ECONFIG ? WRONG : before;
    __atomic_store_n(place, now, __ATOMIC_RELAXED);
    if (now == WRONG && before != WRONG)
        log_error("serve", "%s", buf_cstr(problem));
}

int servers_check_topics(int timeout_ms, struct buf *ret_problem)
{
    int err = topics_check(config, timeout_ms, ret_problem);
    note(&shared->topics, err, ret_problem);
    return err;
}

static int check_schema(struct db *db, struct buf *ret_problem)
{
    int err = migrations_check(db, migrations_directory(), ret_problem);
    note(&shared->schema, err, ret_problem);
    return err;
}

int servers_check_schema(struct backend *backend, struct buf *ret_problem)
{
    struct db *db;
    int err = backend_db(backend, &db);
    if (err != 0) {
        buf_add_text(ret_problem, "the database does not answer");
        return err;
    }
    return verdict(&shared->schema) == RIGHT ? 0 : check_schema(db, ret_problem);
}

static int look_at_start(struct buf *ret_problem)
{
    AUTO_DB *db = NULL;
    AUTO_BUF database_problem = {0};
    int err = db_open(config, DB_API, &db, &database_problem);
    if (err == 0)
        err = migrations_check(db, migrations_directory(), &database_problem);
    if (err == 0) {
        shared->schema = RIGHT;
        directory_read(db);
    } else {
        buf_add_str(ret_problem, buf_str(&database_problem));
        if (err == TIP_ECONFIG)
            return err;
        log_warn("serve", "%s; starting without it", buf_cstr(ret_problem));
        buf_clear(ret_problem);
    }
    err = topics_check(config, START_TOPICS_MS, ret_problem);
    if (err == 0)
        shared->topics = RIGHT;
    else if (err != TIP_ECONFIG)
        log_warn("serve", "%s; starting without it", buf_cstr(ret_problem));
    return err;
}

static void __attribute__((noreturn)) run_child(pid_t parent)
{
    AUTO_BUF problem = {0};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(EXIT_FAILURE);
    int err = look_at_start(&problem);
    snprintf(shared->start_problem, sizeof(shared->start_problem), "%s", buf_cstr(&problem));
    __atomic_store_n(&shared->start_err, err, __ATOMIC_RELEASE);
    _exit(EXIT_SUCCESS); /* nothing of the parent's is cleaned up here */
}

int servers_check_at_start(struct buf *ret_problem)
{
    int64_t give_up_ms = clock_monotonic_ms() + START_LIMIT_MS;
    pid_t parent = getpid(), child = fork();
    if (child == 0)
        run_child(parent);
    if (child < 0) {
        buf_addf(ret_problem, "cannot start a process: %s", strerror(errno));
        return TIP_ECONFIG;
    }
    while (waitpid(child, NULL, WNOHANG) == 0) {
        if (clock_monotonic_ms() >= give_up_ms) {
            log_warn("serve", "the servers take too long to answer; starting without them");
            kill(child, SIGKILL);
            waitpid(child, NULL, 0);
            return 0;
        }
        usleep(5 * 1000);
    }
    if (__atomic_load_n(&shared->start_err, __ATOMIC_ACQUIRE) != TIP_ECONFIG)
        return 0;
    buf_add_text(ret_problem, shared->start_problem);
    return TIP_ECONFIG;
}

static bool all_right(void)
{
    return verdict(&shared->topics) == RIGHT && verdict(&shared->schema) == RIGHT;
}

static void look_again(struct pool_job *job, void *backend)
{
    (void)job;
    AUTO_BUF problem = {0};
    servers_check_schema(backend, &problem);
    buf_clear(&problem);
    if (verdict(&shared->topics) != RIGHT)
        servers_check_topics(WATCH_TOPICS_MS, &problem);
}

static void looked(struct pool_job *job)
{
    (void)job;
    watching = false;
    next_watch_ms = clock_monotonic_ms() + WATCH_EVERY_MS;
}

static void sweep(void *arg, int64_t now_ms)
{
    (void)arg;
    if (watching || now_ms < next_watch_ms || all_right())
        return;
    watch_job = (struct pool_job){.run = look_again, .done = looked};
    watching = pool_submit(pool, &watch_job) == 0;
}

void servers_watch(struct pool *threads)
{
    pool = threads;
    loop_sweep_add(sweep, NULL);
}

int servers_take_writes(struct buf *ret_problem)
{
    switch (verdict(&shared->topics)) {
    case RIGHT:
        return 0;
    case WRONG:
        buf_add_text(ret_problem, "Kafka's topics are not those of the settings: see the log");
        return TIP_ECONFIG;
    default:
        buf_add_text(ret_problem, "Kafka's topics have not been seen yet");
        return TIP_EUNAVAIL;
    }
}
