/*
 * zip: how the entries of a zip are kept, and the same zip with all of them
 * stored. Two deflated zips have hardly a byte in common; stored ones have
 * what their files have (APPNOTE.TXT 6.3.10, 4.3 is the format).
 */

#ifndef MDSCTL_ZIP_H
#define MDSCTL_ZIP_H

#include "mds_file.h"

typedef struct mdsctl_zip_s mdsctl_zip_t;

/*
 * Reads the directory. MDS_FOREIGN: it is no zip; MDS_INVALID: it is one in
 * parts, encrypted, or zip64, or a name has a zero byte. The caller closes
 * *zip.
 */
mds_status_t mdsctl_zip_open(const char *path, mds_error_t *err,
                             mdsctl_zip_t **zip) MDS_MUST_CHECK;
void         mdsctl_zip_close(mdsctl_zip_t *zip);

/* How many entries are not stored as they are. */
size_t mdsctl_zip_compressed(const mdsctl_zip_t *zip);

/*
 * Writes the zip with all entries stored: same order, names, times, modes,
 * comments; same input, same bytes. MDS_INVALID: it has entries that are
 * neither files nor folders, or would be over max_bytes; MDS_DAMAGED.
 */
mds_status_t mdsctl_zip_store(const mdsctl_zip_t *zip, uint64_t max_bytes,
                              mds_progress_t *progress, mds_error_t *err,
                              mds_draft_t *draft) MDS_MUST_CHECK;

#endif
