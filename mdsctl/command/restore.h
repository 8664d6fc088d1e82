/*
 * restore: the parts of the command `restore`, in the order in which they run.
 * Its table of checksums marks an entry as listed by a null.
 */

#ifndef MDSCTL_RESTORE_H
#define MDSCTL_RESTORE_H

#include <limits.h>
#include <sys/types.h>

#include "base/mds_file.h"
#include "maintain/mds_verify.h"
#include "mdsctl.h"

#define MDSCTL_RESTORE_CHUNK ((size_t) 256 * 1024)

typedef struct {
    const mds_verify_options_t *verify;
    mds_progress_t             *bar;
    bool                        force;
    bool           dry_run; /* the new depot is verified and removed */
    bool           owner_given;
    mdsctl_owner_t owner;
    int64_t        readers; /* the group that may read the old depot; or -1 */
    char           depot[PATH_MAX]; /* without symbolic links */
    bool           exists;          /* as a depot, which is replaced */
    mds_path_t     stage;           /* beside it */
    uint64_t       archive_bytes;
    uint64_t       bytes;
    uint64_t       files;
    uint64_t       problems;
    bool           outdated;             /* of another format */
    bool           journal, state, sums; /* seen */
    unsigned       generations;          /* files, seen */
    uint64_t       serial;
    mds_json_t    *digests; /* name to SHA-256 of what was read */
    char           chunk[MDSCTL_RESTORE_CHUNK];
} mdsctl_restore_t;

/* Creates an empty depot, without the files that the archive brings. */
mds_status_t mdsctl_restore_stage_create(mdsctl_restore_t *r,
                                         mds_error_t      *err) MDS_MUST_CHECK;

/* Reads the archive into it. */
mds_status_t mdsctl_restore_read(mdsctl_restore_t *r, const char *file,
                                 mds_error_t *err) MDS_MUST_CHECK;

/* Returns the mode of a file of that name; 0: it does not belong in a depot. */
mode_t mdsctl_restore_mode(mdsctl_restore_t *r, const char *name);

/* Adds lock files and CURRENT, and syncs the folders. */
mds_status_t mdsctl_restore_stage_finish(mdsctl_restore_t *r,
                                         mds_error_t      *err) MDS_MUST_CHECK;

/* Verifies all of it; the first problem goes to stderr. */
mds_status_t mdsctl_restore_stage_verify(mdsctl_restore_t *r,
                                         mds_error_t      *err) MDS_MUST_CHECK;

/* Replaces the depot, under its lock if it can be taken: no loader is in the
 * middle of a change then. The stage holds the old depot afterwards. */
mds_status_t
mdsctl_restore_swap(mdsctl_restore_t *r, mds_error_t *err) MDS_MUST_CHECK;

#endif
