/*
 * Prepares the files that the next generation names: deltas between packages,
 * and each package's minisign file.
 */

#include <stdio.h>

#include "base/mds_endian.h"
#include "files/mds_delta.h"
#include "files/mds_store.h"
#include "loader/mds_update.h"

/* Gets the package's size under zstd from the journal, or measures it. */
static mds_status_t
mds_prepare_size(mds_loader_t *loader, const mds_sha256_t *sha256,
                 mds_error_t *err, uint64_t *compressed_bytes)
{
    mds_progress_t *progress;
    mds_path_t      path;
    mds_status_t    status;

    if (mds_journal_get_size(loader->journal, sha256, compressed_bytes)) {
        return MDS_OK;
    }

    status = mds_store_path(loader->depot, sha256, err, &path);
    if (status != MDS_OK) {
        return status;
    }

    progress = mds_loader_begin_progress(loader, "compressing");
    status = mds_compressed_size(path.text, progress, err, compressed_bytes);
    mds_loader_end_progress(loader, progress);

    if (status == MDS_OK) {
        mds_journal_put_size(loader->journal, sha256, *compressed_bytes);
    }

    return status;
}

static mds_status_t
mds_prepare_make(mds_loader_t *loader, const mds_delta_pair_t *pair,
                 mds_error_t *err, mds_delta_entry_t *entry)
{
    const mds_sha256_t *from = &pair->from->sha256;
    const mds_sha256_t *to = &pair->to->sha256;
    char                label[2 * MDS_VERSION_MAX + 8];
    mds_progress_t     *progress;
    mds_sha256_t        sha256 = { { 0 } };
    uint64_t            compressed, size = 0;
    bool                worth = false;
    mds_status_t        status = mds_prepare_size(loader, to, err, &compressed);

    if (status != MDS_OK) {
        return status;
    }

    snprintf(label, sizeof(label), "%.*s -> %.*s", MDS_STR(pair->from->version),
             MDS_STR(pair->to->version));
    progress = mds_loader_begin_progress(loader, label);
    status = mds_store_delta(loader->depot, from, to, compressed, progress, err,
                             &sha256, &size, &worth);
    mds_loader_end_progress(loader, progress);

    if (status == MDS_OK) {
        entry->worth = worth;
        entry->sha256 = sha256;
        mds_store_be64(entry->size, size);
    }

    return status;
}

/* Finds out whether there can be a delta between files of these sizes. */
static mds_status_t
mds_prepare_check_sizes(mds_loader_t *loader, const mds_delta_pair_t *pair,
                        mds_error_t *err, bool *possible)
{
    uint64_t     from, to;
    mds_status_t status;

    status = mds_store_has(loader->depot, &pair->from->sha256, err, &from);

    if (status == MDS_OK) {
        status = mds_store_has(loader->depot, &pair->to->sha256, err, &to);
    }

    if (status == MDS_OK) {
        *possible = mds_delta_possible(from, to);
    }

    return status;
}

/* Warns once, when the delta would be made. */
static mds_status_t
mds_prepare_warn_impossible(mds_update_t *u, const mds_delta_pair_t *pair,
                            mds_error_t *err)
{
    const mds_package_t *to = pair->to;

    return mds_update_warn(u, err,
                           "package %.*s%s%.*s %.*s: there is no delta"
                           " from %.*s, because one of the files is over %llu"
                           " MiB; devices get it in full",
                           MDS_STR(to->kind), to->name.len > 0 ? " " : "",
                           MDS_STR(to->name), MDS_STR(to->version),
                           MDS_STR(pair->from->version),
                           (unsigned long long) (MDS_DELTA_FILE_MAX >> 20));
}

static mds_status_t
mds_prepare_pair(void *data, const mds_delta_pair_t *pair, mds_error_t *err)
{
    mds_update_t     *u = data;
    mds_loader_t     *loader = u->loader;
    mds_delta_entry_t entry = { 0 };
    bool              possible = false;
    mds_status_t      status;

    if (pair->spec != NULL && pair->spec->has_sha256) {
        return mds_update_check_delta(u, pair, err);
    }

    if (mds_journal_get_delta(loader->journal, &pair->from->sha256,
                              &pair->to->sha256, &entry))
    {
        return MDS_OK;
    }

    status = mds_prepare_check_sizes(loader, pair, err, &possible);

    if (status == MDS_OK) {
        status = possible ? mds_prepare_make(loader, pair, err, &entry)
                          : mds_prepare_warn_impossible(u, pair, err);
    }

    if (status == MDS_OK) {
        mds_journal_put_delta(loader->journal, &pair->from->sha256,
                              &pair->to->sha256, &entry);
    }

    return status;
}

/* Refuses a new package without a key to sign it. One that was there, and that
 * an older program has signed with another app's key, is no reason to refuse a
 * `pause`, say. */
static mds_status_t
mds_prepare_check_signed(mds_update_t *u, const mds_package_t *package,
                         mds_error_t *err)
{
    const char  *keyid = u->signer.keyid;
    uint8_t      bytes[MDS_KEYID_BYTES];
    mds_status_t status = MDS_NOT_FOUND;

    if (mds_keyid_parse(mds_str_of(keyid), bytes)) {
        status = mds_store_check_signature(u->loader->depot, &package->sha256,
                                           bytes, err);
    }

    if (status == MDS_NOT_FOUND
        && mds_app_state_find_package(u->before, &package->sha256) != NULL)
    {
        return MDS_OK;
    }

    return status == MDS_NOT_FOUND
               ? mds_fail(err, MDS_DENIED,
                          "package %.*s %.*s has to be signed: give --key"
                          " FILE, or its path in MDS_KEY%s%s",
                          MDS_STR(package->kind), MDS_STR(package->version),
                          keyid[0] != '\0' ? "; the app's key is " : "", keyid)
               : status;
}

static mds_status_t
mds_prepare_sign(mds_update_t *u, const mds_package_t *package,
                 mds_error_t *err)
{
    char label[MDS_ERROR_BYTES];

    if (u->signer.key == NULL) {
        return mds_prepare_check_signed(u, package, err);
    }

    snprintf(label, sizeof(label), "%.*s %.*s%s%.*s %.*s",
             MDS_STR(u->model->app), MDS_STR(package->kind),
             package->name.len > 0 ? " " : "", MDS_STR(package->name),
             MDS_STR(package->version));

    return mds_store_minisign(u->loader->depot, &package->sha256, u->signer.key,
                              label, err);
}

mds_status_t
mds_update_make_deltas(mds_update_t *u, mds_error_t *err)
{
    mds_builds_t all;
    mds_status_t status = mds_builds_sort(u->model, err, &all);

    for (size_t first = 0; status == MDS_OK && first < all.count;) {
        const mds_package_t *head = all.items[first];
        mds_builds_t         builds = { all.items + first, 0 };

        while (first < all.count
               && mds_resource_cmp(all.items[first]->kind,
                                   all.items[first]->name, head->kind,
                                   head->name)
                      == 0)
        {
            builds.count++;
            first++;
        }

        for (size_t i = 0; status == MDS_OK && i < builds.count; i++) {
            status = mds_prepare_sign(u, builds.items[i], err);
            if (status == MDS_OK) {
                status = mds_delta_plan_deltas(&builds, i, mds_prepare_pair, u,
                                               err);
            }
        }
    }

    return status;
}
