/*
 * mds_revert_internal: what the files mds_revert*.c share, and nobody else.
 */

#ifndef MDS_REVERT_INTERNAL_H
#define MDS_REVERT_INTERNAL_H

#include "loader/mds_revert.h"

/* A change on its way back. */
typedef struct {
    mds_loader_t     *loader;
    uint64_t          serial;
    const mds_json_t *changes;
    mds_json_t       *state;
    mds_json_t       *stuck; /* changes that later ones stand on */
    size_t            near;  /* behind the item that was undone last */
} mds_revert_t;

/* Notes that the change cannot be undone, for the words at the end. */
mds_status_t
mds_revert_stuck(mds_revert_t *u, mds_json_t *change) MDS_MUST_CHECK;

/*
 * Counts the later entries of the log that touch one of the parts ({"what",
 * "id"}), and lists the first of them in words (size 0: none).
 */
mds_status_t
mds_revert_later(const mds_revert_t *u, const mds_json_t *parts, char *words,
                 size_t size, mds_error_t *err, size_t *count) MDS_MUST_CHECK;

/* Undoes what was pushed and withdrawn. A message that has gone by itself,
 * since it expired, is not missed. */
mds_status_t mds_revert_messages(mds_revert_t *u) MDS_MUST_CHECK;

/* Undoes all changes of one array: "release", "releases". */
mds_status_t
mds_revert_array(mds_revert_t *u, const char *what, const char *whats,
                 mds_error_t *err) MDS_MUST_CHECK;

#endif
