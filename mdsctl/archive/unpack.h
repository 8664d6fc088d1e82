/*
 * unpack: the files of an archive laid out in a folder, for nginx to serve.
 *
 * It is laid out aside, in DIR/.tmp-VERSION, and takes its name in one step.
 * Files are 0644, folders 0755. All get the same time, which no other version
 * in DIR has: nginx makes validators (ETag, Last-Modified) of size and time,
 * and one URL shows many versions.
 */

#ifndef MDSCTL_UNPACK_H
#define MDSCTL_UNPACK_H

#include "base/mds_file.h"

/* What an archive may take up; a zip bomb ends there. */
typedef struct {
    uint64_t bytes;   /* of all files */
    uint64_t entries; /* files and folders */
    uint64_t ratio;   /* bytes of files to those of the archive; 0: any. What
                       * is small is not looked at. */
} mdsctl_unpack_limits_t;

#define MDSCTL_UNPACK_LIMITS                                                   \
    ((mdsctl_unpack_limits_t){                                                 \
        .bytes = (uint64_t) 1 << 30, .entries = 100000, .ratio = 100 })

typedef struct {
    mds_path_t place;    /* DIR/VERSION */
    bool       made;     /* now; else it was there, and the same */
    bool       made_dir; /* DIR too */
    mds_path_t dir;
} mdsctl_unpacked_t;

/*
 * DIR is made if it is not there; version has to be one. Nothing stays after
 * a failure. MDS_EXISTS: there is another DIR/VERSION; MDS_INVALID names an
 * entry that does not belong there, or a limit; MDS_INCOMPATIBLE, MDS_DAMAGED:
 * of the archive.
 */
mds_status_t
mdsctl_unpack(const char *archive, const char *dir, const char *version,
              const mdsctl_unpack_limits_t *limits, mds_progress_t *progress,
              mds_error_t *err, mdsctl_unpacked_t *unpacked) MDS_MUST_CHECK;

/* Takes away what mdsctl_unpack() made. */
void mdsctl_unpack_undo(const mdsctl_unpacked_t *unpacked);

#endif
