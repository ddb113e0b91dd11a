/* Finding neighbours of the binary; see program.h. */
#include "base/program.h"

#include "base/mem.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *program_beside(const char *name)
{
    char own[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", own, sizeof(own) - 1);
    if (len <= 0)
        return NULL;
    own[len] = '\0';
    char *slash = strrchr(own, '/');
    *slash = '\0';
    char *path = xasprintf("%s/%s", own, name);
    if (access(path, F_OK) == 0)
        return path;
    free(path);
    return NULL;
}
