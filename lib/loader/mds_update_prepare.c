/*
 * Prepares the files that the next generation names: deltas between packages,
 * and each package's minisign file.
 */

#include <stdio.h>

#include "base/mds_endian.h"
#include "base/mds_intern.h"
#include "files/mds_delta.h"
#include "files/mds_store.h"
#include "loader/mds_update.h"

/* Two names, a kind, and a version twice, each with its limit. */
#define MDS_PREPARE_LABEL_BYTES 1024

/* Puts a delta that was made into the store, if it is worth it. */
static mds_status_t
mds_prepare_take(mds_update_t *u, const mds_delta_item_t *item,
                 mds_error_t *err, mds_delta_entry_t *entry)
{
    mds_loader_t             *loader = u->loader;
    const mds_delta_target_t *target = mds_delta_batch_target(u->batch, item);
    mds_status_t              status = MDS_OK;

    mds_journal_put_size(loader->journal, &item->to, target->compressed_bytes);
    entry->worth = mds_delta_worth(item->bytes, target->compressed_bytes);

    if (entry->worth) {
        status = mds_store_put(u->batch->work.path.text, loader->depot,
                               &item->sha256, err);
    }

    if (status == MDS_OK && entry->worth) {
        entry->sha256 = item->sha256;
        mds_store_be64(entry->size, item->bytes);
    }

    return status;
}

/* Gets the sizes of the files, which must be stored. */
static mds_status_t
mds_prepare_get_sizes(mds_loader_t *loader, const mds_delta_pair_t *pair,
                      mds_error_t *err, uint64_t *from, uint64_t *to)
{
    mds_status_t status
        = mds_store_has(loader->depot, &pair->from->sha256, err, from);

    return status == MDS_OK
               ? mds_store_has(loader->depot, &pair->to->sha256, err, to)
               : status;
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

/* Adds the delta to those that have to be made, unless it was. */
static mds_status_t
mds_prepare_pair(void *data, const mds_delta_pair_t *pair, mds_error_t *err)
{
    mds_update_t           *u = data;
    mds_loader_t           *loader = u->loader;
    const mds_sha256_t     *from = &pair->from->sha256;
    const mds_sha256_t     *to = &pair->to->sha256;
    mds_delta_entry_t       entry = { 0 };
    const mds_delta_item_t *item;
    uint64_t                from_bytes, to_bytes;
    mds_status_t            status;

    if (pair->spec != NULL && pair->spec->has_sha256) {
        return MDS_OK;
    }

    if (mds_journal_get_delta(loader->journal, from, to, &entry)) {
        return MDS_OK;
    }

    status = mds_prepare_get_sizes(loader, pair, err, &from_bytes, &to_bytes);
    if (status != MDS_OK) {
        return status;
    }

    item = mds_delta_batch_find(u->batch, from, to);

    if (item != NULL) {
        status = mds_prepare_take(u, item, err, &entry);

    } else if (mds_delta_possible(from_bytes, to_bytes)) {
        return mds_delta_batch_add(u->batch, loader, from, from_bytes, to,
                                   to_bytes, err);
    } else {
        status = mds_prepare_warn_impossible(u, pair, err);
    }

    if (status == MDS_OK) {
        mds_journal_put_delta(loader->journal, from, to, &entry);
    }

    return status;
}

/* Checks a delta that the document brought. */
static mds_status_t
mds_prepare_check_pair(void *data, const mds_delta_pair_t *pair,
                       mds_error_t *err)
{
    return pair->spec != NULL && pair->spec->has_sha256
               ? mds_update_check_delta(data, pair, err)
               : MDS_OK;
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
                          "package %.*s %.*s must be signed: give --key"
                          " FILE, or its path in MDS_KEY%s%s",
                          MDS_STR(package->kind), MDS_STR(package->version),
                          keyid[0] != '\0' ? "; the app's key is "
                                           : "; `mdsctl keygen` makes a key",
                          keyid)
               : status;
}

/* Signs the package. The signature names its version as Tauri's updater
 * expects, which may refuse the file of another version than the announced one.
 */
static mds_status_t
mds_prepare_sign(mds_update_t *u, const mds_package_t *package,
                 mds_error_t *err)
{
    char label[MDS_PREPARE_LABEL_BYTES];

    snprintf(label, sizeof(label), "%.*s %.*s%s%.*s %.*s\tversion:%.*s",
             MDS_STR(u->model->app), MDS_STR(package->kind),
             package->name.len > 0 ? " " : "", MDS_STR(package->name),
             MDS_STR(package->version), MDS_STR(package->version));

    return mds_store_minisign(u->loader->depot, &package->sha256, u->signer.key,
                              label, err);
}

/* Visits the deltas of all packages. */
static mds_status_t
mds_prepare_visit(mds_update_t *u, mds_pair_visit_t visit, mds_error_t *err)
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
            status = mds_delta_plan_deltas(&builds, i, visit, u, err);
        }
    }

    return status;
}

mds_status_t
mds_update_visit_files(mds_update_t *u, mds_update_file_visit_t visit,
                       mds_error_t *err)
{
    mds_intern_t *seen = mds_intern_new();
    mds_status_t  status = seen == NULL ? mds_fail_memory(err) : MDS_OK;

    for (size_t i = 0; status == MDS_OK && i < u->model->package_count; i++) {
        const mds_package_t *package = &u->model->packages[i];
        bool                 fresh = false;
        mds_str_t            bytes = { sizeof(package->sha256.bytes),
                                       (const char *) package->sha256.bytes };

        if (mds_intern(seen, bytes, &fresh) == UINT32_MAX) {
            status = mds_fail_memory(err);
        } else if (fresh) {
            status = visit(u, package, err);
        }
    }

    mds_intern_free(seen);
    return status;
}

/* A missing key is found before deltas are made, which takes long; packages are
 * signed after it, when the change will not begin once more. */
mds_status_t
mds_update_take_deltas(mds_update_t *u, mds_error_t *err)
{
    bool         signs = u->signer.key != NULL;
    mds_status_t status = MDS_OK;

    if (!signs) {
        status = mds_update_visit_files(u, mds_prepare_check_signed, err);
    }

    if (status == MDS_OK) {
        status = mds_prepare_visit(u, mds_prepare_pair, err);
    }

    return status == MDS_OK && signs && u->batch->missing == 0
               ? mds_update_visit_files(u, mds_prepare_sign, err)
               : status;
}

mds_status_t
mds_update_check_deltas(mds_update_t *u, mds_error_t *err)
{
    return mds_prepare_visit(u, mds_prepare_check_pair, err);
}
