/*
 * mds_root_file: a root while several people on several machines sign it.
 *
 * The file is the root's envelope, with one more member: "previous", the
 * envelope of the version before, so that a machine which has nothing else
 * knows which signatures are missing. A published root does not have it.
 */

#ifndef MDS_ROOT_FILE_H
#define MDS_ROOT_FILE_H

#include "trust/mds_root.h"

typedef struct {
    mds_envelope_t envelope;
    mds_root_t     root;
    bool           has_before;
    mds_envelope_t before_envelope;
    mds_root_t     before;
} mds_root_file_t;

/* The signatures that a root has by the keys of one version. */
typedef struct {
    const mds_root_t *root; /* whose keys count */
    size_t            signers;
} mds_root_need_t;

#define MDS_ROOT_NEEDS_MAX 2

/* Reads the file; the caller frees *file. MDS_INVALID: it has no root. */
mds_status_t mds_root_file_read(const char *path, mds_error_t *err,
                                mds_root_file_t *file) MDS_MUST_CHECK;

void mds_root_file_free(mds_root_file_t *file);

/* Makes the envelope anew, without signatures, for a root that was changed. */
mds_status_t
mds_root_file_seal(mds_root_file_t *file, mds_error_t *err) MDS_MUST_CHECK;

/* Writes the file durably; with `create`, MDS_EXISTS: there is one. */
mds_status_t mds_root_file_write(const mds_root_file_t *file, const char *path,
                                 bool create, mds_error_t *err) MDS_MUST_CHECK;

/* Counts what has signed: by the keys of the version before, unless it is not
 * known, and by its own. */
mds_status_t mds_root_file_count(const mds_root_file_t *file, mds_error_t *err,
                                 mds_root_need_t needs[MDS_ROOT_NEEDS_MAX],
                                 size_t         *count) MDS_MUST_CHECK;

/* Tells whether no signature is missing. */
mds_status_t
mds_root_file_is_complete(const mds_root_file_t *file, mds_error_t *err,
                          bool *complete) MDS_MUST_CHECK;

/*
 * Begins the next version: the root becomes "previous". A version that has not
 * all its signatures was never in force, and is changed as it is.
 */
mds_status_t
mds_root_file_advance(mds_root_file_t *file, mds_error_t *err) MDS_MUST_CHECK;

#endif
