/* The other end; see peer.h. */
#include "http/peer.h"

#include "base/err.h"
#include "base/hash.h"

#include <arpa/inet.h>
#include <stdlib.h>

static const uint8_t v4_prefix[12] = {[10] = 0xff, [11] = 0xff};

struct address address_of_v4(const void *bytes)
{
    struct address address;
    memcpy(address.bytes, v4_prefix, sizeof(v4_prefix));
    memcpy(address.bytes + sizeof(v4_prefix), bytes, 4);
    return address;
}

int address_parse(struct str text, struct address *ret_address)
{
    char copy[INET6_ADDRSTRLEN];
    uint8_t v4[4];
    if (text.len == 0 || text.len >= sizeof(copy) || memchr(text.data, '\0', text.len) != NULL)
        return TIP_ESYNTAX;
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    if (inet_pton(AF_INET, copy, v4) == 1) {
        *ret_address = address_of_v4(v4);
        return 0;
    }
    return inet_pton(AF_INET6, copy, ret_address->bytes) == 1 ? 0 : TIP_ESYNTAX;
}

static bool is_v4(const struct address *address)
{
    return memcmp(address->bytes, v4_prefix, sizeof(v4_prefix)) == 0;
}

static struct str trim(struct str text)
{
    while (text.len > 0 && (text.data[0] == ' ' || text.data[0] == '\t'))
        text = str_from(text.data + 1, text.len - 1);
    while (text.len > 0 && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t'))
        text.len--;
    return text;
}

/* One entry: an address, or a network with the number of its bits. */
static int add_proxy(struct str entry, struct proxies *proxies)
{
    const char *slash = memchr(entry.data, '/', entry.len);
    struct address address;
    struct str name =
        str_from(entry.data, slash != NULL ? (size_t)(slash - entry.data) : entry.len);
    if (proxies->count == PROXIES_MAX || address_parse(name, &address) != 0)
        return TIP_EINVAL;
    int bits = 128, offset = is_v4(&address) ? 96 : 0;
    if (slash != NULL) {
        struct str digits = str_from(slash + 1, entry.len - name.len - 1);
        bits = offset;
        for (size_t i = 0; i < digits.len; i++) {
            if (digits.data[i] < '0' || digits.data[i] > '9' || i >= 3)
                return TIP_EINVAL;
        }
        bits += digits.len > 0 ? atoi(digits.data) : 1000;
        if (bits > 128)
            return TIP_EINVAL;
    }
    proxies->items[proxies->count].address = address;
    proxies->items[proxies->count++].bits = bits;
    return 0;
}

int proxies_parse(struct str text, struct proxies *ret_proxies)
{
    struct proxies proxies = {0};
    for (size_t start = 0; start < text.len;) {
        size_t end = start;
        while (end < text.len && text.data[end] != ',')
            end++;
        struct str entry = trim(str_from(text.data + start, end - start));
        if (entry.len > 0 && add_proxy(entry, &proxies) != 0)
            return TIP_EINVAL;
        start = end + 1;
    }
    *ret_proxies = proxies;
    return 0;
}

static bool has_prefix(const struct address *address, const struct address *network, int bits)
{
    int whole = bits / 8, rest = bits % 8;
    if (memcmp(address->bytes, network->bytes, (size_t)whole) != 0)
        return false;
    return rest == 0 || (address->bytes[whole] ^ network->bytes[whole]) >> (8 - rest) == 0;
}

static bool is_trusted(const struct proxies *proxies, const struct address *address)
{
    for (int i = 0; i < proxies->count; i++)
        if (has_prefix(address, &proxies->items[i].address, proxies->items[i].bits))
            return true;
    return false;
}

struct address peer_resolve(const struct proxies *proxies, struct address connection,
                            struct str forwarded_for)
{
    struct address client = connection, next;
    while (forwarded_for.len > 0 && is_trusted(proxies, &client)) {
        size_t start = forwarded_for.len;
        while (start > 0 && forwarded_for.data[start - 1] != ',')
            start--;
        struct str last = str_from(forwarded_for.data + start, forwarded_for.len - start);
        if (address_parse(trim(last), &next) != 0)
            break;
        client = next;
        forwarded_for.len = start > 0 ? start - 1 : 0;
    }
    return client;
}

uint64_t address_tag(const struct address *address)
{
    uint64_t tag = hash_bytes(str_from(address->bytes, is_v4(address) ? 16 : 8));
    return tag != 0 ? tag : 1;
}
