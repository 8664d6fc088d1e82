/*
 * mds_gc: removes files that are not needed.
 *
 * These files and lists are needed: those that documents name, with the
 * contents of external lists; those that the kept generations name, in records
 * or manifests, and lists also in records that a layer hides; those that the
 * log names in its last MDS_GC_CHANGES changes and in those within the grace,
 * so that these can be reverted, and so that devices can fetch what they were
 * just offered; and all deltas between two needed files. A file that is younger
 * than the grace is kept in any case.
 *
 * Unfinished files of killed loaders in catalog/, files/ and lists/ are removed
 * at once: the lock is held, so nobody writes them. In state/devices/, which
 * workers write, those that no process has locked are removed after the grace,
 * and damaged files, which were renamed, after MDS_GC_DAMAGED_S.
 *
 * Rows of deltas whose packages are gone are removed by the change that removes
 * the packages. An older program left them: gc notes that the generation in
 * force has such rows, and the next change removes them.
 *
 * Reports of devices about releases that are gone are forgotten, too.
 *
 * It works under the loader's lock. Records in the journal are removed before
 * their files, so that a killed gc leaves no record of a file that is gone.
 */

#ifndef MDS_GC_H
#define MDS_GC_H

#include "loader/mds_loader.h"

#define MDS_GC_CHANGES 100
#define MDS_GC_GRACE_S 3600

/* Defines how long a damaged file of the registry of devices is kept. */
#define MDS_GC_DAMAGED_S (INT64_C(7) * 24 * 3600)

typedef struct {
    bool     dry_run;
    unsigned generations; /* to keep, with the one in force */
    int64_t  grace_s;

    /* Called for each removed file, with its name within the depot. */
    void (*removed)(void *data, const char *name, uint64_t size_bytes);
    void *data;
} mds_gc_options_t;

typedef struct {
    uint64_t removed; /* files and lists */
    uint64_t removed_bytes;
    uint64_t kept;
    uint64_t kept_bytes;
    uint64_t notes; /* removed records of the journal */
} mds_gc_result_t;

mds_status_t mds_gc(mds_loader_t *loader, const mds_gc_options_t *options,
                    mds_error_t *err, mds_gc_result_t *result) MDS_MUST_CHECK;

#endif
