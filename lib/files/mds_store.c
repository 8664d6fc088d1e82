/*
 * Adds files and differences to a store, and removes unfinished ones.
 * Signatures are in mds_store_signature.c.
 */

#include "files/mds_store.h"

#include <errno.h>
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

static mds_status_t
mds_store_copy_chunk(void *data, const void *bytes, size_t len,
                     mds_error_t *err)
{
    return mds_temp_file_write(data, bytes, len, err);
}

/* Copies a file, and replaces what has that name. */
static mds_status_t
mds_store_copy_out(const char *from, const char *dir, const char *to,
                   mds_error_t *err)
{
    int             fd = -1;
    uint64_t        size_bytes;
    mds_temp_file_t temp = MDS_NO_TEMP_FILE;
    mds_status_t    status = mds_file_open(from, err, &fd, &size_bytes);

    if (status == MDS_OK) {
        status = mds_temp_file_create(&temp, dir, err);
    }

    if (status == MDS_OK) {
        status
            = mds_file_read_chunks(fd, from, mds_store_copy_chunk, &temp, err);
    }

    if (status == MDS_OK) {
        status = mds_temp_file_commit(&temp, to, 0444, err);
    }

    mds_temp_file_discard(&temp);

    if (fd >= 0) {
        close(fd);
    }

    return status;
}

/* Gives a file a second name, in another directory. It is copied where the
 * system gives it none: there are file systems without hard links, a file has a
 * highest number of them, and the kernel may refuse one of another user's file.
 */
static mds_status_t
mds_store_link_or_copy(const char *from, const char *dir, const char *to,
                       mds_error_t *err)
{
    if (link(from, to) == 0 || errno == EEXIST) {
        return MDS_OK;
    }

    return errno == ENOENT ? mds_fail_errno(err, "link \"%s\"", from)
                           : mds_store_copy_out(from, dir, to, err);
}

mds_status_t
mds_store_link(const char *depot, const mds_sha256_t *sha256, const char *dir,
               mds_error_t *err)
{
    char         hex[MDS_SHA256_HEX + 1];
    mds_path_t   from, to;
    mds_status_t status = mds_store_path(depot, sha256, err, &from);

    if (status == MDS_OK) {
        status = mds_path(&to, err, "%s/%s", dir, mds_sha256_hex(sha256, hex));
    }

    return status == MDS_OK
               ? mds_store_link_or_copy(from.text, dir, to.text, err)
               : status;
}

/* Gives a finished delta its name, the digest. */
static mds_status_t
mds_store_name_delta(const char *dir, const char *temp,
                     const mds_sha256_t *old_sha256, mds_error_t *err,
                     mds_sha256_t *sha256, uint64_t *size_bytes)
{
    char         hex[MDS_SHA256_HEX + 1];
    uint64_t     size;
    mds_path_t   path;
    mds_sha256_t digest, old;
    mds_status_t status = mds_delta_read_old(temp, err, &old);

    /* The old file is not what its name says: no device has it. */
    if (status == MDS_OK && !mds_sha256_eq(&old, old_sha256)) {
        return mds_fail(err, MDS_DAMAGED, "file %s is damaged",
                        mds_sha256_hex(old_sha256, hex));
    }

    if (status != MDS_OK
        || (status = mds_sha256_file(temp, NULL, err, &digest, &size)) != MDS_OK
        || (status
            = mds_path(&path, err, "%s/%s", dir, mds_sha256_hex(&digest, hex)))
               != MDS_OK)
    {
        return status;
    }

    if (rename(temp, path.text) != 0) {
        return mds_fail_errno(err, "rename to \"%s\"", path.text);
    }

    *sha256 = digest;
    *size_bytes = size;
    return MDS_OK;
}

mds_status_t
mds_store_delta(const char *dir, const mds_sha256_t *old_sha256,
                const mds_sha256_t *new_sha256, mds_zstd_level_t level,
                mds_progress_t *progress, mds_error_t *err,
                mds_sha256_t *sha256, uint64_t *size_bytes)
{
    char         hex[MDS_SHA256_HEX + 1], text[2 * 16 + 1];
    uint8_t      nonce[16];
    mds_path_t   old_path, new_path, temp;
    mds_status_t status;

    mds_random(nonce, sizeof(nonce));

    if ((status = mds_path(&old_path, err, "%s/%s", dir,
                           mds_sha256_hex(old_sha256, hex)))
            != MDS_OK
        || (status = mds_path(&new_path, err, "%s/%s", dir,
                              mds_sha256_hex(new_sha256, hex)))
               != MDS_OK
        || (status = mds_path(&temp, err, "%s/" MDS_TEMP_PREFIX "%s", dir,
                              mds_hex(nonce, sizeof(nonce), text)))
               != MDS_OK
        || (status = mds_delta_make(old_path.text, new_path.text, level,
                                    temp.text, progress, err))
               != MDS_OK)
    {
        return status;
    }

    status = mds_store_name_delta(dir, temp.text, old_sha256, err, sha256,
                                  size_bytes);

    /* It has another name if it was kept. */
    unlink(temp.text);
    return status;
}

/* Returns whether a file has the digest. */
static bool
mds_store_is_intact(const char *path, const mds_sha256_t *sha256)
{
    mds_sha256_t digest;
    uint64_t     size;

    return mds_sha256_file(path, NULL, NULL, &digest, &size) == MDS_OK
           && mds_sha256_eq(&digest, sha256);
}

mds_status_t
mds_store_put(const char *dir, const char *depot, const mds_sha256_t *sha256,
              mds_error_t *err)
{
    char         hex[MDS_SHA256_HEX + 1];
    uint64_t     size;
    mds_path_t   from, to, files;
    mds_status_t status;

    if ((status
         = mds_path(&from, err, "%s/%s", dir, mds_sha256_hex(sha256, hex)))
            != MDS_OK
        || (status = mds_store_path(depot, sha256, err, &to)) != MDS_OK
        || (status = mds_store_files(depot, err, &files)) != MDS_OK)
    {
        return status;
    }

    if (mds_store_has(depot, sha256, NULL, &size) == MDS_OK) {
        return mds_store_is_intact(to.text, sha256)
                   ? MDS_OK
                   : mds_store_copy_out(from.text, files.text, to.text, err);
    }

    status = mds_store_link_or_copy(from.text, files.text, to.text, err);

    return status == MDS_OK ? mds_file_sync_dir(files.text, err) : status;
}

mds_status_t
mds_store_sweep(const char *depot, mds_error_t *err)
{
    mds_path_t   dir;
    mds_status_t status = mds_store_files(depot, err, &dir);

    return status == MDS_OK ? mds_temp_files_remove(dir.text, err) : status;
}
