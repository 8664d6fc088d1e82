/*
 * Edits of lists. The ids of an external list are kept beside the document
 * (mds_loader.h), as a base of any size, "sha256", with "ids" beside it and
 * "without" taken out of it.
 */

#include <stdlib.h>

#include "idset/mds_id_reader.h"
#include "idset/mds_idset.h"
#include "loader/mds_edit_internal.h"
#include "loader/mds_list_count.h"
#include "loader/mds_list_ids.h"
#include "loader/mds_loader_internal.h"

/* So many single additions stay beside the base; more are folded into one. */
#define MDS_OVERLAY_MAX 10000

/* Finds where the ids of a list are kept; one that is not there is made, as an
 * external list. */
static mds_status_t
mds_list_make_content(mds_json_t *state, const char *name, const char *by,
                      mds_error_t *err, mds_json_t **content)
{
    mds_json_t *lists = mds_edit_object(state, "lists");
    mds_json_t *list
        = mds_edit_member(lists, name,
                          mds_json_pack("{s:b, s:o}", "external", 1, "by",
                                        mds_json_string_new(mds_str_of(
                                            by == NULL ? "user" : by))));
    mds_json_t *found = list;

    if (mds_json_get_bool(list, "external")) {
        found = mds_edit_member(mds_json_get(state, "external"), name,
                                mds_json_object_new());
    }

    if (found == NULL) {
        return mds_fail_memory(err);
    }

    *content = found;
    return MDS_OK;
}

/* Returns the index of the id, or the size. */
static size_t
mds_ids_find(const mds_json_t *ids, mds_str_t id)
{
    size_t i = 0;

    while (i < mds_json_size(ids)
           && !mds_str_eq(mds_json_string(mds_json_at(ids, i)), id))
    {
        i++;
    }

    return i;
}

/* Puts the id into one array of the content, and takes it out of the other. */
static mds_status_t
mds_list_move_id(mds_json_t *content, const char *to, const char *from,
                 mds_str_t id, mds_error_t *err)
{
    mds_json_t *target = mds_edit_member(content, to, mds_json_array_new());
    mds_json_t *source = mds_json_get(content, from);
    size_t      i = mds_ids_find(source, id);

    if (i < mds_json_size(source)) {
        mds_json_remove(source, i);
        if (mds_json_size(source) == 0) {
            mds_json_delete(content, from);
        }
    }

    return target != NULL && mds_ids_find(target, id) < mds_json_size(target)
               ? MDS_OK
               : mds_json_done(mds_json_append(target, mds_json_string_new(id)),
                               err);
}

static mds_status_t
mds_list_set_base(mds_json_t *content, const mds_sha256_t *sha256,
                  mds_error_t *err)
{
    char hex[MDS_SHA256_HEX + 1];

    mds_json_delete(content, "ids");
    mds_json_delete(content, "without");
    mds_json_delete(content, "file");

    return mds_json_done(mds_json_set_str(content, "sha256",
                                          mds_str_of(
                                              mds_sha256_hex(sha256, hex))),
                         err);
}

/* Makes one new base of the base, the additions and the removals. */
static mds_status_t
mds_list_fold(mds_loader_t *loader, mds_json_t *content, mds_error_t *err)
{
    const mds_json_t *ids = mds_json_get(content, "ids");
    const mds_json_t *without = mds_json_get(content, "without");
    mds_str_t        *added = NULL, *removed = NULL;
    mds_sha256_t      base, folded;
    uint64_t          count;
    bool              has_base
        = mds_sha256_parse(mds_json_get_string(content, "sha256"), &base);
    mds_status_t status;

    if ((status = mds_list_view_ids(ids, err, &added)) == MDS_OK
        && (status = mds_list_view_ids(without, err, &removed)) == MDS_OK
        && (status
            = mds_idset_merge(loader->depot, has_base ? &base : NULL, added,
                              mds_json_size(ids), removed,
                              mds_json_size(without), err, &folded, &count))
               == MDS_OK)
    {
        status = mds_list_set_base(content, &folded, err);
    }

    free(added);
    free(removed);

    return status;
}

/* Moves the edit's ids from one array of the content to the other. */
static mds_status_t
mds_list_move_ids(mds_loader_t *loader, const mds_list_edit_t *edit,
                  mds_json_t *content, const char *to, const char *from,
                  mds_error_t *err)
{
    for (size_t i = 0; i < edit->count; i++) {
        mds_str_t    id = mds_str_of(edit->ids[i]);
        mds_status_t status = mds_id_check(id, err);

        if (status == MDS_OK) {
            status = mds_list_move_id(content, to, from, id, err);
        }

        if (status != MDS_OK) {
            return status;
        }
    }

    /* Nothing is taken from a base that is not there. */
    if (mds_json_get(content, "sha256") == NULL) {
        mds_json_delete(content, "without");
    }

    return mds_json_size(mds_json_get(content, "ids"))
                       + mds_json_size(mds_json_get(content, "without"))
                   > MDS_OVERLAY_MAX
               ? mds_list_fold(loader, content, err)
               : MDS_OK;
}

mds_status_t
mds_edit_list_add(mds_loader_t *loader, void *data, mds_json_t *state,
                  mds_error_t *err)
{
    const mds_list_edit_t *edit = data;
    mds_json_t            *content;
    mds_status_t           status
        = mds_list_make_content(state, edit->list, edit->by, err, &content);

    return status == MDS_OK
               ? mds_list_move_ids(loader, edit, content, "ids", "without", err)
               : status;
}

mds_status_t
mds_edit_list_remove(mds_loader_t *loader, void *data, mds_json_t *state,
                     mds_error_t *err)
{
    const mds_list_edit_t *edit = data;
    mds_json_t            *content;
    mds_status_t           status = mds_list_check(state, edit->list, err);

    if (status == MDS_OK) {
        status = mds_list_make_content(state, edit->list, NULL, err, &content);
    }

    return status == MDS_OK
               ? mds_list_move_ids(loader, edit, content, "without", "ids", err)
               : status;
}

/* Makes the base of the file's ids, or of the list's and the file's. */
static mds_status_t
mds_list_import_file(mds_loader_t *loader, mds_list_import_t *import,
                     mds_json_t *content, mds_error_t *err)
{
    mds_progress_t *progress = mds_loader_begin_progress(loader, import->list);
    mds_sha256_t    sha256;
    mds_status_t    status;

    status = import->add
                 ? mds_list_add_file(loader->depot, content, import->file,
                                     progress, err, &sha256, &import->after)
                 : mds_idset_import(loader->depot, import->file, progress, err,
                                    &sha256, &import->after);

    mds_loader_end_progress(loader, progress);

    return status == MDS_OK ? mds_list_set_base(content, &sha256, err) : status;
}

mds_status_t
mds_edit_list_import(mds_loader_t *loader, void *data, mds_json_t *state,
                     mds_error_t *err)
{
    mds_list_import_t *import = data;
    mds_json_t        *content;
    mds_json_t        *list;
    mds_status_t       status
        = mds_list_make_content(state, import->list, import->by, err, &content);

    if (status == MDS_OK && import->by != NULL) {
        list = mds_json_get(mds_edit_object(state, "lists"), import->list);
        status = mds_json_done(mds_json_set_str(list, "by",
                                                mds_str_of(import->by)),
                               err);
    }

    if (status == MDS_OK) {
        status
            = mds_list_count_ids(loader->depot, content, err, &import->before);
    }

    return status == MDS_OK ? mds_list_import_file(loader, import, content, err)
                            : status;
}
