/*
 * mds_verify_internal: the context that the files mds_verify*.c share.
 */

#ifndef MDS_VERIFY_INTERNAL_H
#define MDS_VERIFY_INTERNAL_H

#include "base/mds_buffer.h"
#include "base/mds_digest.h"
#include "base/mds_intern.h"
#include "catalog/mds_catalog.h"
#include "loader/mds_journal.h"
#include "maintain/mds_verify.h"

typedef struct {
    mds_progress_t              progress; /* first: of one file */
    const char                 *depot;
    const mds_verify_options_t *options;
    mds_verify_result_t         result;
    uint64_t                    total_bytes;
    mds_intern_t               *seen;    /* manifests, by digest */
    mds_catalog_t              *known;   /* the generation opened last */
    mds_buffer_t                below;   /* serials: others stand on these */
    bool                        is_edge; /* an agent fills the depot */
    bool                        muted;   /* reports nothing: a trial run */
    bool                        starved; /* out of memory at some place */
} mds_verify_t;

/* Reports a failure as a problem; if it is lack of memory, mds_verify() returns
 * that in the end. */
void mds_verify_report_error(mds_verify_t *v, const char *where,
                             const mds_error_t *err);

/* Reports a problem. */
void mds_verify_report(mds_verify_t *v, const char *where, const char *format,
                       ...) MDS_PRINTF(3, 4);

/* Is the report() of v->progress: shows the bytes of one file on top of those
 * that were checked before. */
void mds_verify_show_progress(mds_progress_t *progress, uint64_t done,
                              uint64_t total);

/* Adds to the bytes that were checked. */
void mds_verify_add_bytes(mds_verify_t *v, uint64_t bytes);

/*
 * Counts a signature, and finds the key of that id to verify it with. NULL:
 * there is none; if keys were given, this is reported as a problem, "WORDS key
 * ID, which is not given".
 */
const mds_public_t *
mds_verify_signer(mds_verify_t *v, const char *where, const char *words,
                  const uint8_t keyid[MDS_KEYID_BYTES]);

/* Verify the parts of a depot. Problems are reported as they are found; a
 * status is a failure of the system. */
mds_status_t
mds_verify_generations(mds_verify_t *v, mds_error_t *err) MDS_MUST_CHECK;
mds_status_t mds_verify_lists(mds_verify_t *v, mds_error_t *err) MDS_MUST_CHECK;
mds_status_t mds_verify_trees(mds_verify_t *v, mds_error_t *err) MDS_MUST_CHECK;
mds_status_t mds_verify_feed(mds_verify_t *v, mds_error_t *err) MDS_MUST_CHECK;
mds_status_t mds_verify_files(mds_verify_t *v, mds_error_t *err) MDS_MUST_CHECK;
mds_status_t
mds_verify_journal(mds_verify_t *v, mds_error_t *err) MDS_MUST_CHECK;
mds_status_t mds_verify_state(mds_verify_t *v, mds_error_t *err) MDS_MUST_CHECK;
mds_status_t
mds_verify_registry(mds_verify_t *v, mds_error_t *err) MDS_MUST_CHECK;

/* Verifies the apps of the journal, as a part of mds_verify_journal(). */
mds_status_t mds_verify_apps(mds_verify_t *v, mds_journal_t *journal,
                             mds_error_t *err) MDS_MUST_CHECK;

/* Verifies the trees of all apps of the generation in force. */
mds_status_t
mds_verify_app_trees(mds_verify_t *v, mds_catalog_t *catalog, int64_t now_ms,
                     const char *where, mds_error_t *err) MDS_MUST_CHECK;

/* Visits the regular files in a folder of the depot, in the order of their
 * names, except unfinished ones. */
typedef mds_status_t (*mds_verify_visit_t)(mds_verify_t *v, const char *name,
                                           uint64_t     size_bytes,
                                           mds_error_t *err);
mds_status_t
mds_verify_folder(mds_verify_t *v, const char *folder, mds_verify_visit_t visit,
                  mds_error_t *err) MDS_MUST_CHECK;

/* Does the same, and reports no problems: a later visit of the folder does. */
mds_status_t mds_verify_folder_muted(mds_verify_t *v, const char *folder,
                                     mds_verify_visit_t visit,
                                     mds_error_t       *err) MDS_MUST_CHECK;

#endif
