/*
 * mds_semver_range: ranges of versions in the words of npm's semver, by which
 * CodePush says for which binaries a version is: "1.2.3", "1.2.x", "^1.2",
 * "~1.2.3", ">=1.2 <2", "1.2 - 1.4", "*".
 *
 * A range is one interval. One with alternatives ("||") is not read. A version
 * with a pre-release is in the interval where its order puts it; npm's semver
 * leaves it out unless the range has one of the same release.
 */

#ifndef MDS_SEMVER_RANGE_H
#define MDS_SEMVER_RANGE_H

#include "base/mds_version.h"

typedef struct {
    char min[MDS_VERSION_MAX + 1]; /* inclusive; empty: open */
    char max[MDS_VERSION_MAX + 1]; /* inclusive, or below is; empty: open */
    bool below;                    /* max is exclusive */
} mds_semver_range_t;

/* Reads a range. False: the text is not one, or has alternatives. */
bool mds_semver_range_parse(mds_str_t           text,
                            mds_semver_range_t *range) MDS_MUST_CHECK;

/* Returns a number below zero if the version is below the range, zero if it is
 * in it, and one above zero if it is above it. */
int mds_semver_range_cmp(const mds_semver_range_t *range,
                         const mds_version_t      *version);

#endif
