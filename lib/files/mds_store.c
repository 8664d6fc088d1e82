#include "files/mds_store.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files/mds_delta.h"

#define MDS_STORE_CHUNK 65536
#define MDS_STORE_SIGNATURE_MAX 16384

static mds_status_t
mds_store_files(const char *depot, mds_error_t *err, mds_path_t *dir)
{
    return mds_path(dir, err, "%s/files", depot);
}

mds_status_t
mds_store_path(const char *depot, const mds_sha256_t *sha256, mds_error_t *err,
               mds_path_t *path)
{
    char hex[MDS_SHA256_HEX + 1];

    return mds_path(path, err, "%s/files/%s", depot,
                    mds_sha256_hex(sha256, hex));
}

mds_status_t
mds_store_has(const char *depot, const mds_sha256_t *sha256, mds_error_t *err,
              uint64_t *size_bytes)
{
    mds_path_t   path;
    struct stat  st;
    mds_status_t status = mds_store_path(depot, sha256, err, &path);

    if (status != MDS_OK) {
        return status;
    }

    if (stat(path.text, &st) != 0) {
        return mds_fail_errno(err, "stat \"%s\"", path.text);
    }

    if (!S_ISREG(st.st_mode)) {
        return mds_fail(err, MDS_INVALID, "\"%s\" must be a regular file",
                        path.text);
    }

    *size_bytes = (uint64_t) st.st_size;
    return MDS_OK;
}

/* Gives the draft its name; a file of that name and size is left alone. */
static mds_status_t
mds_store_keep(const char *depot, mds_temp_file_t *draft,
               const mds_sha256_t *sha256, uint64_t size_bytes,
               mds_error_t *err)
{
    uint64_t     size = 0;
    mds_path_t   path;
    mds_status_t status = mds_store_has(depot, sha256, NULL, &size);

    if (status == MDS_OK && size == size_bytes) {
        mds_temp_file_discard(draft);
        return MDS_OK;
    }

    status = mds_store_path(depot, sha256, err, &path);
    if (status != MDS_OK) {
        return status;
    }

    return mds_temp_file_commit(draft, path.text, 0444, err);
}

static mds_status_t
mds_store_copy(int fd, const char *source, uint64_t total,
               mds_temp_file_t *draft, mds_progress_t *progress,
               mds_error_t *err, mds_sha256_t *sha256, uint64_t *size_bytes)
{
    char               chunk[MDS_STORE_CHUNK];
    ssize_t            n;
    uint64_t           done = 0;
    mds_status_t       status;
    mds_sha256_state_t state;

    mds_sha256_begin(&state);

    while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
        if (n < 0) {
            if (errno == EINTR) {
                continue;
            }

            return mds_fail_errno(err, "read \"%s\"", source);
        }

        status = mds_temp_file_write(draft, chunk, (size_t) n, err);
        if (status != MDS_OK) {
            return status;
        }

        mds_sha256_add(&state, chunk, (size_t) n);
        done += (uint64_t) n;

        if (progress != NULL) {
            progress->report(progress, done, done > total ? done : total);
        }
    }

    mds_sha256_end(&state, sha256);
    *size_bytes = done;
    return MDS_OK;
}

mds_status_t
mds_store_add(const char *depot, const char *source, mds_progress_t *progress,
              mds_error_t *err, mds_sha256_t *sha256, uint64_t *size_bytes)
{
    int             fd = -1;
    uint64_t        total, size = 0;
    mds_path_t      dir;
    mds_temp_file_t draft = MDS_NO_DRAFT;
    mds_status_t    status = mds_store_files(depot, err, &dir);
    mds_sha256_t    digest;

    if (status != MDS_OK) {
        return status;
    }

    if ((status = mds_file_open(source, err, &fd, &total)) != MDS_OK
        || (status = mds_temp_file_create(&draft, dir.text, err)) != MDS_OK
        || (status = mds_store_copy(fd, source, total, &draft, progress, err,
                                    &digest, &size))
               != MDS_OK
        || (status = mds_store_keep(depot, &draft, &digest, size, err))
               != MDS_OK)
    {
        goto done;
    }

    *sha256 = digest;
    *size_bytes = size;

done:
    mds_temp_file_discard(&draft);
    if (fd >= 0) {
        close(fd);
    }

    return status;
}

mds_store_name_t
mds_store_name(mds_str_t name, mds_sha256_t *sha256,
               uint8_t keyid[MDS_KEYID_BYTES])
{
    const mds_str_t suffix = mds_str(".minisig");
    mds_str_t       digest = { MDS_SHA256_HEX, name.data };

    if (name.len < MDS_SHA256_HEX || !mds_sha256_parse(digest, sha256)) {
        return MDS_STORE_OTHER;
    }

    name.data += MDS_SHA256_HEX;
    name.len -= MDS_SHA256_HEX;

    if (name.len == 0) {
        return MDS_STORE_FILE;
    }

    if (mds_str_eq(name, suffix)) {
        return MDS_STORE_SIGNATURE;
    }

    return name.len == 1 + MDS_KEYID_HEX + suffix.len && name.data[0] == '.'
                   && mds_str_eq((mds_str_t){ suffix.len,
                                              name.data + 1 + MDS_KEYID_HEX },
                                 suffix)
                   && mds_keyid_parse((mds_str_t){ MDS_KEYID_HEX,
                                                   name.data + 1 },
                                      keyid)
               ? MDS_STORE_KEY_SIGNATURE
               : MDS_STORE_OTHER;
}

mds_status_t
mds_store_signature_path(const char *depot, const mds_sha256_t *sha256,
                         const uint8_t keyid[MDS_KEYID_BYTES], mds_error_t *err,
                         mds_path_t *path)
{
    char hex[MDS_SHA256_HEX + 1], id[MDS_KEYID_HEX + 1];

    return keyid == NULL ? mds_path(path, err, "%s/files/%s.minisig", depot,
                                    mds_sha256_hex(sha256, hex))
                         : mds_path(path, err, "%s/files/%s.%s.minisig", depot,
                                    mds_sha256_hex(sha256, hex),
                                    mds_keyid_hex(keyid, id));
}

/* A whole signature, and by which key it is; the caller frees *text. */
static mds_status_t
mds_store_read_signature(const char *path, mds_error_t *err, char **text,
                         size_t *len, uint8_t keyid[MDS_KEYID_BYTES])
{
    char        *read;
    size_t       bytes;
    mds_status_t status = mds_file_read_regular(path, MDS_STORE_SIGNATURE_MAX,
                                                err, &read, &bytes);

    if (status != MDS_OK) {
        return status;
    }

    status = mds_minisign_keyid((mds_str_t){ bytes, read }, err, keyid);

    if (status != MDS_OK) {
        free(read);
        return status;
    }

    *text = read;
    *len = bytes;
    return MDS_OK;
}

/* Makes `to` what `from` is, if that is a signature by this key. */
static mds_status_t
mds_store_copy_signature(const char *from, const char *to,
                         const uint8_t keyid[MDS_KEYID_BYTES], mds_error_t *err)
{
    char        *text;
    char         hex[MDS_KEYID_HEX + 1];
    size_t       len;
    uint8_t      found[MDS_KEYID_BYTES];
    mds_status_t status
        = mds_store_read_signature(from, err, &text, &len, found);

    if (status != MDS_OK) {
        return status;
    }

    status
        = memcmp(found, keyid, sizeof(found)) == 0
              ? mds_file_write(to, 0444, text, len, err)
              : mds_fail(err, MDS_NOT_FOUND, "\"%s\" was not signed by key %s",
                         from, mds_keyid_hex(keyid, hex));
    free(text);
    return status;
}

/* Whether there is a whole signature by this key. */
static bool
mds_store_is_signature(const char *path, const uint8_t keyid[MDS_KEYID_BYTES])
{
    char        *text;
    size_t       len;
    uint8_t      found[MDS_KEYID_BYTES];
    mds_status_t status
        = mds_store_read_signature(path, NULL, &text, &len, found);

    if (status == MDS_OK) {
        free(text);
    }

    return status == MDS_OK && memcmp(found, keyid, sizeof(found)) == 0;
}

/* The two names of a file's signature: by the key, and the common one. */
static mds_status_t
mds_store_signature_paths(const char *depot, const mds_sha256_t *sha256,
                          const uint8_t keyid[MDS_KEYID_BYTES],
                          mds_error_t *err, mds_path_t *own, mds_path_t *common)
{
    mds_status_t status
        = mds_store_signature_path(depot, sha256, keyid, err, own);

    return status == MDS_OK
               ? mds_store_signature_path(depot, sha256, NULL, err, common)
               : status;
}

mds_status_t
mds_store_signed(const char *depot, const mds_sha256_t *sha256,
                 const uint8_t keyid[MDS_KEYID_BYTES], mds_error_t *err)
{
    mds_path_t   own, common;
    mds_status_t status
        = mds_store_signature_paths(depot, sha256, keyid, err, &own, &common);

    if (status != MDS_OK || mds_store_is_signature(own.text, keyid)) {
        return status;
    }

    status = mds_store_copy_signature(common.text, own.text, keyid, err);

    /* Whatever is broken there is no signature by this key. */
    return status == MDS_INVALID
               ? mds_fail(err, MDS_NOT_FOUND, "\"%s\" is not a signature",
                          common.text)
               : status;
}

mds_status_t
mds_store_signer(const char *depot, const mds_sha256_t *sha256,
                 mds_error_t *err, uint8_t keyid[MDS_KEYID_BYTES])
{
    char        *text;
    size_t       len;
    mds_path_t   path;
    mds_status_t status
        = mds_store_signature_path(depot, sha256, NULL, err, &path);

    if (status == MDS_OK) {
        status = mds_store_read_signature(path.text, err, &text, &len, keyid);
    }

    if (status == MDS_OK) {
        free(text);
    }

    return status;
}

mds_status_t
mds_store_set_signature(const char *depot, const mds_sha256_t *sha256,
                        const uint8_t keyid[MDS_KEYID_BYTES], mds_error_t *err)
{
    mds_path_t   own, common;
    mds_status_t status
        = mds_store_signature_paths(depot, sha256, keyid, err, &own, &common);

    return status == MDS_OK
               ? mds_store_copy_signature(own.text, common.text, keyid, err)
               : status;
}

mds_status_t
mds_store_minisign(const char *depot, const mds_sha256_t *sha256,
                   const mds_key_t *key, const char *label, mds_error_t *err)
{
    uint8_t      signer[MDS_KEYID_BYTES];
    mds_path_t   path, signature;
    mds_status_t status = mds_store_path(depot, sha256, err, &path);

    if (status == MDS_OK) {
        status = mds_store_signature_path(depot, sha256, key->keyid, err,
                                          &signature);
    }

    if (status == MDS_OK) {
        status = mds_store_signed(depot, sha256, key->keyid, err);
    }

    if (status == MDS_NOT_FOUND) {
        status = mds_minisign_sign(key, path.text, label, signature.text, err);
    }

    if (status != MDS_OK) {
        return status;
    }

    status = mds_store_signer(depot, sha256, err, signer);

    return status == MDS_NOT_FOUND || status == MDS_INVALID
               ? mds_store_set_signature(depot, sha256, key->keyid, err)
               : status;
}

/* Moves a finished difference to its own name, or away. */
static mds_status_t
mds_store_keep_delta(const char *depot, const char *temp,
                     uint64_t compressed_bytes, mds_error_t *err,
                     mds_sha256_t *sha256, uint64_t *size_bytes, bool *worth)
{
    uint64_t     size;
    mds_path_t   path, dir;
    mds_sha256_t digest;
    mds_status_t status = mds_sha256_file(temp, NULL, err, &digest, &size);

    if (status != MDS_OK) {
        return status;
    }

    if (!mds_delta_worth(size, compressed_bytes)) {
        *worth = false;
        return MDS_OK;
    }

    if ((status = mds_store_files(depot, err, &dir)) != MDS_OK
        || (status = mds_store_path(depot, &digest, err, &path)) != MDS_OK)
    {
        return status;
    }

    if (rename(temp, path.text) != 0) {
        return mds_fail_errno(err, "rename to \"%s\"", path.text);
    }

    status = mds_file_sync_dir(dir.text, err);
    if (status != MDS_OK) {
        return status;
    }

    *sha256 = digest;
    *size_bytes = size;
    *worth = true;
    return MDS_OK;
}

mds_status_t
mds_store_delta(const char *depot, const mds_sha256_t *old_sha256,
                const mds_sha256_t *new_sha256, uint64_t compressed_bytes,
                mds_progress_t *progress, mds_error_t *err,
                mds_sha256_t *sha256, uint64_t *size_bytes, bool *worth)
{
    char         hex[2 * 16 + 1];
    uint8_t      nonce[16];
    mds_path_t   old_path, new_path, temp;
    mds_status_t status = mds_store_path(depot, old_sha256, err, &old_path);

    mds_random(nonce, sizeof(nonce));

    if (status != MDS_OK
        || (status = mds_store_path(depot, new_sha256, err, &new_path))
               != MDS_OK
        || (status = mds_path(&temp, err, "%s/files/" MDS_TEMP_PREFIX "%s",
                              depot, mds_hex(nonce, sizeof(nonce), hex)))
               != MDS_OK)
    {
        return status;
    }

    status = mds_delta_make(old_path.text, new_path.text, temp.text, progress,
                            err);
    if (status != MDS_OK) {
        return status;
    }

    status = mds_store_keep_delta(depot, temp.text, compressed_bytes, err,
                                  sha256, size_bytes, worth);

    /* Gone already where it was kept. */
    unlink(temp.text);
    return status;
}

mds_status_t
mds_store_sweep(const char *depot, mds_error_t *err)
{
    DIR           *stream;
    mds_path_t     dir, path;
    mds_status_t   status = mds_store_files(depot, err, &dir);
    struct dirent *entry;

    if (status != MDS_OK) {
        return status;
    }

    stream = opendir(dir.text);
    if (stream == NULL) {
        return mds_fail_errno(err, "open \"%s\"", dir.text);
    }

    while (status == MDS_OK && (entry = readdir(stream)) != NULL) {
        if (!mds_str_starts(mds_str_of(entry->d_name),
                            mds_str(MDS_TEMP_PREFIX))) {
            continue;
        }

        status = mds_path(&path, err, "%s/%s", dir.text, entry->d_name);

        if (status == MDS_OK && unlink(path.text) != 0 && errno != ENOENT) {
            status = mds_fail_errno(err, "remove \"%s\"", path.text);
        }
    }

    closedir(stream);
    return status;
}
