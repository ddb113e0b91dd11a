/*
 * A fast, stable hash for keys that are spread (partitions, tables), not for "same content":
 * FNV-1a over the bytes (Fowler, Noll, Vo), then the finaliser of MurmurHash3 (Appleby) so that
 * all bits depend on all bytes. Its values are part of the wire: they choose Kafka partitions.
 */
#ifndef TIPSTER_BASE_HASH_H
#define TIPSTER_BASE_HASH_H

#include "base/str.h"

#include <stdint.h>

uint64_t hash_bytes(struct str data);
/* The same over several parts in a row, with a NUL between them. */
uint64_t hash_pair(struct str first, struct str second);
/* MurmurHash3's 64-bit finaliser. */
uint64_t hash_mix(uint64_t value);

#endif
