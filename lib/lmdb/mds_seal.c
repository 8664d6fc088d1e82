/*
 * Writes and checks seals: a seal is compared with the one that this machine
 * would write for the same file.
 */

#include "lmdb/mds_seal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mds_digest.h"

#define MDS_SEAL_TAG "mdsseal"
#define MDS_SEAL_FORM 1
#define MDS_SEAL_FORM_LAYER 2
#define MDS_SEAL_HEAD 64 /* what the digest covers of the seal itself */
#define MDS_SEAL_CHUNK (256 * 1024)

/* Offsets of the fields. */
#define MDS_SEAL_AT_FORM 8
#define MDS_SEAL_AT_WORD 12
#define MDS_SEAL_AT_ORDER 13
#define MDS_SEAL_AT_PAGE 16
#define MDS_SEAL_AT_BYTES 24
#define MDS_SEAL_AT_IDENTITY 32

static void
mds_seal_put(uint8_t *to, uint64_t number, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        to[i] = (uint8_t) (number >> (8 * i));
    }
}

static uint64_t
mds_seal_page_bytes(void)
{
    return (uint64_t) sysconf(_SC_PAGESIZE);
}

/* The bytes behind the pages. */
typedef struct {
    size_t  link_bytes; /* 0, or those of a layer's link */
    uint8_t link[MDS_SEAL_LINK_BYTES];
    uint8_t seal[MDS_SEAL_BYTES];
} mds_seal_tail_t;

/* Fills the seal but for its digest, as this machine writes it. */
static void
mds_seal_head(uint8_t head[MDS_SEAL_HEAD], unsigned form, uint64_t pages_bytes,
              const uint8_t identity[MDS_SEAL_IDENTITY])
{
    const uint16_t one = 1;

    memset(head, 0, MDS_SEAL_HEAD);
    memcpy(head, MDS_SEAL_TAG, sizeof(MDS_SEAL_TAG));
    mds_seal_put(head + MDS_SEAL_AT_FORM, form, 4);
    head[MDS_SEAL_AT_WORD] = sizeof(void *);
    head[MDS_SEAL_AT_ORDER] = *(const uint8_t *) &one == 1 ? 1 : 2;
    mds_seal_put(head + MDS_SEAL_AT_PAGE, mds_seal_page_bytes(), 4);
    mds_seal_put(head + MDS_SEAL_AT_BYTES, pages_bytes, 8);
    memcpy(head + MDS_SEAL_AT_IDENTITY, identity, MDS_SEAL_IDENTITY);
}

/* Computes the digest of the pages, the link, and the head of the seal. */
static mds_status_t
mds_seal_digest(int fd, const char *path, uint64_t pages_bytes,
                const mds_seal_tail_t *tail, mds_error_t *err,
                uint8_t digest[MDS_SEAL_DIGEST])
{
    uint8_t      *chunk = malloc(MDS_SEAL_CHUNK);
    mds_blake2b_t state;
    mds_status_t  status = MDS_OK;

    if (chunk == NULL) {
        return mds_fail_memory(err);
    }

    mds_blake2b_begin(&state, MDS_SEAL_DIGEST);

    for (uint64_t at = 0; at < pages_bytes; at += MDS_SEAL_CHUNK) {
        uint64_t left = pages_bytes - at;
        size_t   n = left < MDS_SEAL_CHUNK ? (size_t) left : MDS_SEAL_CHUNK;

        status = mds_file_read_at(fd, path, at, chunk, n, err);
        if (status != MDS_OK) {
            goto done;
        }

        mds_blake2b_add(&state, chunk, n);
    }

    mds_blake2b_add(&state, tail->link, tail->link_bytes);
    mds_blake2b_add(&state, tail->seal, MDS_SEAL_HEAD);
    mds_blake2b_end(&state, digest, MDS_SEAL_DIGEST);

done:
    free(chunk);
    return status;
}

static mds_status_t
mds_seal_append(int fd, const char *path,
                const uint8_t          identity[MDS_SEAL_IDENTITY],
                const mds_seal_link_t *below, uint64_t pages_bytes,
                mds_error_t *err)
{
    uint8_t         bytes[MDS_SEAL_LINK_BYTES + MDS_SEAL_BYTES];
    mds_seal_tail_t tail = { 0 };
    size_t          len;
    mds_status_t    status;

    if (below != NULL) {
        tail.link_bytes = MDS_SEAL_LINK_BYTES;
        mds_seal_put(tail.link, below->number, 8);
        memcpy(tail.link + 8, below->digest, sizeof(below->digest));
    }

    mds_seal_head(tail.seal,
                  below != NULL ? MDS_SEAL_FORM_LAYER : MDS_SEAL_FORM,
                  pages_bytes, identity);

    status = mds_seal_digest(fd, path, pages_bytes, &tail, err,
                             tail.seal + MDS_SEAL_HEAD);
    if (status != MDS_OK) {
        return status;
    }

    len = tail.link_bytes + sizeof(tail.seal);
    memcpy(bytes, tail.link, tail.link_bytes);
    memcpy(bytes + tail.link_bytes, tail.seal, sizeof(tail.seal));
    errno = ENOSPC; /* a short write, which sets none, means a full disk */

    if (pwrite(fd, bytes, len, (off_t) pages_bytes) != (ssize_t) len
        || fchmod(fd, 0444) != 0 || fsync(fd) != 0)
    {
        return mds_fail_errno(err, "seal \"%s\"", path);
    }

    return MDS_OK;
}

mds_status_t
mds_seal_write_layer(const char            *path,
                     const uint8_t          identity[MDS_SEAL_IDENTITY],
                     const mds_seal_link_t *below, mds_error_t *err)
{
    struct stat  st;
    mds_status_t status;
    int          fd = open(path, O_RDWR | O_CLOEXEC);

    if (fd < 0) {
        return mds_fail_errno(err, "open \"%s\"", path);
    }

    if (fstat(fd, &st) != 0) {
        status = mds_fail_errno(err, "stat \"%s\"", path);

    } else if (st.st_size == 0
               || (uint64_t) st.st_size % mds_seal_page_bytes() != 0)
    {
        status = mds_fail(err, MDS_INVALID,
                          "\"%s\" cannot be sealed: its %lld bytes are not"
                          " whole pages",
                          path, (long long) st.st_size);
    } else {
        status = mds_seal_append(fd, path, identity, below,
                                 (uint64_t) st.st_size, err);
    }

    if (close(fd) != 0 && status == MDS_OK) {
        status = mds_fail_errno(err, "close \"%s\"", path);
    }

    return status;
}

mds_status_t
mds_seal_write(const char *path, const uint8_t identity[MDS_SEAL_IDENTITY],
               mds_error_t *err)
{
    return mds_seal_write_layer(path, identity, NULL, err);
}

/* Compares the seal of the file with the one that this machine would write. */
static mds_status_t
mds_seal_compare(const char *path, const uint8_t seal[MDS_SEAL_BYTES],
                 const uint8_t head[MDS_SEAL_HEAD], mds_error_t *err)
{
    if (memcmp(seal, head, sizeof(MDS_SEAL_TAG)) != 0) {
        return mds_fail(err, MDS_DAMAGED,
                        "\"%s\" has no seal at its end: it is truncated, or"
                        " was never finished",
                        path);
    }

    if (memcmp(seal + MDS_SEAL_AT_FORM, head + MDS_SEAL_AT_FORM,
               MDS_SEAL_AT_BYTES - MDS_SEAL_AT_FORM)
        != 0)
    {
        return mds_fail(err, MDS_INCOMPATIBLE,
                        "\"%s\" was made by another version, or on another kind"
                        " of machine (format %u, %u-byte words, byte order %u)",
                        path, (unsigned) seal[MDS_SEAL_AT_FORM],
                        (unsigned) seal[MDS_SEAL_AT_WORD],
                        (unsigned) seal[MDS_SEAL_AT_ORDER]);
    }

    if (memcmp(seal + MDS_SEAL_AT_BYTES, head + MDS_SEAL_AT_BYTES, 8) != 0) {
        return mds_fail(err, MDS_DAMAGED,
                        "\"%s\" does not have the length that its seal states",
                        path);
    }

    if (memcmp(seal, head, MDS_SEAL_HEAD) != 0) {
        return mds_fail(err, MDS_DAMAGED,
                        "\"%s\" is sealed under another identity than its"
                        " name says",
                        path);
    }

    return MDS_OK;
}

static uint64_t
mds_seal_get(const uint8_t *from, size_t bytes)
{
    uint64_t number = 0;

    for (size_t i = 0; i < bytes; i++) {
        number |= (uint64_t) from[i] << (8 * i);
    }

    return number;
}

/* Reads the bytes behind the pages, whose number is *pages_bytes. */
static mds_status_t
mds_seal_read_tail(int fd, const char *path, uint64_t size, mds_error_t *err,
                   mds_seal_tail_t *tail, uint64_t *pages_bytes)
{
    uint64_t     at = size - MDS_SEAL_BYTES;
    mds_status_t status;

    if (size < MDS_SEAL_BYTES) {
        return mds_fail(err, MDS_DAMAGED,
                        "\"%s\" is truncated: %llu bytes hold no seal", path,
                        (unsigned long long) size);
    }

    status
        = mds_file_read_at(fd, path, at, tail->seal, sizeof(tail->seal), err);

    if (status == MDS_OK && at >= MDS_SEAL_LINK_BYTES
        && mds_seal_get(tail->seal + MDS_SEAL_AT_FORM, 4)
               == MDS_SEAL_FORM_LAYER)
    {
        at -= MDS_SEAL_LINK_BYTES;
        tail->link_bytes = MDS_SEAL_LINK_BYTES;
        status = mds_file_read_at(fd, path, at, tail->link, sizeof(tail->link),
                                  err);
    }

    if (status == MDS_OK) {
        *pages_bytes = at;
    }

    return status;
}

static mds_status_t
mds_seal_read_fd(int fd, const char *path, uint64_t size,
                 const uint8_t identity[MDS_SEAL_IDENTITY], bool full,
                 mds_error_t *err, mds_seal_t *seal)
{
    uint8_t         head[MDS_SEAL_HEAD], digest[MDS_SEAL_DIGEST];
    mds_seal_tail_t tail = { 0 };
    uint64_t        pages_bytes;
    mds_status_t    status
        = mds_seal_read_tail(fd, path, size, err, &tail, &pages_bytes);

    if (status != MDS_OK) {
        return status;
    }

    mds_seal_head(head,
                  tail.link_bytes > 0 ? MDS_SEAL_FORM_LAYER : MDS_SEAL_FORM,
                  pages_bytes, identity);
    status = mds_seal_compare(path, tail.seal, head, err);

    if (status == MDS_OK && full) {
        status = mds_seal_digest(fd, path, pages_bytes, &tail, err, digest);

        if (status == MDS_OK
            && memcmp(digest, tail.seal + MDS_SEAL_HEAD, sizeof(digest)) != 0)
        {
            status = mds_fail(err, MDS_DAMAGED,
                              "\"%s\" is damaged: its bytes are not those"
                              " that were sealed",
                              path);
        }
    }

    if (status == MDS_OK) {
        memcpy(seal->digest, tail.seal + MDS_SEAL_HEAD, sizeof(seal->digest));
        seal->is_layer = tail.link_bytes > 0;
        seal->below.number = mds_seal_get(tail.link, 8);
        memcpy(seal->below.digest, tail.link + 8, sizeof(seal->below.digest));
    }

    return status;
}

mds_status_t
mds_seal_read(const char *path, const uint8_t identity[MDS_SEAL_IDENTITY],
              bool full, mds_error_t *err, mds_seal_t *seal)
{
    int          fd;
    uint64_t     size;
    mds_seal_t   seen;
    mds_status_t status = mds_file_open(path, err, &fd, &size);

    if (status != MDS_OK) {
        return status;
    }

    status = mds_file_id(fd, path, err, &seen.file_id);

    if (status == MDS_OK) {
        status = mds_seal_read_fd(fd, path, size, identity, full, err, &seen);
    }

    close(fd);

    if (status == MDS_OK) {
        *seal = seen;
    }

    return status;
}

mds_status_t
mds_seal_check(const char *path, const uint8_t identity[MDS_SEAL_IDENTITY],
               bool full, mds_error_t *err, mds_file_id_t *file_id)
{
    mds_seal_t   seal;
    mds_status_t status = mds_seal_read(path, identity, full, err, &seal);

    if (status == MDS_OK && seal.is_layer) {
        status
            = mds_fail(err, MDS_DAMAGED, "\"%s\" is sealed as a layer", path);
    }

    if (status == MDS_OK && file_id != NULL) {
        *file_id = seal.file_id;
    }

    return status;
}
