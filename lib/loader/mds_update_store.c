/*
 * Stores a document's files: each "file" is copied into the depot, and replaced
 * in the document by its "sha256".
 */

#include <stdio.h>
#include <stdlib.h>

#include "files/mds_store.h"
#include "idset/mds_idset.h"
#include "loader/mds_update.h"

static mds_status_t
mds_store_fail_outside(mds_str_t file, const char *why, mds_error_t *err)
{
    return mds_fail(err, MDS_INVALID,
                    "the file \"%.*s\" must lie in the document's folder, and"
                    " %s (--allow-outside takes it)",
                    MDS_STR(file), why);
}

/* Returns whether the path has a component "..". */
static bool
mds_store_path_climbs(mds_str_t path)
{
    while (path.len > 0) {
        if (mds_str_eq(mds_str_cut(&path, '/'), mds_str(".."))) {
            return true;
        }
    }

    return false;
}

/* Resolves links in the path, and fails if it leads out of the directory. */
static mds_status_t
mds_store_resolve(const char *base_dir, mds_str_t file, mds_error_t *err,
                  mds_path_t *path)
{
    char        *folder = realpath(base_dir, NULL);
    char        *real = folder == NULL ? NULL : realpath(path->text, NULL);
    size_t       len = folder == NULL ? 0 : strlen(folder);
    mds_status_t status;

    if (real == NULL) {
        status = mds_fail_errno(err, "open \"%s\"", path->text);

    } else if (strncmp(real, folder, len) != 0
               || (real[len] != '\0' && real[len] != '/'
                   && strcmp(folder, "/") != 0))
    {
        status = mds_store_fail_outside(file, "a symbolic link leads out of it",
                                        err);

    } else {
        status = mds_path(path, err, "%s", real);
    }

    free(real);
    free(folder);
    return status;
}

/* Relative paths begin and end in the directory of the document: its author,
 * who need not be the one who applies it, must not read other files by it. */
static mds_status_t
mds_store_source_path(const mds_update_t *u, mds_str_t file, mds_error_t *err,
                      mds_path_t *path)
{
    const char  *base_dir = u->change->base_dir;
    bool         bound = base_dir != NULL && !u->change->outside;
    mds_status_t status;

    if (bound && file.data[0] == '/') {
        return mds_store_fail_outside(file, "its path is absolute", err);
    }

    if (bound && mds_store_path_climbs(file)) {
        return mds_store_fail_outside(file, "its path has \"..\"", err);
    }

    status = file.data[0] == '/' || base_dir == NULL
                 ? mds_path(path, err, "%.*s", MDS_STR(file))
                 : mds_path(path, err, "%s/%.*s", base_dir, MDS_STR(file));

    return status == MDS_OK && bound
               ? mds_store_resolve(base_dir, file, err, path)
               : status;
}

/* Notes the number of ids in a file, for the warnings of this change. */
static mds_status_t
mds_store_note_count(const mds_update_t *u, const mds_sha256_t *sha256,
                     uint64_t count, mds_error_t *err)
{
    char hex[MDS_SHA256_HEX + 1];

    return mds_json_done(mds_json_set_integer(u->list_counts,
                                              mds_sha256_hex(sha256, hex),
                                              (int64_t) count),
                         err);
}

/* Stores a package or delta, which is there if the change begins once more. */
static mds_status_t
mds_store_file(const mds_update_t *u, const char *path,
               mds_progress_t *progress, mds_error_t *err, mds_sha256_t *sha256)
{
    mds_delta_batch_t *batch = u->batch;
    uint64_t           size;
    mds_status_t       status;

    if (mds_delta_batch_find_file(batch, path, sha256)) {
        return mds_store_put(batch->work.path.text, u->loader->depot, sha256,
                             err);
    }

    status
        = mds_store_add(u->loader->depot, path, progress, err, sha256, &size);

    return status == MDS_OK
               ? mds_delta_batch_note_file(batch, path, sha256, err)
               : status;
}

/* Notes the digest of a package's file: others may be the same. */
static mds_status_t
mds_store_note_file(const mds_update_t *u, mds_str_t file,
                    const mds_sha256_t *sha256, mds_error_t *err)
{
    char hex[MDS_SHA256_HEX + 1];

    return mds_json_done(mds_json_put(u->stored, file,
                                      mds_json_string_new(mds_str_of(
                                          mds_sha256_hex(sha256, hex)))),
                         err);
}

/* Gets the digest of a file that was stored for another package. */
static bool
mds_store_find_file(const mds_update_t *u, mds_str_t file, mds_sha256_t *sha256)
{
    return mds_sha256_parse(mds_json_string(mds_json_find(u->stored, file)),
                            sha256);
}

/* Stores a file, or digests it in a dry run. */
static mds_status_t
mds_store_source(const mds_update_t *u, mds_str_t file, bool is_list,
                 mds_error_t *err, mds_sha256_t *sha256)
{
    mds_progress_t *progress;
    mds_path_t      path;
    uint64_t        count;
    mds_status_t    status;

    if (!is_list && mds_store_find_file(u, file, sha256)) {
        return MDS_OK;
    }

    status = mds_store_source_path(u, file, err, &path);
    if (status != MDS_OK) {
        return status;
    }

    progress = mds_loader_begin_progress(u->loader, path.text);

    if (u->preview != NULL && is_list) {
        status = mds_idset_import(mds_preview_dir(u->preview), path.text,
                                  progress, err, sha256, &count);
    } else if (u->change->dry_run && is_list) {
        status = mds_idset_measure(path.text, progress, err, sha256, &count);
    } else if (u->change->dry_run) {
        status = mds_sha256_file(path.text, progress, err, sha256, &count);
    } else if (is_list) {
        status = mds_idset_import(u->loader->depot, path.text, progress, err,
                                  sha256, &count);
    } else {
        status = mds_store_file(u, path.text, progress, err, sha256);
    }

    mds_loader_end_progress(u->loader, progress);

    if (status == MDS_OK && u->preview != NULL && !is_list) {
        status = mds_preview_note_size(u->preview, sha256, count, err);
    }

    if (status != MDS_OK) {
        return status;
    }

    return is_list ? mds_store_note_count(u, sha256, count, err)
                   : mds_store_note_file(u, file, sha256, err);
}

/* Checks that a file is stored which the document names by its digest. */
static mds_status_t
mds_store_check_known(const mds_update_t *u, mds_str_t hex, bool is_list,
                      mds_error_t *err)
{
    mds_idset_t *list;
    mds_sha256_t sha256;
    uint64_t     size;
    mds_status_t status;

    if (!mds_sha256_parse(hex, &sha256)) {
        return mds_fail(err, MDS_INVALID, "\"%.*s\" is not a SHA-256",
                        MDS_STR(hex));
    }

    if (!is_list) {
        status = mds_store_has(u->loader->depot, &sha256, err, &size);
    } else {
        status = mds_idset_open(u->loader->depot, &sha256, err, &list);
        if (status == MDS_OK) {
            mds_idset_close(list);
        }
    }

    return status == MDS_NOT_FOUND
               ? mds_fail(err, MDS_NOT_FOUND,
                          "%.*s is not stored in the depot; want \"file\", to"
                          " store it",
                          MDS_STR(hex))
               : status;
}

/* Fails with the place in the document. Within an extent, places are those of
 * a document that nobody has seen. */
static mds_status_t
mds_store_fail_item(const mds_update_t *u, mds_status_t status,
                    const char *pointer, const char *key,
                    const mds_error_t *why, mds_error_t *err)
{
    const char *what = u->change->what;

    return u->extent.is_all ? mds_fail(err, status, "%s: %s/%s: %s", what,
                                       pointer, key, why->text)
                            : mds_fail(err, status, "%s: %s", what, why->text);
}

static mds_status_t
mds_store_item(const mds_update_t *u, mds_json_t *item, bool is_list,
               const char *pointer, mds_error_t *err)
{
    mds_str_t    file = mds_json_get_string(item, "file");
    mds_str_t    known = mds_json_get_string(item, "sha256");
    char         hex[MDS_SHA256_HEX + 1];
    mds_sha256_t sha256;
    mds_error_t  why;
    mds_status_t status;

    if (file.len == 0 && known.len == 0) {
        return MDS_OK;
    }

    status = file.len > 0 ? mds_store_source(u, file, is_list, &why, &sha256)
                          : mds_store_check_known(u, known, is_list, &why);

    if (status != MDS_OK) {
        return mds_store_fail_item(u, status, pointer,
                                   file.len > 0 ? "file" : "sha256", &why, err);
    }

    if (file.len > 0) {
        (void) mds_sha256_hex(&sha256, hex);
        status
            = mds_json_done(mds_json_set_str(item, "sha256", mds_str_of(hex)),
                            err);
        mds_json_delete(item, "file");
    }

    return status;
}

static mds_status_t
mds_store_package(const mds_update_t *u, mds_json_t *package, size_t index,
                  mds_error_t *err)
{
    mds_json_t  *deltas = mds_json_get(package, "deltas");
    char         pointer[64];
    mds_status_t status;

    snprintf(pointer, sizeof(pointer), "/packages/%zu", index);
    status = mds_store_item(u, package, false, pointer, err);

    for (size_t i = 0; status == MDS_OK && mds_json_at(deltas, i) != NULL; i++)
    {
        snprintf(pointer, sizeof(pointer), "/packages/%zu/deltas/%zu", index,
                 i);
        status = mds_store_item(u, mds_json_at(deltas, i), false, pointer, err);
    }

    return status;
}

/* Sets in the model what was stored of a list. */
static void
mds_store_set_list(mds_list_t *list, const mds_json_t *json)
{
    if (list != NULL && list->file.len > 0
        && mds_sha256_parse(mds_json_get_string(json, "sha256"), &list->base))
    {
        list->file = mds_null_str;
        list->has_base = true;
    }
}

/* Sets in the model what was stored of a package. */
static void
mds_store_set_package(mds_package_t *package, const mds_json_t *json)
{
    const mds_json_t *deltas = mds_json_get(json, "deltas");

    if (mds_sha256_parse(mds_json_get_string(json, "sha256"), &package->sha256))
    {
        package->file = mds_null_str;
    }

    for (size_t i = 0; i < package->spec_count; i++) {
        mds_delta_spec_t *spec = &package->specs[i];
        mds_str_t hex = mds_json_get_string(mds_json_at(deltas, i), "sha256");

        if (mds_sha256_parse(hex, &spec->sha256)) {
            spec->file = mds_null_str;
            spec->has_sha256 = true;
        }
    }
}

mds_status_t
mds_update_store(mds_update_t *u, mds_error_t *err)
{
    mds_json_t        *lists = mds_app_state_get(u->after, "lists");
    mds_json_t        *packages = mds_app_state_get(u->after, "packages");
    mds_json_member_t *m;
    char               pointer[MDS_NAME_MAX];
    mds_status_t       status = MDS_OK;

    for (m = mds_json_first(lists); status == MDS_OK && m != NULL;
         m = mds_json_next(lists, m))
    {
        snprintf(pointer, sizeof(pointer), "/lists/%.*s",
                 MDS_STR(mds_json_key(m)));
        status = mds_store_item(u, mds_json_value(m), true, pointer, err);
        mds_store_set_list(mds_model_list(u->model, mds_json_key(m)),
                           mds_json_value(m));
    }

    for (size_t i = 0; status == MDS_OK && i < mds_json_size(packages); i++) {
        status = mds_store_package(u, mds_json_at(packages, i), i, err);
        mds_store_set_package(&u->model->packages[i], mds_json_at(packages, i));
    }

    return status;
}
