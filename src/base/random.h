/* Randomness for secrets, from the kernel's generator. Ends the process when there is none. */
#ifndef TIPSTER_BASE_RANDOM_H
#define TIPSTER_BASE_RANDOM_H

#include <stddef.h>

/* count bytes, each value equally likely. */
void random_bytes(void *ret_bytes, size_t count);
/* count characters of 0-9, A-Z, a-z (5.95 bits each) and a NUL: ret_text holds count + 1. */
void random_text(char *ret_text, size_t count);

#endif
