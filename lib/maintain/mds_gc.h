/*
 * mds_gc: removes what nothing needs.
 *
 * Needed are, of files and lists: what the documents name, with the contents
 * of external lists; what the kept generations name, in records or manifests;
 * what the log names of its last MDS_GC_CHANGES changes, and of those within
 * the grace, so that they can be reverted, and so that what a device was told
 * just now can be had; and every difference between two files of those. What
 * is younger than the grace stays anyway.
 *
 * It works under the loader's lock. Notes in the journal go before the files
 * that they are of, so that one that is killed leaves no note of a file that
 * is gone.
 */

#ifndef MDS_GC_H
#define MDS_GC_H

#include "loader/mds_loader.h"

#define MDS_GC_CHANGES 100
#define MDS_GC_GRACE_S 3600

typedef struct {
    bool     dry_run;
    unsigned generations; /* to be kept, the one in force among them */
    int64_t  grace_s;

    /* Told each file that goes, by its name within the depot. */
    void (*removed)(void *data, const char *name, uint64_t size_bytes);
    void *data;
} mds_gc_options_t;

typedef struct {
    uint64_t removed; /* files and lists */
    uint64_t removed_bytes;
    uint64_t kept;
    uint64_t kept_bytes;
    uint64_t notes; /* that went out of the journal */
} mds_gc_result_t;

mds_status_t mds_gc(mds_loader_t *loader, const mds_gc_options_t *options,
                    mds_error_t *err, mds_gc_result_t *result) MDS_MUST_CHECK;

#endif
