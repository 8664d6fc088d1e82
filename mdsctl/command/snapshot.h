/*
 * snapshot: what the parts of that command share. snapshot_hold.c copies what
 * changes, snapshot.c adds everything to the archive, and snapshot_check.c
 * checks that all that the catalog needs is in it.
 */

#ifndef MDSCTL_SNAPSHOT_H
#define MDSCTL_SNAPSHOT_H

#include "archive/tarball.h"
#include "base/mds_file.h"
#include "catalog/mds_chain.h"
#include "maintain/mds_reachable.h"
#include "mdsctl.h"
#include "registry/mds_registry.h"

typedef struct {
    mds_progress_t         progress; /* first: of one file, handed on */
    mds_progress_t        *bar;
    const char            *depot;
    mds_path_t             dir; /* in the depot: copies that do not change */
    mdsctl_tarball_t      *tarball;
    mds_reachable_t        added; /* files and lists */
    uint64_t               serial;
    mds_chain_files_t      generation; /* of that serial */
    uint64_t               files;
    uint64_t               bytes;
    uint64_t               total_bytes;
    mds_registry_foreign_t foreign; /* files of the registry left out */
} mdsctl_snapshot_t;

/* Copies the journal and the state into the snapshot's directory, and links the
 * files of the generation that the journal is of. */
mds_status_t
mdsctl_snapshot_hold(mdsctl_snapshot_t *s, mds_error_t *err) MDS_MUST_CHECK;

/* Checks that the files that were added are all that the generation and the
 * journal need. MDS_CONFLICT: some were collected meanwhile. */
mds_status_t
mdsctl_snapshot_check(mdsctl_snapshot_t *s, mds_error_t *err) MDS_MUST_CHECK;

#endif
