/*
 * assets_index: writes the index of a version, and that of the files which
 * pages of other versions may still want.
 */

#include "archive/assets.h"

#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mds_endian.h"

/* The line that browsers verify (RFC 9421; tag "ed25519-integrity"), with room
 * for two digests in base64. */
#define SIGNED_MAX 512

/* The assets of an index that is written. */
typedef struct {
    mds_buffer_t records; /* of mds_asset_record_t */
    mds_buffer_t deltas;  /* of mds_sha256_t */
} draft_t;

static void
free_draft(draft_t *draft)
{
    mds_buffer_free(&draft->records);
    mds_buffer_free(&draft->deltas);
}

/* Signs the digest of the file as the value of Unencoded-Digest. */
static void
sign_asset(const mds_key_t *key, const mds_sha256_t *sha256,
           mds_asset_record_t *record)
{
    char         digest[mds_base64_len(32) + 1], id[mds_base64_len(32) + 1];
    char         text[SIGNED_MAX];
    mds_public_t public_key;
    int          len;

    if (key == NULL) {
        return;
    }

    mds_key_public(key, &public_key);
    len = snprintf(text, sizeof(text),
                   "\"unencoded-digest\";sf: sha-256=:%s:\n"
                   "\"@signature-params\": (\"unencoded-digest\";sf)"
                   ";keyid=\"%s\";tag=\"ed25519-integrity\"",
                   mds_base64(sha256->bytes, sizeof(sha256->bytes), digest),
                   mds_base64(public_key.key, sizeof(public_key.key), id));
    mds_raw_sign(key, (mds_str_t){ (size_t) len, text }, record->signature);
}

static void
add_record(draft_t *draft, mds_asset_record_t *record, const void *deltas,
           size_t count)
{
    mds_store_be32(record->first,
                   (uint32_t) (draft->deltas.len / sizeof(mds_sha256_t)));
    mds_store_be32(record->count, (uint32_t) count);
    mds_buffer_add(&draft->records, record, sizeof(*record));
    mds_buffer_add(&draft->deltas, deltas, count * sizeof(mds_sha256_t));
}

static void
add_assets(draft_t *draft, const mdsctl_assets_t *assets, const mds_key_t *key)
{
    for (size_t i = 0; i < assets->count; i++) {
        const mdsctl_asset_t *asset = &assets->assets[i];
        mds_asset_record_t    record
            = { .sha256 = asset->sha256, .hashed = asset->hash.len > 0 };

        mds_sha256(asset->path, strlen(asset->path), &record.path);
        sign_asset(key, &asset->sha256, &record);
        add_record(draft, &record, asset->from.data,
                   asset->from.len / sizeof(mds_sha256_t));
    }
}

static int
compare_records(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(mds_sha256_t));
}

/* Writes DIR/.mds/NAME.index; the draft's records are sorted. */
static mds_status_t
write_index(draft_t *draft, const char *dir, const char *name,
            const mds_key_t *key, mds_error_t *err)
{
    struct __attribute__((packed)) {
        char    magic[8];
        uint8_t assets[4];
        uint8_t deltas[4];
        uint8_t key[MDS_ASSET_KEY_BYTES];
    } head = { .magic = MDS_ASSET_MAGIC };
    mds_path_t      path;
    mds_public_t    public_key;
    mds_temp_file_t temp = MDS_NO_TEMP_FILE;
    size_t          count = draft->records.len / sizeof(mds_asset_record_t);
    mds_status_t    status;

    if (mds_buffer_failed(&draft->records) || mds_buffer_failed(&draft->deltas))
    {
        return mds_fail_memory(err);
    }

    if (count > 0) {
        qsort(draft->records.data, count, sizeof(mds_asset_record_t),
              compare_records);
    }

    mds_store_be32(head.assets, (uint32_t) count);
    mds_store_be32(head.deltas,
                   (uint32_t) (draft->deltas.len / sizeof(mds_sha256_t)));

    if (key != NULL) {
        mds_key_public(key, &public_key);
        memcpy(head.key, public_key.key, sizeof(head.key));
    }

    status = mds_path(&path, err, "%s/.mds", dir);

    if (status == MDS_OK) {
        status = mds_temp_file_create(&temp, path.text, err);
    }

    if (status == MDS_OK) {
        status = mds_temp_file_write(&temp, &head, sizeof(head), err);
    }

    if (status == MDS_OK) {
        status = mds_temp_file_write(&temp, draft->records.data,
                                     draft->records.len, err);
    }

    if (status == MDS_OK) {
        status = mds_temp_file_write(&temp, draft->deltas.data,
                                     draft->deltas.len, err);
    }

    if (status == MDS_OK) {
        status = mds_path(&path, err, "%s/.mds/%s.index", dir, name);
    }

    if (status == MDS_OK) {
        status = mds_temp_file_commit(&temp, path.text, 0644, err);
    }

    mds_temp_file_discard(&temp);
    return status;
}

/* Makes the directories that lead to a path below DIR/.mds/kept. */
static mds_status_t
make_parents(char *path, size_t from, mds_error_t *err)
{
    mds_status_t status = MDS_OK;

    for (char *p = strchr(path + from, '/'); status == MDS_OK && p != NULL;
         p = strchr(p + 1, '/'))
    {
        *p = '\0';
        status = mds_dir_make(path, 0755, err);
        *p = '/';
    }

    return status;
}

/* Links the version's file, unless an earlier one has the name. */
static mds_status_t
keep_file(const mdsctl_assets_t *assets, const mdsctl_asset_t *asset,
          mds_error_t *err)
{
    mds_path_t   file, kept;
    mds_status_t status = mds_path(&file, err, "%s/%s/%s", assets->dir,
                                   assets->version, asset->path);

    if (status == MDS_OK) {
        status
            = mds_path(&kept, err, "%s/.mds/kept/%s", assets->dir, asset->path);
    }

    if (status == MDS_OK) {
        status = make_parents(kept.text,
                              strlen(assets->dir) + strlen("/.mds/kept/"), err);
    }

    return status != MDS_OK || link(file.text, kept.text) == 0
                   || errno == EEXIST
               ? status
               : mds_fail_errno(err, "create \"%s\"", kept.text);
}

/* Removes the links whose files no version has any more. */
static mds_status_t
sweep_kept(const char *dir, mds_error_t *err)
{
    mds_path_t   root;
    char        *paths[] = { root.text, NULL };
    FTS         *walk;
    FTSENT      *entry;
    mds_status_t status = mds_path(&root, err, "%s/.mds/kept", dir);

    if (status != MDS_OK) {
        return status;
    }

    walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    if (walk == NULL) {
        return mds_fail_errno(err, "read \"%s\"", root.text);
    }

    while (status == MDS_OK && (entry = fts_read(walk)) != NULL) {
        if (entry->fts_info == FTS_F && entry->fts_statp->st_nlink == 1
            && unlink(entry->fts_path) != 0)
        {
            status = mds_fail_errno(err, "remove \"%s\"", entry->fts_path);
        }
    }

    fts_close(walk);
    return status;
}

/* Adds the files that are kept, each of them signed again: they are not many,
 * and the key may be another one. */
static mds_status_t
write_kept(const mdsctl_assets_t *assets, const mds_key_t *key,
           mds_error_t *err)
{
    mdsctl_assets_t kept = { .dir = assets->dir, .version = ".mds/kept" };
    draft_t         draft = { .records = { 0 } };
    mds_status_t    status = mdsctl_assets_read(&kept, err);

    if (status == MDS_OK) {
        add_assets(&draft, &kept, key);
        status = write_index(&draft, assets->dir, "kept", key, err);
    }

    free_draft(&draft);
    mdsctl_assets_free(&kept);
    return status;
}

mds_status_t
mdsctl_assets_write(const mdsctl_assets_t *assets, const mds_key_t *key,
                    mds_error_t *err)
{
    draft_t      draft = { .records = { 0 } };
    mds_status_t status;

    add_assets(&draft, assets, key);
    status = write_index(&draft, assets->dir, assets->version, key, err);
    free_draft(&draft);

    for (size_t i = 0; status == MDS_OK && i < assets->count; i++) {
        if (assets->assets[i].hash.len > 0) {
            status = keep_file(assets, &assets->assets[i], err);
        }
    }

    if (status == MDS_OK) {
        status = sweep_kept(assets->dir, err);
    }

    return status == MDS_OK ? write_kept(assets, key, err) : status;
}
