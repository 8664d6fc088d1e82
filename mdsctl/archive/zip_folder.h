/*
 * zip_folder: makes a zip of a directory, whose name all entries begin with.
 * The same files give the same bytes.
 */

#ifndef MDSCTL_ZIP_FOLDER_H
#define MDSCTL_ZIP_FOLDER_H

#include "base/mds_file.h"

/* Writes the zip. Returns MDS_INVALID if there is something that is neither a
 * file nor a directory, or no file. */
mds_status_t mdsctl_zip_folder(const char *dir, mds_temp_file_t *draft,
                               mds_error_t *err) MDS_MUST_CHECK;

#endif
