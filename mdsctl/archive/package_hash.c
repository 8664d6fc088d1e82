/*
 * package_hash: reads the files of a zip, and hashes their manifest. Metadata
 * of macOS does not count, nor do directories, which a device does not keep.
 */

#include "archive/package_hash.h"

#include <stdlib.h>
#include <string.h>

#include "archive/archive.h"
#include "archive/zip.h"
#include "json/mds_json.h"

#define CHUNK_BYTES ((size_t) 64 * 1024)

/* The lines of the manifest. */
typedef struct {
    char **lines;
    size_t count;
    size_t room;
} manifest_t;

static void
free_manifest(manifest_t *manifest)
{
    for (size_t i = 0; i < manifest->count; i++) {
        free(manifest->lines[i]);
    }

    free(manifest->lines);
}

static bool
is_ignored(const char *name)
{
    static const char store[] = ".DS_Store";
    size_t            len = strlen(name), n = sizeof(store) - 1;

    return strncmp(name, "__MACOSX/", 9) == 0 || strcmp(name, store) == 0
           || (len > n && name[len - n - 1] == '/'
               && strcmp(name + len - n, store) == 0);
}

static mds_status_t
hash_entry(mdsctl_archive_t *archive, mds_error_t *err, mds_sha256_t *digest)
{
    mds_sha256_state_t state;
    char               chunk[CHUNK_BYTES];
    size_t             len = 1;
    mds_status_t       status = MDS_OK;

    mds_sha256_begin(&state);

    while (status == MDS_OK && len > 0) {
        status = mdsctl_archive_read(archive, chunk, sizeof(chunk), err, &len);

        if (status == MDS_OK) {
            mds_sha256_add(&state, chunk, len);
        }
    }

    mds_sha256_end(&state, digest);
    return status;
}

static mds_status_t
add_line(manifest_t *manifest, const char *name, const mds_sha256_t *digest,
         mds_error_t *err)
{
    size_t len = strlen(name);
    char  *line = malloc(len + 1 + MDS_SHA256_HEX + 1);

    if (manifest->count == manifest->room) {
        size_t room = 2 * manifest->room + 64;
        char **lines = realloc(manifest->lines, room * sizeof(*lines));

        if (lines == NULL) {
            free(line);
            return mds_fail_memory(err);
        }

        manifest->lines = lines;
        manifest->room = room;
    }

    if (line == NULL) {
        return mds_fail_memory(err);
    }

    for (size_t i = 0; i < len; i++) {
        line[i] = name[i] == '\\' ? '/' : name[i];
    }

    line[len] = ':';
    mds_sha256_hex(digest, line + len + 1);
    manifest->lines[manifest->count++] = line;

    return MDS_OK;
}

/* Ranks a byte of UTF-8 so that names have the order of their UTF-16, as
 * JavaScript sorts them: characters beyond U+FFFF, which begin with F0 or
 * above, come before those from U+E000, which begin with EE or EF. */
static int
rank_byte(unsigned char c)
{
    return c >= 0xf0 ? c - 2 : c >= 0xee ? c + 7 : c;
}

static int
compare_lines(const void *a, const void *b)
{
    const char *x = *(char *const *) a, *y = *(char *const *) b;

    while (*x == *y && *x != '\0') {
        x++;
        y++;
    }

    return rank_byte((unsigned char) *x) - rank_byte((unsigned char) *y);
}

static mds_status_t
read_manifest(const char *path, manifest_t *manifest, mds_error_t *err)
{
    mdsctl_archive_t *archive = NULL;
    mdsctl_entry_t    entry;
    mds_sha256_t      digest;
    bool              more = true;
    mds_status_t      status = mdsctl_archive_open(path, err, &archive);

    while (status == MDS_OK && more) {
        status = mdsctl_archive_next(archive, err, &entry, &more);

        if (status != MDS_OK || !more || entry.folder || is_ignored(entry.name))
        {
            continue;
        }

        status = hash_entry(archive, err, &digest);

        if (status == MDS_OK) {
            status = add_line(manifest, entry.name, &digest, err);
        }
    }

    mdsctl_archive_close(archive);
    return status;
}

/* Hashes the sorted lines as a JSON array. */
static mds_status_t
hash_manifest(const manifest_t *manifest, mds_error_t *err, mds_sha256_t *hash)
{
    mds_json_t  *json = mds_json_array_new();
    char        *text = NULL;
    size_t       len;
    mds_status_t status = MDS_OK;

    for (size_t i = 0; status == MDS_OK && i < manifest->count; i++) {
        mds_str_t line = mds_str_of(manifest->lines[i]);

        status = mds_json_done(mds_json_append(json, mds_json_string_new(line)),
                               err);
    }

    if (status == MDS_OK) {
        status = mds_json_dump(json, 0, err, &text, &len);
    }

    if (status == MDS_OK) {
        mds_sha256(text, len, hash);
    }

    free(text);
    mds_json_release(json);
    return status;
}

mds_status_t
mdsctl_package_hash(const char *path, mds_error_t *err, mds_sha256_t *hash)
{
    manifest_t    manifest = { .count = 0 };
    mdsctl_zip_t *zip = NULL;
    uint64_t      size;
    mds_status_t  status = mdsctl_zip_open(path, err, &zip);

    mdsctl_zip_close(zip);

    if (status == MDS_INCOMPATIBLE) {
        return mds_sha256_file(path, NULL, err, hash, &size);
    }

    if (status == MDS_OK) {
        status = read_manifest(path, &manifest, err);
    }

    if (status == MDS_OK && manifest.count > 0) {
        qsort(manifest.lines, manifest.count, sizeof(*manifest.lines),
              compare_lines);
    }

    if (status == MDS_OK) {
        status = hash_manifest(&manifest, err, hash);
    }

    free_manifest(&manifest);
    return status;
}
