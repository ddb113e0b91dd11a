/* What the fuzz targets share; see fuzz.h. */
#include "fuzz.h"

#include "domain/utf8.h"

#include <sys/mman.h>
#include <unistd.h>

static bool is_pointer(const char *text)
{
    if (*text != '\0' && *text != '/')
        return false;
    for (; (text = strchr(text, '~')) != NULL; text++)
        if (text[1] != '0' && text[1] != '1')
            return false;
    return true;
}

void fuzz_require_violations(const struct violations *violations)
{
    FUZZ_REQUIRE(violations->count >= 1, "a refusal says why");
    FUZZ_REQUIRE(violations->total >= violations->count, "total counts all");
    for (size_t i = 0; i < violations->count; i++) {
        const struct violation *item = &violations->items[i];
        FUZZ_REQUIRE(is_pointer(item->pointer), "the pointer is one of RFC 6901");
        FUZZ_REQUIRE(utf8_is_valid(str_of(item->pointer)), "the pointer is text");
        FUZZ_REQUIRE(item->detail[0] != '\0', "the violation is explained");
        FUZZ_REQUIRE(utf8_is_valid(str_of(item->detail)), "the explanation is text");
        FUZZ_REQUIRE(violation_code_text(item->code) != NULL, "the code has a name");
    }
}

void fuzz_file(struct str bytes, int *ret_fd, char ret_path[static 32])
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    FUZZ_REQUIRE(fd >= 0 && write(fd, bytes.data, bytes.len) == (ssize_t)bytes.len, "memfd");
    FUZZ_REQUIRE(lseek(fd, 0, SEEK_SET) == 0, "memfd");
    snprintf(ret_path, 32, "/proc/self/fd/%d", fd);
    *ret_fd = fd;
}
