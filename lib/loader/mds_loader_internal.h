/*
 * mds_loader_internal: the context that the files of the loader share.
 */

#ifndef MDS_LOADER_INTERNAL_H
#define MDS_LOADER_INTERNAL_H

#include <sys/types.h>

#include "catalog/mds_current.h"
#include "loader/mds_loader.h"

struct mds_loader_s {
    char           *depot;
    mds_journal_t  *journal;
    mds_current_t  *current;
    mds_loader_ui_t ui;
};

/* Begins to show progress; NULL: the caller shows none. */
mds_progress_t *
mds_loader_begin_progress(mds_loader_t *loader, const char *label);

void mds_loader_end_progress(mds_loader_t *loader, mds_progress_t *progress);

/* Puts into force, with the journal locked, a change that a killed loader had
 * committed, and removes the files that it left unfinished. */
mds_status_t mds_loader_recover(mds_loader_t *loader, const mds_key_t *key,
                                mds_error_t *err) MDS_MUST_CHECK;

/* Sets owner (-1: as it is) and mode of a folder, by its descriptor. how:
 * O_NOFOLLOW within the depot, which itself may be a link. */
mds_status_t
mds_depot_set_owner(const char *path, int how, int64_t uid, int64_t gid,
                    mode_t mode, mds_error_t *err) MDS_MUST_CHECK;

/* Makes the generation in force again from the journal, under its serial, if it
 * is of an older program's format; with the journal locked. */
mds_status_t
mds_loader_upgrade_format(mds_loader_t *loader, const mds_key_t *key,
                          mds_error_t *err) MDS_MUST_CHECK;

#endif
