/*
 * mds_version: version numbers as bytes that memcmp() puts in order.
 *
 * Numeric by segment, missing segments are zero, a leading "v" is dropped,
 * "-pre.1" sorts below its release as semver 2.0.0 (11.) has it, "+build" is
 * ignored. A key is
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

/* False: the text is no version; *version is undefined then. */
bool mds_version_parse(mds_str_t text, mds_version_t *version) MDS_MUST_CHECK;

/* The key as a view into *version. */
static inline mds_str_t
mds_version_key(const mds_version_t *version)
{
    return (mds_str_t){ version->len, (const char *) version->key };
}

/* What stands behind the "+", as a view; empty: nothing. */
mds_str_t mds_version_build(mds_str_t text);

/* Below, at or above zero, for keys: mds_str_cmp() is their order. */
int mds_version_cmp(const mds_version_t *a, const mds_version_t *b);

#endif
