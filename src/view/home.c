/* The folder of the views; see home.h. */
#include "view/home.h"

#include "base/err.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct view_home {
    char *dir;
    int lock_fd;
};

static int problem_of(struct buf *ret_problem, const char *what, const char *path)
{
    buf_addf(ret_problem, "%s %s: %s", what, path, strerror(errno));
    return TIP_EIO;
}

/* All folders on the way, as mkdir -p. */
static int make_dirs(const char *dir)
{
    AUTO_FREE char *path = xstrdup(dir);
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0755) != 0 && errno != EEXIST)
            return TIP_EIO;
        *slash = '/';
    }
    return mkdir(path, 0755) == 0 || errno == EEXIST ? 0 : TIP_EIO;
}

int view_home_open(const char *dir, struct view_home **ret_home, struct buf *ret_problem)
{
    AUTO_BUF lock = {0};
    if (make_dirs(dir) != 0)
        return problem_of(ret_problem, "cannot make", dir);
    buf_addf(&lock, "%s/lock", dir);
    int fd = open(buf_cstr(&lock), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        return problem_of(ret_problem, "cannot write", buf_cstr(&lock));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        buf_addf(ret_problem, "another tipster index keeps the views in %s", dir);
        return TIP_EFENCED;
    }
    struct view_home *home = xcalloc(1, sizeof(*home));
    home->dir = xstrdup(dir);
    home->lock_fd = fd;
    *ret_home = home;
    return 0;
}

void view_home_close(struct view_home *home)
{
    if (home == NULL)
        return;
    close(home->lock_fd);
    free(home->dir);
    free(home);
}

int view_home_current(const char *dir, struct buf *ret_path)
{
    AUTO_BUF link = {0};
    char name[256];
    buf_addf(&link, "%s/current", dir);
    ssize_t len = readlink(buf_cstr(&link), name, sizeof(name));
    if (len <= 0 || (size_t)len == sizeof(name))
        return TIP_ENOTFOUND;
    AUTO_BUF path = {0};
    buf_addf(&path, "%s/%.*s", dir, (int)len, name);
    if (access(buf_cstr(&path), F_OK) != 0)
        return TIP_ENOTFOUND;
    buf_clear(ret_path);
    buf_add_str(ret_path, buf_str(&path));
    return 0;
}

int view_home_identify(const char *path, struct view_identity *ret_identity)
{
    AUTO_BUF file = {0};
    struct statx status = {0};
    buf_addf(&file, "%s/data.mdb", path);
    if (statx(AT_FDCWD, buf_cstr(&file), 0, STATX_INO | STATX_BTIME, &status) != 0)
        return TIP_ENOTFOUND;
    *ret_identity = (struct view_identity){
        .device = (uint64_t)status.stx_dev_major << 32 | status.stx_dev_minor,
        .file = status.stx_ino,
        .born_ns = status.stx_btime.tv_sec * 1000000000 + status.stx_btime.tv_nsec};
    return 0;
}

bool view_identity_equal(const struct view_identity *a, const struct view_identity *b)
{
    return a->device == b->device && a->file == b->file && a->born_ns == b->born_ns;
}

/* The N of "view-N"; 0: another name. */
static unsigned long number_of(const char *name)
{
    char *end = NULL;
    unsigned long number = strncmp(name, "view-", 5) == 0 ? strtoul(name + 5, &end, 10) : 0;
    return end != NULL && *end == '\0' ? number : 0;
}

/* Removes every view but the one named `keep`; returns the highest number seen. */
static unsigned long clear_leftovers(const struct view_home *home, const char *keep)
{
    unsigned long highest = 0;
    DIR *dir = opendir(home->dir);
    if (dir == NULL)
        return 0;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        unsigned long number = number_of(entry->d_name);
        highest = number > highest ? number : highest;
        if (number == 0 || strcmp(entry->d_name, keep) == 0)
            continue;
        AUTO_BUF path = {0};
        buf_addf(&path, "%s/%s", home->dir, entry->d_name);
        view_home_remove(buf_cstr(&path));
    }
    closedir(dir);
    return highest;
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

int view_home_add(struct view_home *home, struct buf *ret_path, struct buf *ret_problem)
{
    AUTO_BUF current = {0}, path = {0};
    bool has_current = view_home_current(home->dir, &current) == 0;
    unsigned long highest = clear_leftovers(home, has_current ? last_part(buf_cstr(&current)) : "");
    buf_addf(&path, "%s/view-%lu", home->dir, highest + 1);
    if (mkdir(buf_cstr(&path), 0755) != 0)
        return problem_of(ret_problem, "cannot make", buf_cstr(&path));
    buf_clear(ret_path);
    buf_add_str(ret_path, buf_str(&path));
    return 0;
}

int view_home_publish(struct view_home *home, const char *path, struct buf *ret_problem)
{
    AUTO_BUF link = {0}, fresh = {0};
    buf_addf(&link, "%s/current", home->dir);
    buf_addf(&fresh, "%s/current.new", home->dir);
    unlink(buf_cstr(&fresh));
    if (symlink(last_part(path), buf_cstr(&fresh)) != 0 ||
        rename(buf_cstr(&fresh), buf_cstr(&link)) != 0)
        return problem_of(ret_problem, "cannot replace", buf_cstr(&link));
    return 0;
}

void view_home_withdraw(struct view_home *home)
{
    AUTO_BUF link = {0};
    buf_addf(&link, "%s/current", home->dir);
    unlink(buf_cstr(&link));
}

void view_home_remove(const char *path)
{
    static const char *const files[] = {"data.mdb", "lock.mdb"};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        AUTO_BUF file = {0};
        buf_addf(&file, "%s/%s", path, files[i]);
        unlink(buf_cstr(&file));
    }
    rmdir(path);
}
