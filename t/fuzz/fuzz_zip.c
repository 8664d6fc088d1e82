/* Zips from anywhere, repacked: what comes out has all entries stored, and
 * repacks to itself, whether libarchive or our own reader looks at it. */

#include "../../mdsctl/archive/archive.h"
#include "../../mdsctl/archive/zip.h"
#include "base/mds_digest.h"
#include "fuzz.h"

#define STORED_MAX 65536

/* The names and bytes, in order, as libarchive sees them. */
static bool
contents(const char *path, mds_sha256_t *digest)
{
    mdsctl_archive_t  *archive;
    mdsctl_entry_t     entry;
    mds_sha256_state_t state;
    char               chunk[4096];
    size_t             len = 1;
    uint64_t           bytes = 0;
    bool               more = true;
    mds_status_t       status = mdsctl_archive_open(path, NULL, &archive);

    if (status != MDS_OK) {
        return false;
    }

    mds_sha256_begin(&state);

    while (status == MDS_OK && more) {
        status = mdsctl_archive_next(archive, NULL, &entry, &more);

        if (status == MDS_OK && more) {
            fuzz_must(mds_str_is_utf8(mds_str_of(entry.name)));
            mds_sha256_add(&state, entry.name, strlen(entry.name) + 1);
            len = 1;
        }

        while (status == MDS_OK && more && len > 0 && bytes <= STORED_MAX) {
            status = mdsctl_archive_read(archive, chunk, sizeof(chunk), NULL,
                                         &len);
            if (status == MDS_OK) {
                mds_sha256_add(&state, chunk, len);
                bytes += len;
            }
        }
    }

    mds_sha256_end(&state, digest);
    mdsctl_archive_close(archive);

    return status == MDS_OK && bytes <= STORED_MAX;
}

/* The stored zip as the file of that slot; NULL: it is none that can be. */
static const char *
store(const char *path, unsigned slot)
{
    mdsctl_zip_t *zip;
    mds_temp_file_t   draft = MDS_NO_TEMP_FILE;
    mds_error_t   err;
    char         *data;
    size_t        len;
    const char   *stored = NULL;

    if (mdsctl_zip_open(path, &err, &zip) != MDS_OK) {
        return NULL;
    }

    fuzz_must(mds_temp_file_create(&draft, fuzz_folder(), &err) == MDS_OK);

    if (mdsctl_zip_store(zip, STORED_MAX, NULL, &err, &draft) == MDS_OK) {
        fuzz_must(mds_file_read(draft.path.text, STORED_MAX, &err, &data, &len)
                  == MDS_OK);
        stored = fuzz_file(slot, data, len);
        free(data);
    }

    mds_temp_file_discard(&draft);
    mdsctl_zip_close(zip);

    return stored;
}

static bool
begins_with_end(const char *path)
{
    FILE *file = fopen(path, "r");
    char  tag[4] = "";
    bool  read = file != NULL && fread(tag, sizeof(tag), 1, file) == 1;

    if (file != NULL) {
        fclose(file);
    }

    return read && memcmp(tag, "PK\5\6", sizeof(tag)) == 0;
}

static void
same(const char *a, const char *b)
{
    mds_sha256_t x, y;
    uint64_t     size;

    fuzz_must(mds_sha256_file(a, NULL, NULL, &x, &size) == MDS_OK
              && mds_sha256_file(b, NULL, NULL, &y, &size) == MDS_OK
              && mds_sha256_eq(&x, &y));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char   *path = fuzz_file(0, data, size), *stored, *again;
    mdsctl_zip_t *zip;
    mds_sha256_t  before, after;
    bool          readable;

    (void) contents(path, &before);
    stored = store(path, 1);

    if (stored == NULL) {
        return 0;
    }

    fuzz_must(mdsctl_zip_open(stored, NULL, &zip) == MDS_OK
              && !mdsctl_zip_is_compressed(zip));
    mdsctl_zip_close(zip);

    again = store(stored, 2);

    /* One of no entries is none to libarchive. */
    if (again == NULL) {
        fuzz_must(begins_with_end(stored));
        return 0;
    }

    same(stored, again);

    /* Names and types that cannot be laid out are stored as they are. */
    readable = contents(path, &before);
    fuzz_must(contents(stored, &after) == readable
              && (!readable || mds_sha256_eq(&before, &after)));

    return 0;
}
