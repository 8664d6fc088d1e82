#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mds_endian.h"
#include "compile/mds_delta_plan.h"
#include "document/mds_document.h"
#include "files/mds_delta.h"
#include "files/mds_store.h"
#include "idset/mds_idset.h"
#include "loader/mds_loader_internal.h"

/* Storing: "file" becomes "sha256" */

typedef struct {
    mds_loader_t       *loader;
    const mds_change_t *change;
    size_t              stored;
} mds_storing_t;

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
mds_storing_path(const mds_storing_t *s, mds_str_t file, mds_error_t *err,
                 mds_path_t *path)
{
    const char  *base_dir = s->change->base_dir;
    bool         bound = base_dir != NULL && !s->change->outside;
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
mds_storing_counted(const mds_storing_t *s, const mds_sha256_t *sha256,
                    uint64_t count, mds_error_t *err)
{
    char hex[MDS_SHA256_HEX + 1];

    return mds_json_done(mds_json_set_integer(s->loader->list_counts,
                                              mds_sha256_hex(sha256, hex),
                                              (int64_t) count),
                         err);
}

/* A stored file is named by its digest. */
static mds_status_t
mds_storing_take(const mds_storing_t *s, mds_str_t file, bool is_list,
                 mds_error_t *err, mds_sha256_t *sha256)
{
    mds_progress_t *progress;
    mds_path_t      path;
    uint64_t        count;
    mds_status_t    status = mds_storing_path(s, file, err, &path);

    if (status != MDS_OK) {
        return status;
    }

    progress = mds_loader_busy(s->loader, path.text);

    if (s->change->dry_run && is_list) {
        status = mds_idset_measure(path.text, progress, err, sha256, &count);
    } else if (s->change->dry_run) {
        status = mds_sha256_file(path.text, progress, err, sha256, &count);
    } else if (is_list) {
        status = mds_idset_import(s->loader->depot, path.text, progress, err,
                                  sha256, &count);
    } else {
        status = mds_store_add(s->loader->depot, path.text, progress, err,
                               sha256, &count);
    }

    mds_loader_idle(s->loader, progress);

    return status == MDS_OK && is_list
               ? mds_storing_counted(s, sha256, count, err)
               : status;
}

/* What is named by its digest has to be there. */
static mds_status_t
mds_storing_known(const mds_storing_t *s, mds_str_t hex, bool is_list,
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
        status = mds_store_has(s->loader->depot, &sha256, err, &size);
    } else {
        status = mds_idset_open(s->loader->depot, &sha256, err, &list);
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
mds_storing_item(mds_storing_t *s, mds_json_t *item, bool is_list,
                 const char *pointer, mds_error_t *err)
{
    mds_str_t    file = mds_json_string(mds_json_get(item, "file"));
    mds_str_t    known = mds_json_string(mds_json_get(item, "sha256"));
    char         hex[MDS_SHA256_HEX + 1];
    mds_sha256_t sha256;
    mds_error_t  why;
    mds_status_t status;

    if (file.len == 0 && known.len == 0) {
        return MDS_OK;
    }

    status = file.len > 0 ? mds_storing_take(s, file, is_list, &why, &sha256)
                          : mds_storing_known(s, known, is_list, &why);

    if (status != MDS_OK) {
        return mds_fail(err, status, "%s: %s/%s: %s", s->change->what, pointer,
                        file.len > 0 ? "file" : "sha256", why.text);
    }

    if (file.len > 0) {
        status
            = mds_json_done(mds_json_set_str(item, "sha256",
                                             mds_str_of(
                                                 mds_sha256_hex(&sha256, hex))),
                            err);
        mds_json_delete(item, "file");
        s->stored++;
    }

    return status;
}

static mds_status_t
mds_storing_package(mds_storing_t *s, mds_json_t *package, size_t index,
                    mds_error_t *err)
{
    mds_json_t  *deltas = mds_json_get(package, "deltas");
    char         pointer[64];
    mds_status_t status;

    snprintf(pointer, sizeof(pointer), "/packages/%zu", index);
    status = mds_storing_item(s, package, false, pointer, err);

    for (size_t i = 0; status == MDS_OK && mds_json_at(deltas, i) != NULL; i++)
    {
        snprintf(pointer, sizeof(pointer), "/packages/%zu/deltas/%zu", index,
                 i);
        status
            = mds_storing_item(s, mds_json_at(deltas, i), false, pointer, err);
    }

    return status;
}

mds_status_t
mds_loader_store(mds_loader_t *loader, const mds_change_t *change,
                 mds_json_t *document, mds_error_t *err, size_t *stored)
{
    mds_storing_t      s = { loader, change, 0 };
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
        status = mds_storing_item(&s, mds_json_value(m), true, pointer, err);
    }

    for (size_t i = 0; status == MDS_OK && i < mds_json_size(packages); i++) {
        status = mds_storing_package(&s, mds_json_at(packages, i), i, err);
    }

    *stored = s.stored;
    return status;
}

/* Differences */

static mds_status_t
mds_prepare_size(mds_loader_t *loader, const mds_sha256_t *sha256,
                 mds_error_t *err, uint64_t *compressed_bytes)
{
    mds_progress_t *progress;
    mds_path_t      path;
    mds_status_t    status;

    if (mds_journal_size(loader->journal, sha256, compressed_bytes)) {
        return MDS_OK;
    }

    status = mds_store_path(loader->depot, sha256, err, &path);
    if (status != MDS_OK) {
        return status;
    }

    progress = mds_loader_busy(loader, "compressing");
    status = mds_compressed_size(path.text, progress, err, compressed_bytes);
    mds_loader_idle(loader, progress);

    if (status == MDS_OK) {
        mds_journal_put_size(loader->journal, sha256, *compressed_bytes);
    }

    return status;
}

static mds_status_t
mds_prepare_make(mds_loader_t *loader, const mds_delta_pair_t *pair,
                 mds_error_t *err, mds_delta_entry_t *note)
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
    progress = mds_loader_busy(loader, label);
    status = mds_store_delta(loader->depot, from, to, compressed, progress, err,
                             &sha256, &size, &worth);
    mds_loader_idle(loader, progress);

    note->worth = worth;
    memcpy(note->sha256, sha256.bytes, sizeof(note->sha256));
    mds_store_be64(note->size, size);

    return status;
}

/* Whether both files can have a difference between them at all. */
static mds_status_t
mds_prepare_possible(mds_loader_t *loader, const mds_delta_pair_t *pair,
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

/* Said once, when the difference would be made. */
static mds_status_t
mds_prepare_impossible(mds_loader_t *loader, const mds_delta_pair_t *pair,
                       mds_error_t *err)
{
    char words[MDS_ERROR_BYTES];

    snprintf(words, sizeof(words),
             "package %.*s%s%.*s %.*s: there is no difference from %.*s, since"
             " one of the files is over %llu MiB; devices get it in full",
             MDS_STR(pair->to->kind), pair->to->name.len > 0 ? " " : "",
             MDS_STR(pair->to->name), MDS_STR(pair->to->version),
             MDS_STR(pair->from->version),
             (unsigned long long) (MDS_DELTA_FILE_MAX >> 20));

    return mds_json_done(mds_json_append(loader->warnings,
                                         mds_json_string_new(
                                             mds_str_of(words))),
                         err);
}

static mds_status_t
mds_prepare_pair(void *data, const mds_delta_pair_t *pair, mds_error_t *err)
{
    mds_loader_t     *loader = data;
    mds_delta_entry_t note = { 0 };
    bool              possible = false;
    mds_status_t      status;

    if (pair->wish != NULL && pair->wish->has_sha256) {
        return mds_loader_foreign(loader, pair, err);
    }

    if (mds_journal_delta(loader->journal, &pair->from->sha256,
                          &pair->to->sha256, &note))
    {
        return MDS_OK;
    }

    status = mds_prepare_possible(loader, pair, err, &possible);

    if (status == MDS_OK) {
        status = possible ? mds_prepare_make(loader, pair, err, &note)
                          : mds_prepare_impossible(loader, pair, err);
    }

    if (status == MDS_OK) {
        mds_journal_put_delta(loader->journal, &pair->from->sha256,
                              &pair->to->sha256, &note);
    }

    return status;
}

/* All packages, by resource, higher versions first. */
static mds_status_t
mds_prepare_sorted(const mds_model_t *model, mds_error_t *err,
                   mds_builds_t *all)
{
    all->count = model->package_count;
    all->items
        = mds_arena_calloc(model->arena, all->count + 1, sizeof(*all->items));
    if (all->items == NULL) {
        return mds_fail_memory(err);
    }

    for (size_t i = 0; i < all->count; i++) {
        all->items[i] = &model->packages[i];
    }

    qsort(all->items, all->count, sizeof(*all->items), mds_builds_cmp);
    return MDS_OK;
}

/* Whether the app had the package before the change. */
static bool
mds_prepare_had(const mds_loader_t *loader, const mds_package_t *package)
{
    const mds_json_t *packages
        = mds_json_get(mds_json_get(loader->before, "document"), "packages");
    char      hex[MDS_SHA256_HEX + 1];
    mds_str_t sha256 = mds_str_of(mds_sha256_hex(&package->sha256, hex));

    for (size_t i = 0; i < mds_json_size(packages); i++) {
        if (mds_str_eq(mds_json_string(
                           mds_json_get(mds_json_at(packages, i), "sha256")),
                       sha256))
        {
            return true;
        }
    }

    return false;
}

/* Without a key, what is new cannot be signed. What an older program let
 * another app's key sign does not keep anybody from a `pause`. */
static mds_status_t
mds_prepare_signed(mds_loader_t *loader, const mds_package_t *package,
                   const char *keyid, mds_error_t *err)
{
    uint8_t      bytes[MDS_KEYID_BYTES];
    mds_status_t status = MDS_NOT_FOUND;

    if (mds_keyid_parse(mds_str_of(keyid), bytes)) {
        status = mds_store_signed(loader->depot, &package->sha256, bytes, err);
    }

    if (status == MDS_NOT_FOUND && mds_prepare_had(loader, package)) {
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
mds_prepare_signature(mds_loader_t *loader, const mds_model_t *model,
                      const mds_package_t *package, const mds_signer_t *signer,
                      mds_error_t *err)
{
    char label[MDS_ERROR_BYTES];

    if (signer->key == NULL) {
        return mds_prepare_signed(loader, package, signer->keyid, err);
    }

    snprintf(label, sizeof(label), "%.*s %.*s%s%.*s %.*s", MDS_STR(model->app),
             MDS_STR(package->kind), package->name.len > 0 ? " " : "",
             MDS_STR(package->name), MDS_STR(package->version));

    return mds_store_minisign(loader->depot, &package->sha256, signer->key,
                              label, err);
}

mds_status_t
mds_loader_prepare(mds_loader_t *loader, const mds_model_t *model,
                   const mds_signer_t *signer, mds_error_t *err)
{
    mds_builds_t all;
    mds_status_t status = mds_prepare_sorted(model, err, &all);

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
            status = mds_prepare_signature(loader, model, builds.items[i],
                                           signer, err);
            if (status == MDS_OK) {
                status = mds_delta_plan_deltas(&builds, i, mds_prepare_pair,
                                               loader, err);
            }
        }
    }

    return status;
}
