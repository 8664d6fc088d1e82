/*
 * mds_state_part: what the parts of the state share, and nobody else.
 */

#ifndef MDS_STATE_PART_H
#define MDS_STATE_PART_H

#include <stdatomic.h>
#include <sys/types.h>

#include "mds_file.h"
#include "mds_lmdb.h"
#include "mds_state.h"

typedef enum {
    MDS_STATE_WINDOWS,
    MDS_STATE_ADMISSIONS,
    MDS_STATE_MARKS,
    MDS_STATE_DEVICES,
    MDS_STATE_OWNERS,
    MDS_STATE_TABLES
} mds_state_table_t;

struct mds_state_s {
    mds_lmdb_t *reader;
    mds_lmdb_t *writer; /* the same environment */
    bool        reading;
    atomic_bool lost; /* LMDB will have no more of it: to be opened anew */
    mds_path_t  data; /* the file that was opened, and which it was */
    dev_t       device;
    ino_t       inode;
};

/* Each within a writing transaction; *changed is set where there is something
 * to commit, and left alone where there is not. */
mds_status_t
mds_window_admit(mds_lmdb_t *lmdb, mds_admission_t *admission, int64_t now_ms,
                 mds_error_t *err, bool *changed) MDS_MUST_CHECK;
mds_status_t mds_marks_merge(mds_lmdb_t *lmdb, const mds_mark_t *mark,
                             mds_error_t *err, bool *changed) MDS_MUST_CHECK;
mds_status_t mds_registry_see(mds_lmdb_t *lmdb, const mds_sighting_t *sighting,
                              int64_t now_ms, mds_error_t *err,
                              bool *changed) MDS_MUST_CHECK;

#endif
