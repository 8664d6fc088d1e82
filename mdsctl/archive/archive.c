/* archive: reads zips and tars by libarchive. */

#include "archive/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "archive/zip.h"

#define CHUNK_BYTES ((size_t) 64 * 1024)

/* A zip is read by its directory: libarchive would make other names of some,
 * and tells of links and their targets alone. */
struct mdsctl_archive_s {
    const char          *path;   /* the caller's */
    struct archive      *reader; /* of a tar; NULL: it is a zip */
    mdsctl_zip_t        *zip;
    mdsctl_zip_reader_t *packed;
    size_t               entries;     /* that were told */
    char                *name;        /* of the last one, of a zip */
    char shown[MDSCTL_ZIP_SHOWN + 1]; /* the same for messages */
};

/* Libarchive takes both from the process. Where it could convert the names in
 * a pax header it would compose their letters and accents; in this locale it
 * leaves the bytes as they stand. */
static void
fix_environment(void)
{
    setlocale(LC_CTYPE, "C");
    setenv("TZ", "UTC0", 1);
    tzset();
}

static mds_status_t
fail(const mdsctl_archive_t *a, mds_status_t status, mds_error_t *err)
{
    const char *words = archive_error_string(a->reader);

    if (words == NULL) {
        words = "the archive cannot be read";
    }

    /* Some of them end with a new line. */
    return mds_fail(err, status, "\"%s\": %s%s%s%.*s", a->path,
                    a->shown[0] != '\0' ? "entry \"" : "", a->shown,
                    a->shown[0] != '\0' ? "\": " : "",
                    (int) strcspn(words, "\n"), words);
}

static mds_status_t
fail_foreign(const mdsctl_archive_t *a, mds_error_t *err)
{
    return mds_fail(err, MDS_INCOMPATIBLE,
                    "\"%s\" is neither a zip nor a tar: %s", a->path,
                    archive_error_string(a->reader));
}

static mds_status_t
open_reader(const char *path, bool raw, mds_error_t *err,
            mdsctl_archive_t **archive)
{
    mdsctl_archive_t *a = calloc(1, sizeof(*a));
    mds_status_t      status;

    fix_environment();

    if (a == NULL || (a->reader = archive_read_new()) == NULL) {
        free(a);
        return mds_fail_memory(err);
    }

    a->path = path;

    if (raw) {
        archive_read_support_format_raw(a->reader);
    } else {
        archive_read_support_format_tar(a->reader);
    }

    archive_read_support_filter_gzip(a->reader);
    archive_read_support_filter_xz(a->reader);
    archive_read_support_filter_zstd(a->reader);

    if (archive_read_open_filename(a->reader, path, CHUNK_BYTES) != ARCHIVE_OK)
    {
        status = fail_foreign(a, err);
        mdsctl_archive_close(a);
        return status;
    }

    *archive = a;
    return MDS_OK;
}

mds_status_t
mdsctl_archive_open(const char *path, mds_error_t *err,
                    mdsctl_archive_t **archive)
{
    mdsctl_zip_t     *zip = NULL;
    mdsctl_archive_t *a;
    mds_status_t      status = mdsctl_zip_open(path, err, &zip);

    if (status != MDS_OK) {
        return status == MDS_INCOMPATIBLE
                   ? open_reader(path, false, err, archive)
                   : status;
    }

    a = calloc(1, sizeof(*a));
    if (a == NULL) {
        mdsctl_zip_close(zip);
        return mds_fail_memory(err);
    }

    a->path = path;
    a->zip = zip;
    *archive = a;

    return MDS_OK;
}

mds_status_t
mdsctl_archive_open_raw(const char *path, mds_error_t *err,
                        mdsctl_archive_t **archive)
{
    return open_reader(path, true, err, archive);
}

mds_status_t
mdsctl_archive_is_tar(const char *path, mds_error_t *err, bool *compressed)
{
    mdsctl_archive_t     *a = NULL;
    struct archive_entry *entry;
    int                   rc;
    mds_status_t          status = open_reader(path, false, err, &a);

    if (status != MDS_OK) {
        return status;
    }

    rc = archive_read_next_header(a->reader, &entry);

    if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN && rc != ARCHIVE_EOF) {
        status = fail_foreign(a, err);
    } else {
        /* The last filter is none. */
        *compressed = archive_filter_count(a->reader) > 1;
    }

    mdsctl_archive_close(a);
    return status;
}

void
mdsctl_archive_close(mdsctl_archive_t *archive)
{
    if (archive != NULL) {
        if (archive->reader != NULL) {
            archive_read_free(archive->reader);
        }
        mdsctl_zip_reader_close(archive->packed);
        mdsctl_zip_close(archive->zip);
        free(archive->name);
        free(archive);
    }
}

/* What else there is in archives, in words. */
static const char *
kind_of(unsigned mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG:
    case S_IFDIR:
        return NULL;
    case S_IFLNK:
        return "a symbolic link";
    case S_IFCHR:
    case S_IFBLK:
        return "a device";
    case S_IFIFO:
        return "a pipe";
    default:
        return "of an unknown type";
    }
}

static mds_status_t
check_kind(const mdsctl_archive_t *a, const char *kind, mds_error_t *err)
{
    return kind == NULL ? MDS_OK
                        : mds_fail(err, MDS_INVALID,
                                   "\"%s\": entry \"%s\" is %s; only files and"
                                   " directories are allowed",
                                   a->path, a->shown, kind);
}

static mds_status_t
check_name(const mdsctl_archive_t *a, const char *name, mds_error_t *err)
{
    return mds_str_is_utf8(mds_str_of(name))
               ? MDS_OK
               : mds_fail(
                   err, MDS_INVALID,
                   "\"%s\": the name of entry %zu, \"%s\", is not valid UTF-8",
                   a->path, a->entries, a->shown);
}

static mds_status_t
next_in_zip(mdsctl_archive_t *a, mds_error_t *err, mdsctl_entry_t *entry,
            bool *more)
{
    size_t       i = a->entries;
    mds_str_t    name;
    unsigned     mode;
    mds_status_t status;

    mdsctl_zip_reader_close(a->packed);
    a->packed = NULL;
    free(a->name);
    a->name = NULL;

    if (i == mdsctl_zip_count(a->zip)) {
        *more = false;
        return MDS_OK;
    }

    a->entries++;
    name = mdsctl_zip_name(a->zip, i);
    mode = mdsctl_zip_mode(a->zip, i);
    a->name = strndup(name.data, name.len);

    if (a->name == NULL) {
        return mds_fail_memory(err);
    }

    snprintf(a->shown, sizeof(a->shown), "%s", mdsctl_zip_shown(a->zip, i));
    status = check_name(a, a->name, err);

    if (status == MDS_OK) {
        status = check_kind(a, kind_of(mode), err);
    }

    if (status == MDS_OK) {
        status = mdsctl_zip_unpack(a->zip, i, err, &a->packed);
    }

    if (status == MDS_OK) {
        *entry = (mdsctl_entry_t){ a->name, S_ISDIR(mode) };
        *more = true;
    }

    return status;
}

static mds_status_t
next_in_tar(mdsctl_archive_t *a, mds_error_t *err, mdsctl_entry_t *entry,
            bool *more)
{
    struct archive_entry *e;
    const char           *name;
    mds_status_t          status;
    int                   rc = archive_read_next_header(a->reader, &e);

    if (rc == ARCHIVE_EOF) {
        *more = false;
        return MDS_OK;
    }

    if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN) {
        return a->entries > 0 ? fail(a, MDS_DAMAGED, err)
                              : fail_foreign(a, err);
    }

    a->entries++;
    name = archive_entry_pathname(e);
    name = name == NULL ? "\xff" : name; /* it could not be converted */
    snprintf(a->shown, sizeof(a->shown), "%s", name);
    status = check_name(a, name, err);

    if (status == MDS_OK) {
        status = check_kind(a,
                            archive_entry_hardlink(e) != NULL
                                ? "a hard link"
                                : kind_of(archive_entry_filetype(e)),
                            err);
    }

    if (status == MDS_OK) {
        *entry
            = (mdsctl_entry_t){ name, archive_entry_filetype(e) == AE_IFDIR };
        *more = true;
    }

    return status;
}

mds_status_t
mdsctl_archive_next(mdsctl_archive_t *archive, mds_error_t *err,
                    mdsctl_entry_t *entry, bool *more)
{
    return archive->zip != NULL ? next_in_zip(archive, err, entry, more)
                                : next_in_tar(archive, err, entry, more);
}

mds_status_t
mdsctl_archive_read(mdsctl_archive_t *archive, void *data, size_t size,
                    mds_error_t *err, size_t *len)
{
    la_ssize_t n;

    if (archive->zip != NULL) {
        return mdsctl_zip_reader_read(archive->packed, data, size, err, len);
    }

    n = archive_read_data(archive->reader, data, size);
    if (n < 0) {
        return fail(archive, MDS_DAMAGED, err);
    }

    *len = (size_t) n;
    return MDS_OK;
}
