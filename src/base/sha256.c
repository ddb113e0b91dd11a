/* SHA-256; see sha256.h. */
#include "base/sha256.h"

#include "base/thread_end.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>

static void free_context(void *context)
{
    EVP_MD_CTX_free(context);
}

/* Made once per thread. */
static EVP_MD_CTX *thread_context(void)
{
    static _Thread_local EVP_MD_CTX *context;
    if (context != NULL)
        return context;
    context = EVP_MD_CTX_new();
    if (context != NULL)
        thread_end_call(free_context, context);
    return context;
}

void sha256_of(struct str data, uint8_t ret_digest[static SHA256_SIZE])
{
    unsigned int len = 0;
    EVP_MD_CTX *context = thread_context();
    if (context == NULL || EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1 ||
        EVP_DigestUpdate(context, data.data, data.len) != 1 ||
        EVP_DigestFinal_ex(context, ret_digest, &len) != 1)
        abort(); /* only a broken libcrypto gets here */
}

void sha256_hex(const uint8_t digest[static SHA256_SIZE], char ret_hex[static SHA256_HEX_SIZE])
{
    static const char hex[] = "0123456789abcdef";
    for (int i = 0; i < SHA256_SIZE; i++) {
        ret_hex[2 * i] = hex[digest[i] >> 4];
        ret_hex[2 * i + 1] = hex[digest[i] & 15];
    }
    ret_hex[64] = '\0';
}

bool sha256_equal(const uint8_t a[static SHA256_SIZE], const uint8_t b[static SHA256_SIZE])
{
    return CRYPTO_memcmp(a, b, SHA256_SIZE) == 0;
}
