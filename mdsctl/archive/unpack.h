/*
 * unpack: unpacks an archive into a directory that nginx serves.
 *
 * The files are unpacked to DIR/.tmp-VERSION, which is renamed to DIR/VERSION
 * when it is complete. Files have mode 0644 and directories 0755. All have the
 * same modification time, which no other version in DIR has: nginx makes
 * validators (ETag, Last-Modified) from size and time, and one URL serves many
 * versions.
 */

#ifndef MDSCTL_UNPACK_H
#define MDSCTL_UNPACK_H

#include "base/mds_file.h"

/* The limits of an archive's contents, against zip bombs. */
typedef struct {
    uint64_t bytes;   /* of all files */
    uint64_t entries; /* files and directories */
    uint64_t ratio;   /* bytes of files to bytes of the archive; 0 for any. Up
                       * to 16 MiB any ratio is allowed. */
} mdsctl_unpack_limits_t;

#define MDSCTL_UNPACK_LIMITS                                                   \
    ((mdsctl_unpack_limits_t){                                                 \
        .bytes = (uint64_t) 1 << 30, .entries = 100000, .ratio = 100 })

typedef struct {
    mds_path_t place;    /* DIR/VERSION */
    bool       made;     /* false if DIR/VERSION existed with the same files */
    bool       made_dir; /* whether DIR was created */
    mds_path_t dir;
} mdsctl_unpacked_t;

/*
 * Unpacks the archive to DIR/VERSION, and creates DIR if it does not exist.
 * Leaves nothing behind after a failure. Returns MDS_EXISTS if DIR/VERSION
 * exists with other files; MDS_INVALID, with a message that names the entry or
 * the limit; or what mdsctl_archive_open() and mdsctl_archive_next() return.
 */
mds_status_t
mdsctl_unpack(const char *archive, const char *dir, const char *version,
              const mdsctl_unpack_limits_t *limits, mds_progress_t *progress,
              mds_error_t *err, mdsctl_unpacked_t *unpacked) MDS_MUST_CHECK;

/* Removes the directories that mdsctl_unpack() created. */
void mdsctl_unpack_undo(const mdsctl_unpacked_t *unpacked);

#endif
