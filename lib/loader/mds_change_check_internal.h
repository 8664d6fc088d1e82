/*
 * mds_change_check_internal: what the files mds_change_*.c share, and nobody
 * else.
 */

#ifndef MDS_CHANGE_CHECK_INTERNAL_H
#define MDS_CHANGE_CHECK_INTERNAL_H

#include "loader/mds_change_check.h"

/* Warnings of one kind of check that a change gives at most. */
#define MDS_CHANGE_WARNINGS_MAX 50

/* Whether one of the changes is of a package, a release, a message. */
bool mds_change_is_of(const mds_change_check_t *check, const char *what);

/* "WHAT: /PART/INDEX/KEY: WORDS", with the status. */
mds_status_t
mds_change_fail(const mds_change_check_t *check, mds_status_t status,
                const char *part, size_t index, const char *key,
                mds_error_t *err, const char *format, ...) MDS_PRINTF(7, 8);

/* Appends a warning, unless there are too many already. */
mds_status_t mds_change_warn(const mds_change_check_t *check, mds_error_t *err,
                             const char *format, ...) MDS_PRINTF(3, 4);

/* The name with a comma among them; empty: none. */
mds_str_t mds_change_comma(const mds_strs_t *names);

/* The packages: build numbers, bytes, commas. */
mds_status_t mds_change_packages(const mds_change_check_t *check,
                                 mds_error_t              *err) MDS_MUST_CHECK;

/* The releases: what is final, times, audiences, build numbers. */
mds_status_t mds_change_releases(const mds_change_check_t *check,
                                 mds_error_t              *err) MDS_MUST_CHECK;

#endif
