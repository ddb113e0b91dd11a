/*
 * One number that stands for all records of a view: the sum of a hash of each (table, key, value).
 * Adding and taking away records keeps it up to date (a multiset hash: Clarke et al., "Incremental
 * Multiset Hash Functions", 2003; a plain sum, since nobody attacks it). It is stored with each
 * transaction; damage.h computes it again from the file.
 */
#ifndef TIPSTER_VIEW_DIGEST_H
#define TIPSTER_VIEW_DIGEST_H

#include "base/str.h"

#include <stdint.h>

/* Stands in the table meta under this key, as the one record that is not counted. */
#define DIGEST_KEY "digest"

/* The part of one record. table: its place in VIEW_DATABASES. */
uint64_t digest_of(unsigned table, struct str key, struct str value);

#endif
