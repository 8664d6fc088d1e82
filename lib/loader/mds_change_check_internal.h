/*
 * mds_change_check_internal: the checks that the files mds_change_*.c share.
 */

#ifndef MDS_CHANGE_CHECK_INTERNAL_H
#define MDS_CHANGE_CHECK_INTERNAL_H

#include "compile/mds_delta_plan.h"
#include "loader/mds_change_check.h"

/* A change gives no more warnings than this. */
#define MDS_CHANGE_WARNINGS_MAX 50

/* Fails with "WHAT: /PART/INDEX/KEY: WORDS". */
mds_status_t
mds_change_fail(const mds_change_check_t *check, mds_status_t status,
                const char *part, size_t index, const char *key,
                mds_error_t *err, const char *format, ...) MDS_PRINTF(7, 8);

/* Appends a warning, unless there are too many already. */
mds_status_t mds_change_warn(const mds_change_check_t *check, mds_error_t *err,
                             const char *format, ...) MDS_PRINTF(3, 4);

/* Returns the first name that has a comma in it, or an empty one. */
mds_str_t mds_change_find_comma(const mds_strs_t *names);

/* Checks the packages: build numbers, bytes, names. */
mds_status_t mds_change_packages(const mds_change_check_t *check,
                                 mds_error_t              *err) MDS_MUST_CHECK;

/* Returns those of the builds that are of the package's version, in document
 * order. */
mds_builds_t
mds_change_builds_of(const mds_builds_t *builds, const mds_package_t *package);

/* Checks that no device gets other bytes for a version than before. */
mds_status_t
mds_change_bytes(const mds_change_check_t *check, const mds_builds_t *before,
                 const mds_builds_t *after, mds_error_t *err) MDS_MUST_CHECK;

/* Checks the releases: what is final, times, audiences, build numbers. */
mds_status_t mds_change_releases(const mds_change_check_t *check,
                                 mds_error_t              *err) MDS_MUST_CHECK;

#endif
