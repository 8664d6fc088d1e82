/*
 * zip: how the entries of a zip are kept, and the same zip with all of them
 * stored. Two deflated zips have hardly a byte in common; stored ones have
 * what their files have (APPNOTE.TXT 6.3.10, 4.3 is the format).
 */

#ifndef MDSCTL_ZIP_H
#define MDSCTL_ZIP_H

#include "archive/zip_reader.h"
#include "base/mds_file.h"

#define MDSCTL_ZIP_SHOWN 200 /* bytes of a name in messages */

typedef struct mdsctl_zip_s mdsctl_zip_t;

/*
 * Reads the directory. MDS_INCOMPATIBLE: it is no zip; MDS_INVALID: it is one
 * in parts, encrypted, or zip64, or a name has a zero byte. The caller closes
 * *zip.
 */
mds_status_t mdsctl_zip_open(const char *path, mds_error_t *err,
                             mdsctl_zip_t **zip) MDS_MUST_CHECK;

void mdsctl_zip_close(mdsctl_zip_t *zip);

/* Entries by number, in the order in which they lie in the file. */
size_t mdsctl_zip_count(const mdsctl_zip_t *zip);

/* The name, as it stands there, in whatever encoding, without a zero byte. */
mds_str_t mdsctl_zip_name(const mdsctl_zip_t *zip, size_t i);

/* The name for messages; good until the next one is asked for. */
const char *mdsctl_zip_shown(mdsctl_zip_t *zip, size_t i);

/* What it is, as st_mode has it. */
unsigned mdsctl_zip_mode(const mdsctl_zip_t *zip, size_t i);

/* What is in it: of a symbolic link, where it leads. The zip has to outlive
 * *packed, and its entry's name is the last one that was shown. */
mds_status_t mdsctl_zip_unpack(mdsctl_zip_t *zip, size_t i, mds_error_t *err,
                               mdsctl_zip_reader_t **packed) MDS_MUST_CHECK;

/* How many entries are not stored as they are. */
size_t mdsctl_zip_compressed(const mdsctl_zip_t *zip);

/*
 * Writes the zip with all entries stored: same order, names, times, modes,
 * comments, and whatever else an entry is; same input, same bytes.
 * MDS_INVALID: it would be over max_bytes; MDS_DAMAGED. Both name the entry.
 */
mds_status_t mdsctl_zip_store(mdsctl_zip_t *zip, uint64_t max_bytes,
                              mds_progress_t *progress, mds_error_t *err,
                              mds_temp_file_t *draft) MDS_MUST_CHECK;

#endif
