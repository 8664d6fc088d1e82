/*
 * mds_revert_internal: the context that the files mds_revert*.c share.
 */

#ifndef MDS_REVERT_INTERNAL_H
#define MDS_REVERT_INTERNAL_H

#include "loader/mds_log_excerpt.h"
#include "loader/mds_revert.h"

/* A change that is being reverted. */
typedef struct {
    mds_loader_t     *loader;
    uint64_t          serial;
    const mds_json_t *changes;
    mds_json_t       *state;
    mds_json_t       *stuck; /* changes that later ones depend on */
} mds_revert_t;

/* Notes that the change cannot be reverted, for the message at the end. */
mds_status_t
mds_revert_add_stuck(mds_revert_t *u, mds_json_t *change) MDS_MUST_CHECK;

/* Collects the later entries of the log that touch one of the parts ({"what",
 * "id"}). */
mds_status_t mds_revert_find_later(const mds_revert_t *u,
                                   const mds_json_t *parts, mds_error_t *err,
                                   mds_log_excerpt_t *later) MDS_MUST_CHECK;

/* Reverts all changes of one array: "release", "releases". */
mds_status_t
mds_revert_array(mds_revert_t *u, const char *what, const char *whats,
                 mds_error_t *err) MDS_MUST_CHECK;

/* Reverts a change of the order of an array, a member of the document. */
mds_status_t
mds_revert_order(mds_revert_t *u, mds_json_t *document, const char *whats,
                 mds_json_t *change) MDS_MUST_CHECK;

/* Reverts pushes and withdrawals. It is no conflict that a message has expired
 * and was removed. */
mds_status_t mds_revert_messages(mds_revert_t *u) MDS_MUST_CHECK;

#endif
