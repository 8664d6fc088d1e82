/*
 * mds_state_part: what the parts of the state share, and nobody else.
 */

#ifndef MDS_STATE_PART_H
#define MDS_STATE_PART_H

#include "mds_env.h"
#include "mds_state.h"

typedef enum {
    MDS_STATE_WINDOWS,
    MDS_STATE_ADMISSIONS,
    MDS_STATE_MARKS,
    MDS_STATE_TABLES
} mds_state_table_t;

struct mds_state_s {
    mds_env_t env;
    uint64_t  limit_bytes; /* 0: none */
    bool      dropped;     /* nothing of an older depot's registry is left */
};

/* Each within a writing transaction; *changed is set where there is something
 * to commit, and left alone where there is not. */
mds_status_t
mds_window_admit(mds_lmdb_t *lmdb, mds_admission_t *admission, int64_t now_ms,
                 mds_error_t *err, bool *changed) MDS_MUST_CHECK;
mds_status_t mds_marks_merge(mds_lmdb_t *lmdb, const mds_mark_t *mark,
                             mds_error_t *err, bool *changed) MDS_MUST_CHECK;

#endif
