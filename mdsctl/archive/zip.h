/*
 * zip: reads the directory of a zip file, opens its entries, and writes the
 * same zip with all entries stored, which has small deltas: two deflated zips
 * have hardly a byte in common (APPNOTE.TXT 6.3.10, 4.3 describes the format).
 *
 * The directory is read here and not by libarchive, because libarchive converts
 * some names, and does not return comments, flags and extra fields, which a
 * repacked zip must keep.
 */

#ifndef MDSCTL_ZIP_H
#define MDSCTL_ZIP_H

#include "archive/zip_reader.h"
#include "base/mds_file.h"

typedef struct mdsctl_zip_s mdsctl_zip_t;

/*
 * Reads the directory. Returns MDS_INCOMPATIBLE if the file is not a zip, and
 * MDS_INVALID if the zip has several parts, is encrypted or in zip64 format, or
 * a name has a zero byte. The caller closes *zip; path must outlive it.
 */
mds_status_t mdsctl_zip_open(const char *path, mds_error_t *err,
                             mdsctl_zip_t **zip) MDS_MUST_CHECK;

void mdsctl_zip_close(mdsctl_zip_t *zip);

/* Entries are numbered in the order in which they are stored in the file. */
size_t mdsctl_zip_count(const mdsctl_zip_t *zip);

/* Returns the name as it is stored, in any encoding, without a zero byte. */
mds_str_t mdsctl_zip_entry_name(const mdsctl_zip_t *zip, size_t i);

/* Returns type and permissions of the entry, as st_mode has them. */
unsigned mdsctl_zip_entry_mode(const mdsctl_zip_t *zip, size_t i);

/* Opens the contents of the entry, which for a symbolic link are its target.
 * The zip must outlive *reader. One entry can be open at a time. */
mds_status_t
mdsctl_zip_open_entry(mdsctl_zip_t *zip, size_t i, mds_error_t *err,
                      mdsctl_zip_reader_t **reader) MDS_MUST_CHECK;

/* Returns whether an entry is compressed. */
bool mdsctl_zip_is_compressed(const mdsctl_zip_t *zip);

/* Returns whether the zip has an APK Signing Block in front of its directory.
 * The block signs the bytes of the file, so Android refuses a repacked one. */
bool mdsctl_zip_has_signing_block(const mdsctl_zip_t *zip);

/*
 * Writes the zip with all entries stored. Order, names, times, modes, comments
 * and everything else stay the same, and the same input gives the same bytes.
 * Returns MDS_INVALID if the result would exceed max_bytes, or MDS_DAMAGED;
 * both messages name the entry.
 */
mds_status_t mdsctl_zip_store(mdsctl_zip_t *zip, uint64_t max_bytes,
                              mds_progress_t *progress, mds_error_t *err,
                              mds_temp_file_t *draft) MDS_MUST_CHECK;

#endif
