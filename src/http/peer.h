/*
 * Who is at the other end: the connection's address, or what a trusted proxy says of it in
 * X-Forwarded-For. Only the last such line counts, read from its end: the first address that is no
 * trusted proxy is the client, since what stands before it anybody may have written. Pure.
 */
#ifndef TIPSTER_HTTP_PEER_H
#define TIPSTER_HTTP_PEER_H

#include "base/str.h"

#include <stdint.h>

/* IPv6; IPv4 mapped into it (::ffff:1.2.3.4). */
struct address {
    uint8_t bytes[16];
};

/* TIP_ESYNTAX: not an address. */
int address_parse(struct str text, struct address *ret_address);
/* 4 bytes of an IPv4 address. */
struct address address_of_v4(const void *bytes);

enum { PROXIES_MAX = 32 };

struct proxies {
    struct {
        struct address address;
        int bits; /* of the address that count: 0 to 128 */
    } items[PROXIES_MAX];
    int count;
};

/* "10.0.0.0/8, 192.0.2.7, ::1": TIP_EINVAL when an entry is none, or there are too many. */
int proxies_parse(struct str text, struct proxies *ret_proxies);

/* The client behind a connection; forwarded_for may be empty. */
struct address peer_resolve(const struct proxies *proxies, struct address connection,
                            struct str forwarded_for);
/* What limits count by: an IPv4 address, or the /64 of an IPv6 one, which one household has. */
uint64_t address_tag(const struct address *address);

#endif
