/* Secrets from the kernel; see random.h. */
#include "base/random.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

void random_bytes(void *ret_bytes, size_t count)
{
    unsigned char *bytes = ret_bytes;
    while (count > 0) {
        ssize_t got = getrandom(bytes, count, 0);
        if (got < 0 && errno != EINTR)
            abort(); /* never a weaker source */
        if (got > 0) {
            bytes += got;
            count -= (size_t)got;
        }
    }
}

void random_text(char *ret_text, size_t count)
{
    static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    enum { LETTERS = sizeof(alphabet) - 1, FAIR = 256 / LETTERS * LETTERS };
    size_t len = 0;
    while (len < count) {
        unsigned char byte;
        random_bytes(&byte, 1);
        if (byte < FAIR) /* or the first letters came more often */
            ret_text[len++] = alphabet[byte % LETTERS];
    }
    ret_text[count] = '\0';
}
