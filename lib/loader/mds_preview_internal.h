/* mds_preview_internal: what the steps of a change use of a preview. */

#ifndef MDS_PREVIEW_INTERNAL_H
#define MDS_PREVIEW_INTERNAL_H

#include "base/mds_digest.h"
#include "loader/mds_preview.h"

/* Makes the directory, with links to the depot's files. The journal is locked,
 * so that no file is removed meanwhile. */
mds_status_t mds_preview_new(const char *depot, mds_error_t *err,
                             mds_preview_t **preview) MDS_MUST_CHECK;

/* Returns the directory. */
const char *mds_preview_dir(const mds_preview_t *preview);

/* Notes the size of a file that the change would store. */
mds_status_t
mds_preview_note_size(mds_preview_t *preview, const mds_sha256_t *sha256,
                      uint64_t size_bytes, mds_error_t *err) MDS_MUST_CHECK;

/* Gets a size that was noted; returns whether there is one. */
bool mds_preview_get_size(const mds_preview_t *preview,
                          const mds_sha256_t *sha256, uint64_t *size_bytes);

/* Takes the generation in force over, and opens the one of that serial, which
 * was built. */
mds_status_t mds_preview_open(mds_preview_t *preview, mds_catalog_t *before,
                              uint64_t serial, mds_error_t *err) MDS_MUST_CHECK;

#endif
