#include "zip.h"

#include "entry.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "archive.h"

#define CHUNK_BYTES 65536

/* The records' sizes without what is of variable length, and their places. */
enum {
    END_TAG = 0x06054b50,
    END_BYTES = 22,
    END_DISKS = 4, /* two of them, and where the directory begins */
    END_COUNT = 10,
    END_SIZE = 12,
    END_OFFSET = 16,
    END_COMMENT = 20,
    END_COMMENT_MAX = 65535,

    ENTRY_TAG = 0x02014b50, /* of the directory */
    ENTRY_BYTES = 46,
    ENTRY_FLAGS = 8, /* flags, method, time, date, crc, two sizes, two lengths:
                      * as in a local header, two bytes further on */
    ENTRY_METHOD = 10,
    ENTRY_CRC = 16,
    ENTRY_PACKED = 20,
    ENTRY_SIZE = 24,
    ENTRY_NAME = 28,
    ENTRY_EXTRA = 30,
    ENTRY_COMMENT = 32,
    ENTRY_OFFSET = 42,

    LOCAL_TAG = 0x04034b50,
    LOCAL_BYTES = 30,
    LOCAL_FLAGS = 6,
    LOCAL_METHOD = 8,
    LOCAL_CRC = 14,
    LOCAL_PACKED = 18,
    LOCAL_SIZE = 22,
    LOCAL_NAME = 26,
    LOCAL_EXTRA = 28,

    FLAG_ENCRYPTED = 0x0001,
    /* Strength of compression, and sizes behind the data. */
    FLAGS_OF_DEFLATE = 0x000e
};

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
};

/* --- numbers, low byte first */

static uint32_t
get(const uint8_t *p, int bytes)
{
    uint32_t value = 0;

    while (bytes-- > 0) {
        value = value << 8 | p[bytes];
    }

    return value;
}

static void
put(uint8_t *p, int bytes, uint32_t value)
{
    for (int i = 0; i < bytes; i++) {
        p[i] = (uint8_t) (value >> 8 * i);
    }
}

/* CRC-32 of ISO 3309, four bits at a time; starts from 0. */
static uint32_t
crc32_add(uint32_t crc, const uint8_t *data, size_t len)
{
    static const uint32_t table[16]
        = { 0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
            0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
            0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
            0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c };

    crc = ~crc;

    for (size_t i = 0; i < len; i++) {
        crc ^= data[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }

    return ~crc;
}

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
            return wrong(zip, MDS_DAMAGED, "the zip is cut", err);
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

        if (get(end, 4) == END_TAG
            && get(end + END_COMMENT, 2) == n - END_BYTES) {
            memmove(zip->end, end, n);
            zip->end_bytes = n;
            return MDS_OK;
        }
    }

    return status == MDS_OK ? wrong(zip, MDS_FOREIGN, "it is no zip", err)
                            : status;
}

static mds_status_t
read_directory(mdsctl_zip_t *zip, mds_error_t *err)
{
    uint32_t offset = get(zip->end + END_OFFSET, 4);
    uint32_t len = get(zip->end + END_SIZE, 4);

    zip->count = get(zip->end + END_COUNT, 2);

    if (get(zip->end + END_DISKS, 4) != 0) {
        return wrong(zip, MDS_INVALID, "the zip is in parts", err);
    }

    if (zip->count == 0xffff || offset == UINT32_MAX || len > DIRECTORY_MAX) {
        return wrong(zip, MDS_INVALID,
                     "a zip of over 65534 entries or 4 GB is too large", err);
    }

    if ((uint64_t) offset + len + zip->end_bytes > zip->bytes) {
        return wrong(zip, MDS_DAMAGED, "the zip's directory is cut", err);
    }

    zip->directory = malloc(len + 1);
    zip->entries = calloc(zip->count + 1, sizeof(*zip->entries));
    if (zip->directory == NULL || zip->entries == NULL) {
        return mds_fail(err, MDS_NO_MEMORY, "no memory");
    }

    zip->directory_bytes = len;

    return read_at(zip, offset, zip->directory, len, err);
}

static size_t
entry_bytes(const uint8_t *entry)
{
    return (size_t) ENTRY_BYTES + get(entry + ENTRY_NAME, 2)
           + get(entry + ENTRY_EXTRA, 2) + get(entry + ENTRY_COMMENT, 2);
}

static mds_status_t
check_entry(const mdsctl_zip_t *zip, const uint8_t *entry, size_t rest,
            mds_error_t *err)
{
    char text[MDSCTL_ENTRY_TEXT];

    if (rest < ENTRY_BYTES || get(entry, 4) != ENTRY_TAG
        || rest < entry_bytes(entry))
    {
        return wrong(zip, MDS_DAMAGED, "the zip's directory is damaged", err);
    }

    if (memchr(entry + ENTRY_BYTES, 0, get(entry + ENTRY_NAME, 2)) != NULL) {
        return mds_fail(err, MDS_INVALID,
                        "\"%s\": entry \"%.200s\" has a zero byte in its name",
                        zip->path, (const char *) entry + ENTRY_BYTES);
    }

    if (!mdsctl_entry_plain((mds_str_t){ get(entry + ENTRY_NAME, 2),
                                         (const char *) entry + ENTRY_BYTES },
                            text))
    {
        return mds_fail(err, MDS_INVALID,
                        "\"%s\": entry \"%s\" " MDSCTL_ENTRY_ODD, zip->path,
                        text);
    }

    if ((get(entry + ENTRY_FLAGS, 2) & FLAG_ENCRYPTED) != 0) {
        return wrong(zip, MDS_INVALID, "the zip is encrypted", err);
    }

    return get(entry + ENTRY_OFFSET, 4) == UINT32_MAX
                   || get(entry + ENTRY_SIZE, 4) == UINT32_MAX
                   || get(entry + ENTRY_PACKED, 4) == UINT32_MAX
               ? wrong(zip, MDS_INVALID, "a zip64 is too large", err)
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
        zip->entries[i].offset = get(entry + ENTRY_OFFSET, 4);
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
        return mds_fail(err, MDS_NO_MEMORY, "no memory");
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

        count += get(entry + ENTRY_METHOD, 2) != 0;
    }

    return count;
}

/* --- writing */

typedef struct {
    const mdsctl_zip_t *zip;
    mdsctl_archive_t   *archive; /* has the bytes */
    uint8_t            *directory;
    mds_draft_t        *draft;
    uint64_t            written;
    uint64_t            max_bytes;
    mds_progress_t     *progress;
    mds_error_t        *err;
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

    return mds_draft_write(s->draft, data, len, s->err);
}

/* Flags, method, and sizes as of what is stored; the two headers have them in
 * the same order. */
static void
set_stored(uint8_t *flags, uint8_t *method, uint8_t *packed, uint32_t size)
{
    put(flags, 2, get(flags, 2) & ~(uint32_t) FLAGS_OF_DEFLATE);
    put(method, 2, 0);
    put(packed, 4, size);
}

static mds_status_t
emit_header(storing_t *s, const zip_entry_t *from, const uint8_t *entry)
{
    uint8_t      local[LOCAL_BYTES];
    uint8_t      more[2 * 65535];
    size_t       len;
    mds_status_t status
        = read_at(s->zip, from->offset, local, sizeof(local), s->err);

    if (status != MDS_OK) {
        return status;
    }

    if (get(local, 4) != LOCAL_TAG) {
        return wrong(s->zip, MDS_DAMAGED, "an entry of the zip is damaged",
                     s->err);
    }

    /* Those of an entry that was written to a pipe stand behind its data. */
    put(local + LOCAL_CRC, 4, get(entry + ENTRY_CRC, 4));
    put(local + LOCAL_SIZE, 4, get(entry + ENTRY_SIZE, 4));
    set_stored(local + LOCAL_FLAGS, local + LOCAL_METHOD, local + LOCAL_PACKED,
               get(entry + ENTRY_SIZE, 4));

    len = get(local + LOCAL_NAME, 2) + get(local + LOCAL_EXTRA, 2);
    status = read_at(s->zip, from->offset + sizeof(local), more, len, s->err);

    if (status == MDS_OK) {
        status = emit(s, local, sizeof(local));
    }

    return status == MDS_OK ? emit(s, more, len) : status;
}

static mds_status_t
emit_data(storing_t *s, const uint8_t *entry)
{
    mdsctl_entry_t found;
    uint8_t        chunk[CHUNK_BYTES];
    uint32_t       crc = 0;
    uint64_t       size = 0;
    size_t         len = 0;
    bool           more;
    mds_status_t   status
        = mdsctl_archive_next(s->archive, s->err, &found, &more);

    if (status == MDS_OK && !more) {
        status = wrong(s->zip, MDS_DAMAGED,
                       "the zip has fewer entries than"
                       " its directory",
                       s->err);
    }

    while (status == MDS_OK) {
        status = mdsctl_archive_read(s->archive, chunk, sizeof(chunk), s->err,
                                     &len);
        if (status != MDS_OK || len == 0) {
            break;
        }

        crc = crc32_add(crc, chunk, len);
        size += len;
        status = emit(s, chunk, len);
    }

    if (status == MDS_OK
        && (crc != get(entry + ENTRY_CRC, 4)
            || size != get(entry + ENTRY_SIZE, 4)))
    {
        status = mds_fail(s->err, MDS_DAMAGED,
                          "\"%s\": entry \"%.*s\" is not what the directory"
                          " says",
                          s->zip->path, (int) get(entry + ENTRY_NAME, 2),
                          (const char *) entry + ENTRY_BYTES);
    }

    return status;
}

static mds_status_t
emit_entry(storing_t *s, const zip_entry_t *from)
{
    uint8_t     *entry = s->directory + from->at;
    mds_status_t status;

    put(entry + ENTRY_OFFSET, 4, (uint32_t) s->written);

    status = emit_header(s, from, entry);
    if (status == MDS_OK) {
        status = emit_data(s, entry);
    }

    set_stored(entry + ENTRY_FLAGS, entry + ENTRY_METHOD, entry + ENTRY_PACKED,
               get(entry + ENTRY_SIZE, 4));

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
        status = emit_entry(s, &zip->entries[i]);
    }

    offset = (uint32_t) s->written;
    memcpy(end, zip->end, sizeof(end));
    put(end + END_OFFSET, 4, offset);

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
mdsctl_zip_store(const mdsctl_zip_t *zip, uint64_t max_bytes,
                 mds_progress_t *progress, mds_error_t *err, mds_draft_t *draft)
{
    storing_t    s = { .zip = zip,
                       .draft = draft,
                       .max_bytes = max_bytes,
                       .progress = progress,
                       .err = err };
    mds_status_t status = mdsctl_archive_open(zip->path, err, &s.archive);

    if (status == MDS_OK) {
        s.directory = malloc(zip->directory_bytes + 1);
        status = s.directory == NULL ? mds_fail(err, MDS_NO_MEMORY, "no memory")
                                     : MDS_OK;
    }

    if (status == MDS_OK) {
        memcpy(s.directory, zip->directory, zip->directory_bytes);
        status = emit_all(&s);
    }

    free(s.directory);
    mdsctl_archive_close(s.archive);

    return status;
}
