/*
 * publish: the functions that the files of the command `mdsctl publish` share.
 */

#ifndef MDSCTL_PUBLISH_H
#define MDSCTL_PUBLISH_H

#include "archive/unpack.h"
#include "base/mds_digest.h"
#include "expo/expo.h"
#include "mdsctl.h"
#include "json/mds_json.h"

/* Sets the limits that are given (not NULL). Returns an exit code. */
int mdsctl_unpack_limits(const char *bytes, const char *entries,
                         mdsctl_unpack_limits_t *limits) MDS_MUST_CHECK;

/* The update that --codepush publishes. */
typedef struct {
    const char *file; /* as given, or the zip of a directory */
    mds_path_t  dir;  /* of the zip; empty: none */
    mds_path_t  zip;
    char        hash[MDS_SHA256_HEX + 1]; /* of the package */
} mdsctl_codepush_t;

/* Makes a zip of a directory, and computes the hash. *codepush is all zero
 * before, and has to be ended in any case. Returns an exit code. */
int mdsctl_codepush_begin(const char        *path,
                          mdsctl_codepush_t *codepush) MDS_MUST_CHECK;

void mdsctl_codepush_end(const mdsctl_codepush_t *codepush);

/* Adds the hash and the binaries (range; NULL: all) to "meta", and a rule about
 * them. Returns an exit code. */
int mdsctl_codepush_set_members(mds_json_t              *package,
                                const mdsctl_codepush_t *codepush,
                                const char              *range) MDS_MUST_CHECK;

/* The file that --store publishes. */
typedef struct {
    const char *file; /* as given, or path; NULL: --store is not asked for */
    mds_path_t  dir;  /* its own; empty: none */
    mds_path_t  path;
} mdsctl_stored_t;

/* Repacks the file. *stored is all zero before, and has to be ended in any
 * case. Returns an exit code. */
int mdsctl_store_begin(const char *file, uint64_t max_bytes,
                       mdsctl_stored_t *stored) MDS_MUST_CHECK;

void mdsctl_store_end(const mdsctl_stored_t *stored);

/* Prints that the file was repacked, or that repacking it would make deltas
 * smaller. */
void mdsctl_store_report(const char *file, const mdsctl_stored_t *stored);

/* Publishes the folder of `expo export`; package has the members that its
 * packages share. Returns an exit code. */
int mdsctl_publish_expo(mdsctl_t *ctl, const char *app, const char *folder,
                        const mdsctl_expo_options_t *options,
                        const mds_json_t            *package) MDS_MUST_CHECK;

#endif
