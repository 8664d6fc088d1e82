/* zip: writes a zip again with its entries stored, not compressed. */

#include "archive/zip.h"

#include "archive/entry.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/zip_reader.h"
#include "archive/zipform.h"

#define CHUNK_BYTES 65536

#define DIRECTORY_MAX ((uint32_t) 64 << 20)

typedef struct {
    uint32_t at;     /* in the directory */
    uint32_t offset; /* of the local header */
} zip_entry_t;

struct mdsctl_zip_s {
    const char  *path; /* the caller's */
    int          fd;
    uint64_t     bytes;
    uint8_t      end[END_BYTES + END_COMMENT_MAX];
    size_t       end_bytes;
    uint8_t     *directory;
    size_t       directory_bytes;
    zip_entry_t *entries; /* in the order in which they lie in the file */
    size_t       count;
    char         shown[MDSCTL_ZIP_SHOWN + 1]; /* the name in messages */
};

/* --- reading */

static mds_status_t
wrong(const mdsctl_zip_t *zip, mds_status_t status, const char *why,
      mds_error_t *err)
{
    return mds_fail(err, status, "\"%s\": %s", zip->path, why);
}

static mds_status_t
read_at(const mdsctl_zip_t *zip, uint64_t offset, void *data, size_t len,
        mds_error_t *err)
{
    uint8_t *p = data;

    while (len > 0) {
        ssize_t n = pread(zip->fd, p, len, (off_t) offset);

        if (n == 0) {
            return wrong(zip, MDS_DAMAGED, "the zip is truncated", err);
        }

        if (n < 0 && errno != EINTR) {
            return mds_fail_errno(err, "read \"%s\"", zip->path);
        }

        p += n > 0 ? n : 0;
        offset += n > 0 ? (uint64_t) n : 0;
        len -= n > 0 ? (size_t) n : 0;
    }

    return MDS_OK;
}

/* The end of the directory: its comment reaches to the end of the file. */
static mds_status_t
read_end(mdsctl_zip_t *zip, mds_error_t *err)
{
    size_t       len = zip->bytes < sizeof(zip->end) ? (size_t) zip->bytes
                                                     : sizeof(zip->end);
    mds_status_t status = read_at(zip, zip->bytes - len, zip->end, len, err);

    for (size_t n = END_BYTES; status == MDS_OK && n <= len; n++) {
        const uint8_t *end = zip->end + len - n;

        if (mdsctl_zip_get(end, 4) == END_TAG
            && mdsctl_zip_get(end + END_COMMENT, 2) == n - END_BYTES)
        {
            memmove(zip->end, end, n);
            zip->end_bytes = n;
            return MDS_OK;
        }
    }

    return status == MDS_OK
               ? wrong(zip, MDS_INCOMPATIBLE, "it is not a zip", err)
               : status;
}

static mds_status_t
read_directory(mdsctl_zip_t *zip, mds_error_t *err)
{
    uint32_t offset = mdsctl_zip_get(zip->end + END_OFFSET, 4);
    uint32_t len = mdsctl_zip_get(zip->end + END_SIZE, 4);

    zip->count = mdsctl_zip_get(zip->end + END_COUNT, 2);

    if (mdsctl_zip_get(zip->end + END_DISKS, 4) != 0) {
        return wrong(zip, MDS_INVALID, "the zip has several parts", err);
    }

    if (zip->count == 0xffff || offset == UINT32_MAX || len > DIRECTORY_MAX) {
        return wrong(zip, MDS_INVALID,
                     "a zip of over 65534 entries or 4 GB is too large", err);
    }

    if ((uint64_t) offset + len + zip->end_bytes > zip->bytes) {
        return wrong(zip, MDS_DAMAGED, "the zip's directory is truncated", err);
    }

    zip->directory = malloc(len + 1);
    zip->entries = calloc(zip->count + 1, sizeof(*zip->entries));
    if (zip->directory == NULL || zip->entries == NULL) {
        return mds_fail_memory(err);
    }

    zip->directory_bytes = len;

    return read_at(zip, offset, zip->directory, len, err);
}

static size_t
entry_bytes(const uint8_t *entry)
{
    return (size_t) ENTRY_BYTES + mdsctl_zip_get(entry + ENTRY_NAME, 2)
           + mdsctl_zip_get(entry + ENTRY_EXTRA, 2)
           + mdsctl_zip_get(entry + ENTRY_COMMENT, 2);
}

/* The name in messages: a byte that is not of UTF-8 is shown as \xNN. */
static const char *
shown(mdsctl_zip_t *zip, const uint8_t *entry)
{
    mds_str_t name = { mdsctl_zip_get(entry + ENTRY_NAME, 2),
                       (const char *) entry + ENTRY_BYTES };
    bool      utf8 = mds_str_is_utf8(name);
    size_t    len = 0;

    for (size_t i = 0; i < name.len && len + 4 <= MDSCTL_ZIP_SHOWN; i++) {
        unsigned char c = (unsigned char) name.data[i];

        len += (size_t) snprintf(zip->shown + len, sizeof(zip->shown) - len,
                                 utf8 || (c >= 0x20 && c < 0x7f) ? "%c"
                                                                 : "\\x%02x",
                                 c);
    }

    zip->shown[len] = '\0';
    return zip->shown;
}

/* The same of an entry's fault. */
static mds_status_t
wrong_entry(mdsctl_zip_t *zip, const uint8_t *entry, mds_status_t status,
            const char *why, mds_error_t *err)
{
    return mds_fail(err, status, "\"%s\": entry \"%s\" %s", zip->path,
                    shown(zip, entry), why);
}

static mds_status_t
check_entry(mdsctl_zip_t *zip, const uint8_t *entry, size_t rest,
            mds_error_t *err)
{
    mds_str_t name;
    char      text[MDSCTL_ENTRY_TEXT];

    if (rest < ENTRY_BYTES || mdsctl_zip_get(entry, 4) != ENTRY_TAG
        || rest < entry_bytes(entry))
    {
        return wrong(zip, MDS_DAMAGED, "the zip's directory is damaged", err);
    }

    name = (mds_str_t){ mdsctl_zip_get(entry + ENTRY_NAME, 2),
                        (const char *) entry + ENTRY_BYTES };

    if (memchr(name.data, 0, name.len) != NULL) {
        return wrong_entry(zip, entry, MDS_INVALID,
                           "has a zero byte in its name", err);
    }

    if (!mdsctl_entry_plain(name, text)) {
        return mds_fail(err, MDS_INVALID,
                        "\"%s\": entry \"%s\" " MDSCTL_ENTRY_ODD, zip->path,
                        text);
    }

    if ((mdsctl_zip_get(entry + ENTRY_FLAGS, 2) & FLAG_ENCRYPTED) != 0) {
        return wrong_entry(zip, entry, MDS_INVALID, "is encrypted", err);
    }

    return mdsctl_zip_get(entry + ENTRY_OFFSET, 4) == UINT32_MAX
                   || mdsctl_zip_get(entry + ENTRY_SIZE, 4) == UINT32_MAX
                   || mdsctl_zip_get(entry + ENTRY_PACKED, 4) == UINT32_MAX
               ? wrong_entry(zip, entry, MDS_INVALID,
                             "is in zip64 format, which is too large", err)
               : MDS_OK;
}

static int
by_offset(const void *a, const void *b)
{
    const zip_entry_t *x = a, *y = b;

    return (x->offset > y->offset) - (x->offset < y->offset);
}

static mds_status_t
read_entries(mdsctl_zip_t *zip, mds_error_t *err)
{
    size_t at = 0;

    for (size_t i = 0; i < zip->count; i++) {
        const uint8_t *entry = zip->directory + at;
        mds_status_t   status
            = check_entry(zip, entry, zip->directory_bytes - at, err);

        if (status != MDS_OK) {
            return status;
        }

        zip->entries[i].at = (uint32_t) at;
        zip->entries[i].offset = mdsctl_zip_get(entry + ENTRY_OFFSET, 4);
        at += entry_bytes(entry);
    }

    qsort(zip->entries, zip->count, sizeof(*zip->entries), by_offset);

    return at == zip->directory_bytes
               ? MDS_OK
               : wrong(zip, MDS_DAMAGED, "the zip's directory is damaged", err);
}

mds_status_t
mdsctl_zip_open(const char *path, mds_error_t *err, mdsctl_zip_t **zip)
{
    mdsctl_zip_t *opened = calloc(1, sizeof(*opened));
    mds_status_t  status;

    if (opened == NULL) {
        return mds_fail_memory(err);
    }

    opened->path = path;
    opened->fd = -1;
    status = mds_file_open(path, err, &opened->fd, &opened->bytes);

    if (status == MDS_OK) {
        status = read_end(opened, err);
    }
    if (status == MDS_OK) {
        status = read_directory(opened, err);
    }
    if (status == MDS_OK) {
        status = read_entries(opened, err);
    }

    if (status != MDS_OK) {
        mdsctl_zip_close(opened);
        return status;
    }

    *zip = opened;
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
mdsctl_zip_compressed(const mdsctl_zip_t *zip)
{
    size_t count = 0;

    for (size_t i = 0; i < zip->count; i++) {
        const uint8_t *entry = zip->directory + zip->entries[i].at;

        count += mdsctl_zip_get(entry + ENTRY_METHOD, 2) != 0;
    }

    return count;
}

/* --- entries */

size_t
mdsctl_zip_count(const mdsctl_zip_t *zip)
{
    return zip->count;
}

static const uint8_t *
entry_at(const mdsctl_zip_t *zip, size_t i)
{
    return zip->directory + zip->entries[i].at;
}

mds_str_t
mdsctl_zip_name(const mdsctl_zip_t *zip, size_t i)
{
    const uint8_t *entry = entry_at(zip, i);

    return (mds_str_t){ mdsctl_zip_get(entry + ENTRY_NAME, 2),
                        (const char *) entry + ENTRY_BYTES };
}

const char *
mdsctl_zip_shown(mdsctl_zip_t *zip, size_t i)
{
    return shown(zip, entry_at(zip, i));
}

unsigned
mdsctl_zip_mode(const mdsctl_zip_t *zip, size_t i)
{
    const uint8_t *entry = entry_at(zip, i);
    mds_str_t      name = mdsctl_zip_name(zip, i);
    unsigned       mode = 0;

    if (entry[ENTRY_HOST] == HOST_UNIX || entry[ENTRY_HOST] == HOST_OS_X) {
        mode = mdsctl_zip_get(entry + ENTRY_MODE, 2);
    }

    if ((mode & S_IFMT) != 0) {
        return mode;
    }

    return mode
           | (name.len > 0 && name.data[name.len - 1] == '/' ? S_IFDIR
                                                             : S_IFREG);
}

/* The entry's data lies behind its local header, in front of the directory. */
static mds_status_t
find_data(mdsctl_zip_t *zip, size_t i, mds_error_t *err,
          uint8_t local[LOCAL_BYTES], uint64_t *offset)
{
    const uint8_t *entry = entry_at(zip, i);
    uint64_t       at = zip->entries[i].offset;
    uint64_t       end = mdsctl_zip_get(zip->end + END_OFFSET, 4);
    mds_status_t   status;

    if (at + LOCAL_BYTES > end) {
        return wrong_entry(zip, entry, MDS_DAMAGED, "lies outside of the zip",
                           err);
    }

    status = read_at(zip, at, local, LOCAL_BYTES, err);

    if (status == MDS_OK && mdsctl_zip_get(local, 4) != LOCAL_TAG) {
        status = wrong_entry(zip, entry, MDS_DAMAGED, "is damaged", err);
    }

    if (status != MDS_OK) {
        return status;
    }

    at += LOCAL_BYTES + mdsctl_zip_get(local + LOCAL_NAME, 2)
          + mdsctl_zip_get(local + LOCAL_EXTRA, 2);

    if (at + mdsctl_zip_get(entry + ENTRY_PACKED, 4) > end) {
        return wrong_entry(zip, entry, MDS_DAMAGED, "is truncated", err);
    }

    *offset = at;
    return MDS_OK;
}

mds_status_t
mdsctl_zip_unpack(mdsctl_zip_t *zip, size_t i, mds_error_t *err,
                  mdsctl_zip_reader_t **packed)
{
    const uint8_t    *entry = entry_at(zip, i);
    uint8_t           local[LOCAL_BYTES];
    mdsctl_zip_data_t spec = {
        .path = zip->path,
        .entry = shown(zip, entry),
        .fd = zip->fd,
        .method = (uint16_t) mdsctl_zip_get(entry + ENTRY_METHOD, 2),
        .crc = mdsctl_zip_get(entry + ENTRY_CRC, 4),
        .packed_bytes = mdsctl_zip_get(entry + ENTRY_PACKED, 4),
        .bytes = mdsctl_zip_get(entry + ENTRY_SIZE, 4),
    };
    mds_status_t status = find_data(zip, i, err, local, &spec.offset);

    return status == MDS_OK ? mdsctl_zip_reader_open(&spec, err, packed)
                            : status;
}

/* --- writing */

typedef struct {
    mdsctl_zip_t    *zip;
    uint8_t         *directory;
    mds_temp_file_t *draft;
    uint64_t         written;
    uint64_t         max_bytes;
    mds_progress_t  *progress;
    mds_error_t     *err;
} storing_t;

static mds_status_t
emit(storing_t *s, const void *data, size_t len)
{
    s->written += len;

    if (s->written > s->max_bytes || s->written > UINT32_MAX) {
        return mds_fail(s->err, MDS_INVALID,
                        "\"%s\" would be stored in over %" PRIu64
                        " bytes; --unpack-bytes N allows more, up to 4 GB",
                        s->zip->path, s->max_bytes);
    }

    if (s->progress != NULL) {
        s->progress->report(s->progress, s->written, 0);
    }

    return mds_temp_file_write(s->draft, data, len, s->err);
}

/* Version needed, flags, method, and sizes as of what is stored; the two
 * headers have them in the same order. */
static void
set_stored(uint8_t *needs, uint8_t *packed, bool folder, uint32_t size)
{
    uint8_t *flags = needs + 2, *method = needs + 4;

    mdsctl_zip_put(needs, 2, folder ? NEEDS_FOLDER : NEEDS_STORED);
    mdsctl_zip_put(flags, 2,
                   mdsctl_zip_get(flags, 2) & ~(uint32_t) FLAGS_OF_DEFLATE);
    mdsctl_zip_put(method, 2, 0);
    mdsctl_zip_put(packed, 4, size);
}

static mds_status_t
emit_header(storing_t *s, size_t i, const uint8_t *entry, bool folder)
{
    uint8_t      local[LOCAL_BYTES];
    uint8_t      more[2 * 65535];
    size_t       len;
    uint64_t     data = 0;
    mds_status_t status = find_data(s->zip, i, s->err, local, &data);

    if (status != MDS_OK) {
        return status;
    }

    /* Those of an entry that was written to a pipe stand behind its data. */
    mdsctl_zip_put(local + LOCAL_CRC, 4, mdsctl_zip_get(entry + ENTRY_CRC, 4));
    mdsctl_zip_put(local + LOCAL_SIZE, 4,
                   mdsctl_zip_get(entry + ENTRY_SIZE, 4));
    set_stored(local + LOCAL_NEEDS, local + LOCAL_PACKED, folder,
               mdsctl_zip_get(entry + ENTRY_SIZE, 4));

    len = mdsctl_zip_get(local + LOCAL_NAME, 2)
          + mdsctl_zip_get(local + LOCAL_EXTRA, 2);
    status = read_at(s->zip, data - len, more, len, s->err);

    if (status == MDS_OK) {
        status = emit(s, local, sizeof(local));
    }

    return status == MDS_OK ? emit(s, more, len) : status;
}

static mds_status_t
emit_data(storing_t *s, size_t i)
{
    mdsctl_zip_reader_t *packed = NULL;
    uint8_t              chunk[CHUNK_BYTES];
    size_t               len = 1;
    mds_status_t         status = mdsctl_zip_unpack(s->zip, i, s->err, &packed);

    while (status == MDS_OK && len > 0) {
        status = mdsctl_zip_reader_read(packed, chunk, sizeof(chunk), s->err,
                                        &len);

        if (status == MDS_OK) {
            status = emit(s, chunk, len);
        }
    }

    mdsctl_zip_reader_close(packed);
    return status;
}

static mds_status_t
emit_entry(storing_t *s, size_t i)
{
    uint8_t     *entry = s->directory + s->zip->entries[i].at;
    bool         folder = S_ISDIR(mdsctl_zip_mode(s->zip, i));
    mds_status_t status;

    mdsctl_zip_put(entry + ENTRY_OFFSET, 4, (uint32_t) s->written);

    status = emit_header(s, i, entry, folder);
    if (status == MDS_OK) {
        status = emit_data(s, i);
    }

    set_stored(entry + ENTRY_NEEDS, entry + ENTRY_PACKED, folder,
               mdsctl_zip_get(entry + ENTRY_SIZE, 4));

    return status;
}

static mds_status_t
emit_all(storing_t *s)
{
    const mdsctl_zip_t *zip = s->zip;
    uint8_t             end[END_BYTES];
    uint32_t            offset;
    mds_status_t        status = MDS_OK;

    for (size_t i = 0; status == MDS_OK && i < zip->count; i++) {
        status = emit_entry(s, i);
    }

    offset = (uint32_t) s->written;
    memcpy(end, zip->end, sizeof(end));
    mdsctl_zip_put(end + END_OFFSET, 4, offset);

    if (status == MDS_OK) {
        status = emit(s, s->directory, zip->directory_bytes);
    }
    if (status == MDS_OK) {
        status = emit(s, end, sizeof(end));
    }

    return status == MDS_OK
               ? emit(s, zip->end + END_BYTES, zip->end_bytes - END_BYTES)
               : status;
}

mds_status_t
mdsctl_zip_store(mdsctl_zip_t *zip, uint64_t max_bytes,
                 mds_progress_t *progress, mds_error_t *err,
                 mds_temp_file_t *draft)
{
    storing_t    s = { .zip = zip,
                       .draft = draft,
                       .max_bytes = max_bytes,
                       .progress = progress,
                       .err = err };
    mds_status_t status;

    s.directory = malloc(zip->directory_bytes + 1);
    if (s.directory == NULL) {
        return mds_fail_memory(err);
    }

    memcpy(s.directory, zip->directory, zip->directory_bytes);
    status = emit_all(&s);
    free(s.directory);

    return status;
}
