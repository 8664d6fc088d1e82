/*
 * mds_edit_extent: finds the extents of edits (mds_edit.h), for
 * mds_change_t.find_extent. Those without one here touch the whole app.
 */

#ifndef MDS_EDIT_EXTENT_H
#define MDS_EDIT_EXTENT_H

#include "loader/mds_loader.h"

/* Of mds_edit_release(): data is the release's JSON. */
mds_status_t mds_find_extent_of_release(mds_loader_t *loader, mds_str_t app,
                                        const void *data, mds_error_t *err,
                                        mds_extent_t *extent);

/* Of mds_edit_release_members(): data is a mds_release_edit_t. */
mds_status_t
mds_find_extent_of_release_edit(mds_loader_t *loader, mds_str_t app,
                                const void *data, mds_error_t *err,
                                mds_extent_t *extent);

/* Of mds_edit_transition(): data is a mds_transition_t. */
mds_status_t mds_find_extent_of_transition(mds_loader_t *loader, mds_str_t app,
                                           const void *data, mds_error_t *err,
                                           mds_extent_t *extent);

/* Of mds_edit_publish(): data is a mds_publication_t. */
mds_status_t mds_find_extent_of_publication(mds_loader_t *loader, mds_str_t app,
                                            const void *data, mds_error_t *err,
                                            mds_extent_t *extent);

/* Of mds_edit_list_add() and _remove(): data is a mds_list_edit_t. */
mds_status_t mds_find_extent_of_list_edit(mds_loader_t *loader, mds_str_t app,
                                          const void *data, mds_error_t *err,
                                          mds_extent_t *extent);

/* Of mds_edit_list_import(): data is a mds_list_import_t. */
mds_status_t mds_find_extent_of_list_import(mds_loader_t *loader, mds_str_t app,
                                            const void *data, mds_error_t *err,
                                            mds_extent_t *extent);

/* Of mds_edit_message_push() and _withdraw(): data is not looked at. */
mds_status_t mds_find_extent_of_messages(mds_loader_t *loader, mds_str_t app,
                                         const void *data, mds_error_t *err,
                                         mds_extent_t *extent);

/* Of mds_edit_revert(): data is the serial of the change, a uint64_t. */
mds_status_t
mds_find_extent_of_revert(mds_loader_t *loader, mds_str_t app, const void *data,
                          mds_error_t *err, mds_extent_t *extent);

#endif
