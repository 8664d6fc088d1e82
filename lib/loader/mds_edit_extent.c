/*
 * Finds the extents of edits by look-ups in the journal. Where something is not
 * found, or would have to be told from the whole document, the extent is all of
 * the app.
 */

#include "loader/mds_edit_extent.h"

#include "base/mds_kind.h"
#include "loader/mds_diff.h"
#include "loader/mds_edit.h"
#include "loader/mds_journal_parts.h"

/* Adds the resource of a package or a release. */
static mds_status_t
mds_extent_add_item(mds_extent_t *extent, const mds_json_t *item,
                    mds_error_t *err)
{
    return mds_extent_add_resource(extent, mds_json_get_string(item, "kind"),
                                   mds_json_get_string(item, "name"), err);
}

/* Adds the resource of the release of an id. */
static mds_status_t
mds_extent_add_release(mds_loader_t *loader, mds_str_t app, mds_str_t id,
                       mds_error_t *err, mds_extent_t *extent)
{
    mds_journal_t *journal = mds_loader_journal(loader);
    mds_part_t     part;
    mds_json_t    *release;
    uint64_t       order;
    mds_status_t   status;

    if (!mds_journal_find_release(journal, app, id, &order)
        || !mds_journal_get_part(journal, app, MDS_PART_RELEASE, order, &part))
    {
        mds_extent_widen(extent);
        return MDS_OK;
    }

    status = mds_json_parse(part.text, "journal", err, &release);

    if (status == MDS_OK) {
        status = mds_extent_add_item(extent, release, err);
        mds_json_release(release);
    }

    return status;
}

/* An id that another release has is an error, which names that release. */
mds_status_t
mds_find_extent_of_release(mds_loader_t *loader, mds_str_t app,
                           const void *data, mds_error_t *err,
                           mds_extent_t *extent)
{
    const mds_json_t *release = data;
    uint64_t          order;
    mds_status_t      status;

    if (mds_journal_find_release(mds_loader_journal(loader), app,
                                 mds_json_get_string(release, "id"), &order))
    {
        mds_extent_widen(extent);
        return MDS_OK;
    }

    status = mds_extent_add_item(extent, release, err);

    return status == MDS_OK
               ? mds_extent_add_audience(extent,
                                         mds_json_get(release, "audience"), err)
               : status;
}

mds_status_t
mds_find_extent_of_release_edit(mds_loader_t *loader, mds_str_t app,
                                const void *data, mds_error_t *err,
                                mds_extent_t *extent)
{
    const mds_release_edit_t *edit = data;
    mds_status_t              status
        = mds_extent_add_audience(extent,
                                  mds_json_get(edit->members, "audience"), err);

    return status == MDS_OK
               ? mds_extent_add_release(loader, app, mds_str_of(edit->id), err,
                                        extent)
               : status;
}

mds_status_t
mds_find_extent_of_transition(mds_loader_t *loader, mds_str_t app,
                              const void *data, mds_error_t *err,
                              mds_extent_t *extent)
{
    const mds_transition_t *transition = data;

    return mds_extent_add_release(loader, app, mds_str_of(transition->id), err,
                                  extent);
}

mds_status_t
mds_find_extent_of_publication(mds_loader_t *loader, mds_str_t app,
                               const void *data, mds_error_t *err,
                               mds_extent_t *extent)
{
    const mds_publication_t *publication = data;

    (void) loader;
    (void) app;

    return mds_extent_add_item(extent, publication->package, err);
}

mds_status_t
mds_find_extent_of_list_edit(mds_loader_t *loader, mds_str_t app,
                             const void *data, mds_error_t *err,
                             mds_extent_t *extent)
{
    const mds_list_edit_t *edit = data;

    (void) loader;
    (void) app;

    return mds_extent_add_list(extent, mds_str_of(edit->list), err);
}

/* Records of resources say whether a list that they name is of users or of
 * devices, so that all of these change with it. */
mds_status_t
mds_find_extent_of_list_import(mds_loader_t *loader, mds_str_t app,
                               const void *data, mds_error_t *err,
                               mds_extent_t *extent)
{
    const mds_list_import_t *import = data;
    mds_str_t                name = mds_str_of(import->list);
    uint64_t                 order;

    if (import->by != NULL
        && mds_journal_find_list(mds_loader_journal(loader), app, name, &order))
    {
        mds_extent_widen(extent);
        return MDS_OK;
    }

    return mds_extent_add_list(extent, name, err);
}

mds_status_t
mds_find_extent_of_messages(mds_loader_t *loader, mds_str_t app,
                            const void *data, mds_error_t *err,
                            mds_extent_t *extent)
{
    (void) loader;
    (void) app;
    (void) data;

    return mds_extent_add_resource(extent, MDS_KIND_APP, mds_str(""), err);
}

/* Adds what a change in the log has touched. Items that came or went have a
 * place among all others, which only the whole document shows. */
static mds_status_t
mds_extent_add_change(mds_extent_t *extent, const mds_json_t *change,
                      mds_error_t *err)
{
    const mds_json_t *before = mds_json_get(change, "before");
    const mds_json_t *after = mds_json_get(change, "after");
    mds_status_t      status;

    if (before == NULL || after == NULL) {
        mds_extent_widen(extent);
        return MDS_OK;
    }

    if (mds_diff_is(change, "external")) {
        return mds_extent_add_list(extent, mds_json_get_string(change, "id"),
                                   err);
    }

    if (!mds_diff_is(change, "package") && !mds_diff_is(change, "release")) {
        mds_extent_widen(extent);
        return MDS_OK;
    }

    status = mds_extent_add_item(extent, before, err);

    if (status == MDS_OK) {
        status = mds_extent_add_item(extent, after, err);
    }

    return status == MDS_OK
               ? mds_extent_add_audience(extent,
                                         mds_json_get(before, "audience"), err)
               : status;
}

mds_status_t
mds_find_extent_of_revert(mds_loader_t *loader, mds_str_t app, const void *data,
                          mds_error_t *err, mds_extent_t *extent)
{
    uint64_t          serial = *(const uint64_t *) data;
    const mds_json_t *changes;
    mds_json_t       *entry;
    mds_status_t status = mds_journal_find_entry(mds_loader_journal(loader),
                                                 serial, err, &entry);

    (void) app;
    changes = status == MDS_OK ? mds_json_get(entry, "changes") : NULL;

    for (size_t i = 0;
         status == MDS_OK && !extent->is_all && i < mds_json_size(changes); i++)
    {
        status = mds_extent_add_change(extent, mds_json_at(changes, i), err);
    }

    if (status == MDS_OK) {
        mds_json_release(entry);
    }

    return status;
}
