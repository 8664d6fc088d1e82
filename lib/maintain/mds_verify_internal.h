/*
 * mds_verify_internal: what the files mds_verify*.c share, and nobody else.
 */

#ifndef MDS_VERIFY_INTERNAL_H
#define MDS_VERIFY_INTERNAL_H

#include "base/mds_digest.h"
#include "base/mds_intern.h"
#include "maintain/mds_verify.h"

typedef struct {
    mds_progress_t              progress; /* first: of one file, handed on */
    const char                 *depot;
    const mds_verify_options_t *options;
    mds_verify_result_t         result;
    uint64_t                    total_bytes;
    mds_intern_t               *seen;    /* manifests, by digest */
    bool                        muted;   /* a first look, which tells nothing */
    bool                        starved; /* memory was short for something */
} mds_verify_t;

/* Tells what failed as a problem; where memory is short, that it cannot be
 * told, which mds_verify() returns in the end. */
void
mds_verify_failed(mds_verify_t *v, const char *where, const mds_error_t *err);

void mds_verify_problem(mds_verify_t *v, const char *where, const char *format,
                        ...) MDS_PRINTF(3, 4);

/* So many bytes more were looked at. */
void mds_verify_done(mds_verify_t *v, uint64_t bytes);

/*
 * Counts a signature, and finds the key of that id to verify it with. NULL:
 * there is none; where keys were given, that is told as a problem, "WORDS key
 * ID, which is not given".
 */
const mds_public_t *
mds_verify_signer(mds_verify_t *v, const char *where, const char *words,
                  const uint8_t keyid[MDS_KEYID_BYTES]);

/*
 * The parts. Problems are told as they are found; a status is a failure of
 * the system.
 */
mds_status_t
mds_verify_generations(mds_verify_t *v, mds_error_t *err) MDS_MUST_CHECK;
mds_status_t mds_verify_lists(mds_verify_t *v, mds_error_t *err) MDS_MUST_CHECK;
mds_status_t mds_verify_files(mds_verify_t *v, mds_error_t *err) MDS_MUST_CHECK;
mds_status_t
mds_verify_journal(mds_verify_t *v, mds_error_t *err) MDS_MUST_CHECK;
mds_status_t mds_verify_state(mds_verify_t *v, mds_error_t *err) MDS_MUST_CHECK;
mds_status_t
mds_verify_registry(mds_verify_t *v, mds_error_t *err) MDS_MUST_CHECK;

/* Calls back for each name in a folder of the depot, in order, but those of
 * unfinished files. */
typedef mds_status_t (*mds_verify_visit_t)(mds_verify_t *v, const char *name,
                                           uint64_t     size_bytes,
                                           mds_error_t *err);
mds_status_t
mds_verify_folder(mds_verify_t *v, const char *folder, mds_verify_visit_t visit,
                  mds_error_t *err) MDS_MUST_CHECK;

#endif
