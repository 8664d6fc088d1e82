/*
 * assets: what nginx needs to send the files of an unpacked version to browsers
 * as differences, signed, and to pages that are still open. All of it lies in
 * DIR/.mds, beside DIR/VERSION:
 *
 *   VERSION.index   the version's files (mds_asset_index.h)
 *   delta/TO.FROM   a difference between two files, named by their digests
 *   kept.index      the files of all versions whose names have a hash
 *   kept/PATH       these files: links, as long as a version has them
 */

#ifndef MDSCTL_ASSETS_H
#define MDSCTL_ASSETS_H

#include "base/mds_asset_index.h"
#include "base/mds_file.h"
#include "files/mds_zstd.h"
#include "sign/mds_sign.h"

/* So many lower versions are paired with a new one. */
#define MDSCTL_ASSETS_VERSIONS 3

/* A file of a version. */
typedef struct {
    char            *path; /* below the version's directory */
    uint64_t         bytes;
    mds_sha256_t     sha256;
    mds_asset_hash_t hash; /* in the path */
    mds_buffer_t     from; /* digests of files with a delta to this one */
} mdsctl_asset_t;

typedef struct {
    const char     *dir;     /* of all versions */
    const char     *version; /* its name there */
    mdsctl_asset_t *assets;  /* in the order of paths */
    size_t          count;
    size_t          room;
} mdsctl_assets_t;

/* Makes all of it for DIR/VERSION. key may be NULL: nothing is signed. */
mds_status_t
mdsctl_assets_make(const char *dir, const char *version, const mds_key_t *key,
                   mds_zstd_level_t level, mds_progress_t *progress,
                   mds_error_t *err) MDS_MUST_CHECK;

/* Reads the files of a version. The caller frees *assets in any case. */
mds_status_t
mdsctl_assets_read(mdsctl_assets_t *assets, mds_error_t *err) MDS_MUST_CHECK;
void mdsctl_assets_free(mdsctl_assets_t *assets);

/* Writes the indexes, and links the files that are kept. */
mds_status_t
mdsctl_assets_write(const mdsctl_assets_t *assets, const mds_key_t *key,
                    mds_error_t *err) MDS_MUST_CHECK;

/* Removes the indexes of versions that are gone, and the deltas that none of
 * the others names. */
mds_status_t
mdsctl_assets_sweep(const char *dir, mds_error_t *err) MDS_MUST_CHECK;

#endif
