/* zip: reads the directory of a zip file, and opens its entries. */

#include "archive/zip_internal.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIRECTORY_MAX ((uint32_t) 64 << 20)
#define COUNT_MAX 65534 /* 65535 stands for a zip64 */

static mds_status_t
fail_zip(const mdsctl_zip_t *zip, mds_status_t status, const char *why,
         mds_error_t *err)
{
    return mds_fail(err, status, "\"%s\": %s", zip->path, why);
}

static mds_str_t
name_of(const uint8_t *entry)
{
    return (mds_str_t){ mdsctl_zip_get(entry + ENTRY_NAME, 2),
                        (const char *) entry + ENTRY_BYTES };
}

static mds_status_t
fail_entry(const mdsctl_zip_t *zip, const uint8_t *entry, mds_status_t status,
           const char *why, mds_error_t *err)
{
    char text[MDSCTL_ESCAPED_BYTES];

    return mds_fail(err, status, "\"%s\": entry \"%.200s\" %s", zip->path,
                    mdsctl_escape(name_of(entry), text, sizeof(text)), why);
}

/* Finds the end record, whose comment reaches to the end of the file. */
static mds_status_t
read_end(mdsctl_zip_t *zip, mds_error_t *err)
{
    size_t       len = zip->bytes < sizeof(zip->end) ? (size_t) zip->bytes
                                                     : sizeof(zip->end);
    mds_status_t status = mds_file_read_at(zip->fd, zip->path, zip->bytes - len,
                                           zip->end, len, err);

    if (status != MDS_OK) {
        return status;
    }

    for (size_t n = END_BYTES; n <= len; n++) {
        const uint8_t *end = zip->end + len - n;

        if (mdsctl_zip_get(end, 4) == END_TAG
            && mdsctl_zip_get(end + END_COMMENT, 2) == n - END_BYTES)
        {
            memmove(zip->end, end, n);
            zip->end_bytes = n;
            return MDS_OK;
        }
    }

    return fail_zip(zip, MDS_INCOMPATIBLE, "it is not a zip", err);
}

static mds_status_t
read_directory(mdsctl_zip_t *zip, mds_error_t *err)
{
    uint32_t offset = mdsctl_zip_get(zip->end + END_OFFSET, 4);
    uint32_t len = mdsctl_zip_get(zip->end + END_SIZE, 4);

    zip->count = mdsctl_zip_get(zip->end + END_COUNT, 2);

    if (mdsctl_zip_get(zip->end + END_DISKS, 4) != 0) {
        return fail_zip(zip, MDS_INVALID, "the zip has several parts", err);
    }

    if (zip->count > COUNT_MAX || offset == UINT32_MAX || len > DIRECTORY_MAX) {
        return fail_zip(zip, MDS_INVALID,
                        "a zip of over 65534 entries or 4 GB is too large",
                        err);
    }

    if ((uint64_t) offset + len + zip->end_bytes > zip->bytes) {
        return fail_zip(zip, MDS_DAMAGED, "the zip's directory is truncated",
                        err);
    }

    zip->directory_bytes = len;
    zip->directory = malloc(len + 1);
    zip->entries = calloc(zip->count + 1, sizeof(*zip->entries));
    if (zip->directory == NULL || zip->entries == NULL) {
        return mds_fail_memory(err);
    }

    return mds_file_read_at(zip->fd, zip->path, offset, zip->directory, len,
                            err);
}

/* Returns the length of the record at entry, or 0 if it is damaged. */
static size_t
entry_bytes(const uint8_t *entry, size_t rest)
{
    size_t bytes;

    if (rest < ENTRY_BYTES || mdsctl_zip_get(entry, 4) != ENTRY_TAG) {
        return 0;
    }

    bytes = (size_t) ENTRY_BYTES + mdsctl_zip_get(entry + ENTRY_NAME, 2)
            + mdsctl_zip_get(entry + ENTRY_EXTRA, 2)
            + mdsctl_zip_get(entry + ENTRY_COMMENT, 2);

    return bytes <= rest ? bytes : 0;
}

static mds_status_t
check_entry(const mdsctl_zip_t *zip, const uint8_t *entry, mds_error_t *err)
{
    mds_str_t   name = name_of(entry);
    const char *why;

    if (memchr(name.data, 0, name.len) != NULL) {
        why = "has a zero byte in its name";
    } else if (!mdsctl_is_plain(name)) {
        why = MDSCTL_NOT_PLAIN;
    } else if ((mdsctl_zip_get(entry + ENTRY_FLAGS, 2) & FLAG_ENCRYPTED) != 0) {
        why = "is encrypted";
    } else if (mdsctl_zip_get(entry + ENTRY_OFFSET, 4) == UINT32_MAX
               || mdsctl_zip_get(entry + ENTRY_SIZE, 4) == UINT32_MAX
               || mdsctl_zip_get(entry + ENTRY_PACKED, 4) == UINT32_MAX)
    {
        why = "is in zip64 format, which is too large";
    } else {
        return MDS_OK;
    }

    return fail_entry(zip, entry, MDS_INVALID, why, err);
}

static int
compare_offsets(const void *a, const void *b)
{
    const mdsctl_zip_entry_t *x = a, *y = b;

    return (x->offset > y->offset) - (x->offset < y->offset);
}

static mds_status_t
read_entries(mdsctl_zip_t *zip, mds_error_t *err)
{
    size_t at = 0;

    for (size_t i = 0; i < zip->count; i++) {
        const uint8_t *entry = zip->directory + at;
        size_t         len = entry_bytes(entry, zip->directory_bytes - at);
        mds_status_t   status;

        if (len == 0) {
            return fail_zip(zip, MDS_DAMAGED, "the zip's directory is damaged",
                            err);
        }

        status = check_entry(zip, entry, err);
        if (status != MDS_OK) {
            return status;
        }

        zip->entries[i].at = (uint32_t) at;
        zip->entries[i].offset = mdsctl_zip_get(entry + ENTRY_OFFSET, 4);
        at += len;
    }

    if (at != zip->directory_bytes) {
        return fail_zip(zip, MDS_DAMAGED, "the zip's directory is damaged",
                        err);
    }

    qsort(zip->entries, zip->count, sizeof(*zip->entries), compare_offsets);
    return MDS_OK;
}

mds_status_t
mdsctl_zip_open(const char *path, mds_error_t *err, mdsctl_zip_t **zip)
{
    mdsctl_zip_t *z = calloc(1, sizeof(*z));
    mds_status_t  status;

    if (z == NULL) {
        return mds_fail_memory(err);
    }

    z->path = path;
    z->fd = -1;

    if ((status = mds_file_open(path, err, &z->fd, &z->bytes)) != MDS_OK
        || (status = read_end(z, err)) != MDS_OK
        || (status = read_directory(z, err)) != MDS_OK
        || (status = read_entries(z, err)) != MDS_OK)
    {
        mdsctl_zip_close(z);
        return status;
    }

    *zip = z;
    return MDS_OK;
}

void
mdsctl_zip_close(mdsctl_zip_t *zip)
{
    if (zip == NULL) {
        return;
    }

    if (zip->fd >= 0) {
        close(zip->fd);
    }

    free(zip->entries);
    free(zip->directory);
    free(zip);
}

size_t
mdsctl_zip_count(const mdsctl_zip_t *zip)
{
    return zip->count;
}

mds_str_t
mdsctl_zip_entry_name(const mdsctl_zip_t *zip, size_t i)
{
    return name_of(zip->directory + zip->entries[i].at);
}

unsigned
mdsctl_zip_entry_mode(const mdsctl_zip_t *zip, size_t i)
{
    const uint8_t *entry = zip->directory + zip->entries[i].at;
    mds_str_t      name = name_of(entry);
    unsigned       mode = 0;

    if (entry[ENTRY_HOST] == HOST_UNIX || entry[ENTRY_HOST] == HOST_OS_X) {
        mode = mdsctl_zip_get(entry + ENTRY_MODE, 2);
    }

    if ((mode & S_IFMT) == 0) {
        mode |= name.len > 0 && name.data[name.len - 1] == '/' ? S_IFDIR
                                                               : S_IFREG;
    }

    return mode;
}

bool
mdsctl_zip_is_compressed(const mdsctl_zip_t *zip)
{
    for (size_t i = 0; i < zip->count; i++) {
        if (mdsctl_zip_get(zip->directory + zip->entries[i].at + ENTRY_METHOD,
                           2)
            != 0) {
            return true;
        }
    }

    return false;
}

bool
mdsctl_zip_has_signing_block(const mdsctl_zip_t *zip)
{
    static const char magic[] = "APK Sig Block 42";
    char              found[sizeof(magic) - 1];
    uint32_t          directory = mdsctl_zip_get(zip->end + END_OFFSET, 4);

    return directory >= sizeof(found)
           && mds_file_read_at(zip->fd, zip->path, directory - sizeof(found),
                               found, sizeof(found), NULL)
                  == MDS_OK
           && memcmp(found, magic, sizeof(found)) == 0;
}

/* Checks that the local header at `at` has the entry's name: some programs read
 * names from the directory, others from local headers, and one zip must not be
 * two different sets of files. */
static mds_status_t
check_local_name(mdsctl_zip_t *zip, const uint8_t *entry,
                 const uint8_t local[LOCAL_BYTES], uint64_t at,
                 mds_error_t *err)
{
    mds_str_t    name = name_of(entry);
    bool         same = mdsctl_zip_get(local + LOCAL_NAME, 2) == name.len;
    mds_status_t status = MDS_OK;
    char         chunk[256];

    for (size_t done = 0; same && done < name.len; done += sizeof(chunk)) {
        size_t len = name.len - done;

        if (len > sizeof(chunk)) {
            len = sizeof(chunk);
        }

        status = mds_file_read_at(zip->fd, zip->path, at + LOCAL_BYTES + done,
                                  chunk, len, err);
        if (status != MDS_OK) {
            return status;
        }

        same = memcmp(chunk, name.data + done, len) == 0;
    }

    return same ? MDS_OK
                : fail_entry(zip, entry, MDS_INVALID,
                             "has another name in its local header", err);
}

mds_status_t
mdsctl_zip_read_header(mdsctl_zip_t *zip, size_t i, mds_error_t *err,
                       uint8_t local[LOCAL_BYTES], uint64_t *offset)
{
    const uint8_t *entry = zip->directory + zip->entries[i].at;
    uint64_t       at = zip->entries[i].offset;
    uint64_t       end = mdsctl_zip_get(zip->end + END_OFFSET, 4);
    mds_status_t   status;

    if (at + LOCAL_BYTES > end) {
        return fail_entry(zip, entry, MDS_DAMAGED, "lies outside of the zip",
                          err);
    }

    status = mds_file_read_at(zip->fd, zip->path, at, local, LOCAL_BYTES, err);
    if (status != MDS_OK) {
        return status;
    }

    if (mdsctl_zip_get(local, 4) != LOCAL_TAG) {
        return fail_entry(zip, entry, MDS_DAMAGED, "is damaged", err);
    }

    at += LOCAL_BYTES + mdsctl_zip_get(local + LOCAL_NAME, 2)
          + mdsctl_zip_get(local + LOCAL_EXTRA, 2);

    if (at + mdsctl_zip_get(entry + ENTRY_PACKED, 4) > end) {
        return fail_entry(zip, entry, MDS_DAMAGED, "is truncated", err);
    }

    status = check_local_name(zip, entry, local, zip->entries[i].offset, err);
    if (status != MDS_OK) {
        return status;
    }

    *offset = at;
    return MDS_OK;
}

mds_status_t
mdsctl_zip_open_entry(mdsctl_zip_t *zip, size_t i, mds_error_t *err,
                      mdsctl_zip_reader_t **reader)
{
    const uint8_t    *entry = zip->directory + zip->entries[i].at;
    uint8_t           local[LOCAL_BYTES];
    mdsctl_zip_data_t data = {
        .path = zip->path,
        .entry = mdsctl_escape(name_of(entry), zip->text, sizeof(zip->text)),
        .fd = zip->fd,
        .method = (uint16_t) mdsctl_zip_get(entry + ENTRY_METHOD, 2),
        .crc = mdsctl_zip_get(entry + ENTRY_CRC, 4),
        .packed_bytes = mdsctl_zip_get(entry + ENTRY_PACKED, 4),
        .bytes = mdsctl_zip_get(entry + ENTRY_SIZE, 4),
    };
    mds_status_t status
        = mdsctl_zip_read_header(zip, i, err, local, &data.offset);

    return status == MDS_OK ? mdsctl_zip_reader_open(&data, err, reader)
                            : status;
}
