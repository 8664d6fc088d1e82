/*
 * Storing a document's files: each "file" is copied into the depot, and becomes
 * the "sha256" that it is named by from then on.
 */

#include <stdio.h>
#include <stdlib.h>

#include "files/mds_store.h"
#include "idset/mds_idset.h"
#include "loader/mds_update.h"

static mds_status_t
mds_storing_outside(mds_str_t file, const char *why, mds_error_t *err)
{
    return mds_fail(err, MDS_INVALID,
                    "the file \"%.*s\" must lie in the document's folder, and"
                    " %s (--allow-outside takes it)",
                    MDS_STR(file), why);
}

/* Whether the path has "..", whatever stands before it. */
static bool
mds_storing_climbs(mds_str_t path)
{
    while (path.len > 0) {
        if (mds_str_eq(mds_str_cut(&path, '/'), mds_str(".."))) {
            return true;
        }
    }

    return false;
}

/* Where it leads, which may be through links; the path without any is what is
 * opened. */
static mds_status_t
mds_storing_within(const char *base_dir, mds_str_t file, mds_error_t *err,
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
        status
            = mds_storing_outside(file, "a symbolic link leads out of it", err);

    } else {
        status = mds_path(path, err, "%s", real);
    }

    free(real);
    free(folder);
    return status;
}

/* Relative paths begin where the document lies, and end there, too: who writes
 * a document need not be who applies it, and may read what that one may. */
static mds_status_t
mds_storing_path(const mds_update_t *u, mds_str_t file, mds_error_t *err,
                 mds_path_t *path)
{
    const char  *base_dir = u->change->base_dir;
    bool         bound = base_dir != NULL && !u->change->outside;
    mds_status_t status;

    if (bound && file.data[0] == '/') {
        return mds_storing_outside(file, "its path is absolute", err);
    }

    if (bound && mds_storing_climbs(file)) {
        return mds_storing_outside(file, "its path has \"..\"", err);
    }

    status = file.data[0] == '/' || base_dir == NULL
                 ? mds_path(path, err, "%.*s", MDS_STR(file))
                 : mds_path(path, err, "%s/%.*s", base_dir, MDS_STR(file));

    return status == MDS_OK && bound
               ? mds_storing_within(base_dir, file, err, path)
               : status;
}

/* How many ids a file of ids has, for the warnings of this change. */
static mds_status_t
mds_storing_set_count(const mds_update_t *u, const mds_sha256_t *sha256,
                      uint64_t count, mds_error_t *err)
{
    char hex[MDS_SHA256_HEX + 1];

    return mds_json_done(mds_json_set_integer(u->list_counts,
                                              mds_sha256_hex(sha256, hex),
                                              (int64_t) count),
                         err);
}

/* A stored file is named by its digest. */
static mds_status_t
mds_storing_take(const mds_update_t *u, mds_str_t file, bool is_list,
                 mds_error_t *err, mds_sha256_t *sha256)
{
    mds_progress_t *progress;
    mds_path_t      path;
    uint64_t        count;
    mds_status_t    status = mds_storing_path(u, file, err, &path);

    if (status != MDS_OK) {
        return status;
    }

    progress = mds_loader_begin_progress(u->loader, path.text);

    if (u->change->dry_run && is_list) {
        status = mds_idset_measure(path.text, progress, err, sha256, &count);
    } else if (u->change->dry_run) {
        status = mds_sha256_file(path.text, progress, err, sha256, &count);
    } else if (is_list) {
        status = mds_idset_import(u->loader->depot, path.text, progress, err,
                                  sha256, &count);
    } else {
        status = mds_store_add(u->loader->depot, path.text, progress, err,
                               sha256, &count);
    }

    mds_loader_end_progress(u->loader, progress);

    return status == MDS_OK && is_list
               ? mds_storing_set_count(u, sha256, count, err)
               : status;
}

/* What is named by its digest has to be there. */
static mds_status_t
mds_storing_known(const mds_update_t *u, mds_str_t hex, bool is_list,
                  mds_error_t *err)
{
    mds_idset_t *list;
    mds_sha256_t sha256;
    uint64_t     size;
    mds_status_t status;

    if (!mds_sha256_parse(hex, &sha256)) {
        return mds_fail(err, MDS_INVALID, "\"%.*s\" is no SHA-256",
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

static mds_status_t
mds_storing_item(const mds_update_t *u, mds_json_t *item, bool is_list,
                 const char *pointer, mds_error_t *err, size_t *stored)
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

    status = file.len > 0 ? mds_storing_take(u, file, is_list, &why, &sha256)
                          : mds_storing_known(u, known, is_list, &why);

    if (status != MDS_OK) {
        return mds_fail(err, status, "%s: %s/%s: %s", u->change->what, pointer,
                        file.len > 0 ? "file" : "sha256", why.text);
    }

    if (file.len > 0) {
        status
            = mds_json_done(mds_json_set_str(item, "sha256",
                                             mds_str_of(
                                                 mds_sha256_hex(&sha256, hex))),
                            err);
        mds_json_delete(item, "file");
        (*stored)++;
    }

    return status;
}

static mds_status_t
mds_storing_package(const mds_update_t *u, mds_json_t *package, size_t index,
                    mds_error_t *err, size_t *stored)
{
    mds_json_t  *deltas = mds_json_get(package, "deltas");
    char         pointer[64];
    mds_status_t status;

    snprintf(pointer, sizeof(pointer), "/packages/%zu", index);
    status = mds_storing_item(u, package, false, pointer, err, stored);

    for (size_t i = 0; status == MDS_OK && mds_json_at(deltas, i) != NULL; i++)
    {
        snprintf(pointer, sizeof(pointer), "/packages/%zu/deltas/%zu", index,
                 i);
        status = mds_storing_item(u, mds_json_at(deltas, i), false, pointer,
                                  err, stored);
    }

    return status;
}

mds_status_t
mds_update_store(mds_update_t *u, mds_error_t *err, size_t *stored)
{
    mds_json_t        *document = mds_json_get(u->after, "document");
    mds_json_t        *lists = mds_json_get(document, "lists");
    mds_json_t        *packages = mds_json_get(document, "packages");
    mds_json_member_t *m;
    char               pointer[MDS_NAME_MAX];
    mds_status_t       status = MDS_OK;

    for (m = mds_json_first(lists); status == MDS_OK && m != NULL;
         m = mds_json_next(lists, m))
    {
        snprintf(pointer, sizeof(pointer), "/lists/%.*s",
                 MDS_STR(mds_json_key(m)));
        status = mds_storing_item(u, mds_json_value(m), true, pointer, err,
                                  stored);
    }

    for (size_t i = 0; status == MDS_OK && i < mds_json_size(packages); i++) {
        status
            = mds_storing_package(u, mds_json_at(packages, i), i, err, stored);
    }

    return status;
}
