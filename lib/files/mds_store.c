/*
 * Adds files and differences to a store, and removes unfinished ones.
 * Signatures are in mds_store_signature.c.
 */

#include "files/mds_store.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files/mds_delta.h"

typedef struct {
    mds_temp_file_t    temp;
    mds_sha256_state_t state;
    mds_progress_t    *progress; /* may be NULL */
    uint64_t           total;
    uint64_t           done;
} mds_store_copy_t;

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

/* Gives the copy its name, unless a file of that name and size exists. */
static mds_status_t
mds_store_keep(const char *depot, mds_temp_file_t *temp,
               const mds_sha256_t *sha256, uint64_t size_bytes,
               mds_error_t *err)
{
    uint64_t     size = 0;
    mds_path_t   path;
    mds_status_t status = mds_store_has(depot, sha256, NULL, &size);

    if (status == MDS_OK && size == size_bytes) {
        mds_temp_file_discard(temp);
        return MDS_OK;
    }

    status = mds_store_path(depot, sha256, err, &path);
    if (status != MDS_OK) {
        return status;
    }

    return mds_temp_file_commit(temp, path.text, 0444, err);
}

/* Copies the next bytes, and digests them. */
static mds_status_t
mds_store_copy(void *data, const void *bytes, size_t len, mds_error_t *err)
{
    mds_store_copy_t *copy = data;

    mds_sha256_add(&copy->state, bytes, len);
    copy->done += len;

    if (copy->progress != NULL) {
        copy->progress->report(copy->progress, copy->done,
                               copy->done > copy->total ? copy->done
                                                        : copy->total);
    }

    return mds_temp_file_write(&copy->temp, bytes, len, err);
}

mds_status_t
mds_store_add(const char *depot, const char *source, mds_progress_t *progress,
              mds_error_t *err, mds_sha256_t *sha256, uint64_t *size_bytes)
{
    int              fd = -1;
    mds_path_t       dir;
    mds_store_copy_t copy = { .temp = MDS_NO_TEMP_FILE, .progress = progress };
    mds_status_t     status = mds_store_files(depot, err, &dir);
    mds_sha256_t     digest;

    mds_sha256_begin(&copy.state);

    if (status != MDS_OK
        || (status = mds_file_open(source, err, &fd, &copy.total)) != MDS_OK
        || (status = mds_temp_file_create(&copy.temp, dir.text, err)) != MDS_OK
        || (status
            = mds_file_read_chunks(fd, source, mds_store_copy, &copy, err))
               != MDS_OK)
    {
        goto done;
    }

    mds_sha256_end(&copy.state, &digest);
    status = mds_store_keep(depot, &copy.temp, &digest, copy.done, err);

    if (status == MDS_OK) {
        *sha256 = digest;
        *size_bytes = copy.done;
    }

done:
    mds_temp_file_discard(&copy.temp);
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

/* Gives a finished delta its name, if it is worth it. */
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

    /* It has another name if it was kept. */
    unlink(temp.text);
    return status;
}

mds_status_t
mds_store_sweep(const char *depot, mds_error_t *err)
{
    mds_path_t   dir;
    mds_status_t status = mds_store_files(depot, err, &dir);

    return status == MDS_OK ? mds_temp_files_remove(dir.text, err) : status;
}
