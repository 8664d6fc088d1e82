/*
 * mds_preview: the generation that a change would make, compiled aside.
 *
 * A preview is a directory in $TMPDIR that looks like a depot: its catalog/ and
 * lists/ have links to the files of the depot, and the files that the change
 * would add. The depot itself does not change. No key is needed: a manifest
 * that was not signed before has a signature of dashes. Deltas that were not
 * made are taken for ones that are not worth it, so that a device gets the same
 * version, in full.
 */

#ifndef MDS_PREVIEW_H
#define MDS_PREVIEW_H

#include "catalog/mds_catalog.h"
#include "loader/mds_loader.h"

typedef struct mds_preview_s mds_preview_t;

/*
 * Compiles the change, whose dry_run is set, and opens the generation that it
 * would make and the one in force. The caller closes *preview, and releases the
 * references of *result, which is that of a dry run.
 */
mds_status_t
mds_loader_preview(mds_loader_t *loader, const mds_change_t *change,
                   mds_error_t *err, mds_change_result_t *result,
                   mds_preview_t **preview) MDS_MUST_CHECK;

/* Return the generation in force, as it was compared with, and the other. */
mds_catalog_t *mds_preview_before(const mds_preview_t *preview);
mds_catalog_t *mds_preview_after(const mds_preview_t *preview);

/* Closes both and removes the directory; does nothing for NULL. */
void mds_preview_close(mds_preview_t *preview);

#endif
