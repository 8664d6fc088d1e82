/*
 * mds_version: turns version numbers into keys that memcmp() puts in order.
 *
 * Segments are compared as numbers, and missing ones are zero. A leading "v"
 * and
 * "+build" are ignored. "-pre.1" sorts below its release, as in semver 2.0.0
 * (11.). A key is
 *
 *   segment*  end  identifier*  00
 *
 *   segment     10+n, n digits             without leading zeros; trailing
 *                                          zero segments are left out
 *   end         01 with pre-release, 02 without (then nothing follows)
 *   identifier  10+n, n digits             numeric, below every
 *               F0, bytes, 00              alphanumeric one
 */

#ifndef MDS_VERSION_H
#define MDS_VERSION_H

#include "base/mds_base.h"

#define MDS_VERSION_MAX 128 /* bytes of a version as text */
#define MDS_VERSION_KEY_BYTES (2 * MDS_VERSION_MAX)

typedef struct {
    size_t  len;
    uint8_t key[MDS_VERSION_KEY_BYTES];
} mds_version_t;

/* Reads a version. False: the text is not one, and *version is undefined. */
bool mds_version_parse(mds_str_t text, mds_version_t *version) MDS_MUST_CHECK;

/* Returns the key as a view of *version. */
static inline mds_str_t
mds_version_key(const mds_version_t *version)
{
    return (mds_str_t){ version->len, (const char *) version->key };
}

/* Returns a view of what follows the "+"; it may be empty. */
mds_str_t mds_version_build(mds_str_t text);

/* Returns a number below, at or above zero. Keys are in the order of
 * mds_str_cmp(). */
int mds_version_cmp(const mds_version_t *a, const mds_version_t *b);

#endif
