/*
 * assets: pairs the files of a version with those of lower ones, by their names
 * without the hash, and makes the deltas between them.
 */

#include "archive/assets.h"

#include <dirent.h>
#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mds_version.h"
#include "files/mds_delta.h"

/* A browser takes a window of these bytes, or of 1.25 times the old file. */
#define BROWSER_WINDOW ((uint64_t) 8 << 20)

static int
compare_entries(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static mds_status_t
add_asset(mdsctl_assets_t *assets, const char *path, const char *name,
          mds_error_t *err)
{
    mdsctl_asset_t asset = { .hash = mds_asset_find_hash(mds_str_of(name)) };
    mds_status_t   status
        = mds_sha256_file(path, NULL, err, &asset.sha256, &asset.bytes);

    if (status != MDS_OK) {
        return status;
    }

    if (assets->count == assets->room) {
        size_t          room = 2 * assets->room + 64;
        mdsctl_asset_t *grown = realloc(assets->assets, room * sizeof(*grown));

        if (grown == NULL) {
            return mds_fail_memory(err);
        }

        assets->assets = grown;
        assets->room = room;
    }

    asset.path = strdup(name);
    if (asset.path == NULL) {
        return mds_fail_memory(err);
    }

    assets->assets[assets->count++] = asset;
    return MDS_OK;
}

mds_status_t
mdsctl_assets_read(mdsctl_assets_t *assets, mds_error_t *err)
{
    mds_path_t   root;
    char        *paths[] = { root.text, NULL };
    FTS         *walk;
    FTSENT      *entry;
    mds_status_t status
        = mds_path(&root, err, "%s/%s", assets->dir, assets->version);

    if (status != MDS_OK) {
        return status;
    }

    walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, compare_entries);
    if (walk == NULL) {
        return mds_fail_errno(err, "read \"%s\"", root.text);
    }

    while (status == MDS_OK && (entry = fts_read(walk)) != NULL) {
        if (entry->fts_info == FTS_F) {
            status = add_asset(assets, entry->fts_path,
                               entry->fts_path + strlen(root.text) + 1, err);
        }
    }

    fts_close(walk);
    return status;
}

void
mdsctl_assets_free(mdsctl_assets_t *assets)
{
    for (size_t i = 0; i < assets->count; i++) {
        free(assets->assets[i].path);
        mds_buffer_free(&assets->assets[i].from);
    }

    free(assets->assets);
    assets->assets = NULL;
    assets->count = 0;
}

/* Returns whether the paths are the same but for their hashes. */
static bool
is_pair(const mdsctl_asset_t *a, const mdsctl_asset_t *b)
{
    size_t a_end = a->hash.at + a->hash.len, b_end = b->hash.at + b->hash.len;

    if (a->hash.len == 0 || b->hash.len == 0) {
        return strcmp(a->path, b->path) == 0;
    }

    return a->hash.at == b->hash.at
           && strncmp(a->path, b->path, a->hash.at) == 0
           && strcmp(a->path + a_end, b->path + b_end) == 0;
}

/* Returns the only file that is the same but for its hash, or NULL. */
static const mdsctl_asset_t *
find_pair(const mdsctl_assets_t *old, const mdsctl_asset_t *asset)
{
    const mdsctl_asset_t *found = NULL;

    for (size_t i = 0; i < old->count; i++) {
        if (strcmp(old->assets[i].path, asset->path) == 0) {
            return &old->assets[i];
        }

        if (is_pair(&old->assets[i], asset)) {
            if (found != NULL) {
                return NULL;
            }
            found = &old->assets[i];
        }
    }

    return found;
}

/* Returns whether a browser decodes a delta between files of these sizes. */
static bool
is_for_browsers(uint64_t old_bytes, uint64_t new_bytes)
{
    return mds_delta_possible(old_bytes, new_bytes)
           && (new_bytes <= BROWSER_WINDOW
               || new_bytes <= old_bytes + old_bytes / 4);
}

/* Removes a delta that is not worth it. */
static mds_status_t
weigh_delta(const char *path, const char *delta, bool *kept, mds_error_t *err)
{
    struct stat  st;
    uint64_t     bytes;
    mds_status_t status = mds_compressed_size(path, NULL, err, &bytes);

    if (status != MDS_OK) {
        return status;
    }

    if (stat(delta, &st) != 0) {
        return mds_fail_errno(err, "read \"%s\"", delta);
    }

    *kept = mds_delta_worth((uint64_t) st.st_size, bytes);

    return *kept || unlink(delta) == 0
               ? MDS_OK
               : mds_fail_errno(err, "remove \"%s\"", delta);
}

static mds_status_t
make_delta(const mdsctl_assets_t *old, const mdsctl_asset_t *from,
           const mdsctl_assets_t *assets, mdsctl_asset_t *to,
           mds_zstd_level_t level, mds_error_t *err)
{
    char         to_hex[MDS_SHA256_HEX + 1], from_hex[MDS_SHA256_HEX + 1];
    mds_path_t   old_path, new_path, delta;
    bool         kept = true;
    mds_status_t status = mds_path(&old_path, err, "%s/%s/%s", old->dir,
                                   old->version, from->path);

    if (status == MDS_OK) {
        status = mds_path(&new_path, err, "%s/%s/%s", assets->dir,
                          assets->version, to->path);
    }

    if (status == MDS_OK) {
        status = mds_path(&delta, err, "%s/.mds/delta/%s.%s", assets->dir,
                          mds_sha256_hex(&to->sha256, to_hex),
                          mds_sha256_hex(&from->sha256, from_hex));
    }

    if (status == MDS_OK && access(delta.text, F_OK) != 0) {
        status = mds_delta_make(old_path.text, new_path.text, level, delta.text,
                                NULL, err);
        if (status == MDS_OK) {
            status = weigh_delta(new_path.text, delta.text, &kept, err);
        }
    }

    if (status == MDS_OK && kept) {
        mds_buffer_add(&to->from, &from->sha256, sizeof(from->sha256));
    }

    return status;
}

/* Makes the deltas from one lower version. A file without a hash whose bytes
 * changed under that name shows that the name has none. */
static mds_status_t
pair_version(const mdsctl_assets_t *old, mdsctl_assets_t *assets,
             mds_zstd_level_t level, mds_error_t *err)
{
    mds_status_t status = MDS_OK;

    for (size_t i = 0; status == MDS_OK && i < assets->count; i++) {
        mdsctl_asset_t       *asset = &assets->assets[i];
        const mdsctl_asset_t *from = find_pair(old, asset);

        if (from == NULL || mds_sha256_eq(&from->sha256, &asset->sha256)) {
            continue;
        }

        if (strcmp(from->path, asset->path) == 0) {
            asset->hash.len = 0;
        }

        if (is_for_browsers(from->bytes, asset->bytes)) {
            status = make_delta(old, from, assets, asset, level, err);
        }
    }

    return status;
}

/* The next lower versions, the highest first. */
typedef struct {
    size_t        count;
    char          names[MDSCTL_ASSETS_VERSIONS][MDS_VERSION_MAX + 1];
    mds_version_t keys[MDSCTL_ASSETS_VERSIONS];
} lower_t;

static void
insert_lower(lower_t *lower, const char *name, const mds_version_t *key)
{
    size_t at = lower->count;

    while (at > 0 && mds_version_cmp(&lower->keys[at - 1], key) < 0) {
        at--;
    }

    if (at == MDSCTL_ASSETS_VERSIONS) {
        return;
    }

    lower->count += lower->count < MDSCTL_ASSETS_VERSIONS;

    for (size_t i = lower->count - 1; i > at; i--) {
        lower->keys[i] = lower->keys[i - 1];
        memcpy(lower->names[i], lower->names[i - 1], sizeof(lower->names[i]));
    }

    lower->keys[at] = *key;
    (void) snprintf(lower->names[at], sizeof(lower->names[at]), "%.*s",
                    MDS_VERSION_MAX, name);
}

static mds_status_t
find_lower(const char *dir, const char *version, mds_error_t *err,
           lower_t *lower)
{
    DIR           *stream = opendir(dir);
    struct dirent *entry;
    mds_version_t  own, key;

    if (stream == NULL) {
        return mds_fail_errno(err, "read \"%s\"", dir);
    }

    lower->count = 0;

    while (mds_version_parse(mds_str_of(version), &own)
           && (entry = readdir(stream)) != NULL)
    {
        if (strlen(entry->d_name) <= MDS_VERSION_MAX
            && mds_version_parse(mds_str_of(entry->d_name), &key)
            && mds_version_cmp(&key, &own) < 0)
        {
            insert_lower(lower, entry->d_name, &key);
        }
    }

    closedir(stream);
    return MDS_OK;
}

static mds_status_t
make_dirs(const char *dir, mds_error_t *err)
{
    static const char *const names[] = { ".mds", ".mds/delta", ".mds/kept" };
    mds_path_t               path;
    mds_status_t             status = MDS_OK;

    for (size_t i = 0; status == MDS_OK && i < mds_nelems(names); i++) {
        status = mds_path(&path, err, "%s/%s", dir, names[i]);

        if (status == MDS_OK) {
            status = mds_dir_make(path.text, 0755, err);
        }
    }

    return status;
}

mds_status_t
mdsctl_assets_make(const char *dir, const char *version, const mds_key_t *key,
                   mds_zstd_level_t level, mds_progress_t *progress,
                   mds_error_t *err)
{
    mdsctl_assets_t assets = { .dir = dir, .version = version };
    lower_t         lower = { .count = 0 };
    mds_status_t    status = make_dirs(dir, err);

    if (status == MDS_OK) {
        status = mdsctl_assets_read(&assets, err);
    }

    if (status == MDS_OK) {
        status = find_lower(dir, version, err, &lower);
    }

    for (size_t i = 0; status == MDS_OK && i < lower.count; i++) {
        mdsctl_assets_t old = { .dir = dir, .version = lower.names[i] };

        if (progress != NULL) {
            progress->report(progress, i, lower.count);
        }

        status = mdsctl_assets_read(&old, err);
        if (status == MDS_OK) {
            status = pair_version(&old, &assets, level, err);
        }

        mdsctl_assets_free(&old);
    }

    if (status == MDS_OK) {
        status = mdsctl_assets_write(&assets, key, err);
    }

    if (status == MDS_OK) {
        status = mdsctl_assets_sweep(dir, err);
    }

    mdsctl_assets_free(&assets);
    return status;
}
