#include "archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#include <stdlib.h>
#include <time.h>

#define CHUNK_BYTES ((size_t) 64 * 1024)

struct mdsctl_archive_s {
    struct archive *reader;
    const char     *path; /* the caller's */
    unsigned        entries;
};

/* libarchive takes both from the process. */
static void
fix_environment(void)
{
    setlocale(LC_CTYPE, "C.UTF-8");
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
    return mds_fail(err, status, "\"%s\": %.*s", a->path,
                    (int) strcspn(words, "\n"), words);
}

static mds_status_t
fail_foreign(const mdsctl_archive_t *a, mds_error_t *err)
{
    return mds_fail(err, MDS_FOREIGN, "\"%s\" is no zip and no tar: %s",
                    a->path, archive_error_string(a->reader));
}

static mds_status_t
open_archive(const char *path, bool raw, mds_error_t *err,
             mdsctl_archive_t **archive)
{
    mdsctl_archive_t *a = calloc(1, sizeof(*a));
    mds_status_t      status;

    fix_environment();

    if (a == NULL || (a->reader = archive_read_new()) == NULL) {
        free(a);
        return mds_fail(err, MDS_NO_MEMORY, "no memory");
    }

    a->path = path;

    if (raw) {
        archive_read_support_format_raw(a->reader);
    } else {
        archive_read_support_format_tar(a->reader);
        /* The other reader takes a zip that is cut for a whole one. */
        archive_read_support_format_zip_seekable(a->reader);
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
    return open_archive(path, false, err, archive);
}

mds_status_t
mdsctl_archive_open_raw(const char *path, mds_error_t *err,
                        mdsctl_archive_t **archive)
{
    return open_archive(path, true, err, archive);
}

void
mdsctl_archive_close(mdsctl_archive_t *archive)
{
    if (archive != NULL) {
        archive_read_free(archive->reader);
        free(archive);
    }
}

/* What else there is in archives, in words. */
static const char *
kind_of(struct archive_entry *e)
{
    if (archive_entry_hardlink(e) != NULL) {
        return "a hard link";
    }

    switch (archive_entry_filetype(e)) {
    case AE_IFREG:
    case AE_IFDIR:
        return NULL;
    case AE_IFLNK:
        return "a symbolic link";
    case AE_IFCHR:
    case AE_IFBLK:
        return "a device";
    case AE_IFIFO:
        return "a pipe";
    default:
        return "of no known kind";
    }
}

mds_status_t
mdsctl_archive_next(mdsctl_archive_t *archive, mds_error_t *err,
                    mdsctl_entry_t *entry, bool *more)
{
    struct archive_entry *e;
    const char           *name, *kind;
    int                   rc = archive_read_next_header(archive->reader, &e);

    if (rc == ARCHIVE_EOF) {
        *more = false;
        return MDS_OK;
    }

    if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN) {
        return archive->entries > 0 ? fail(archive, MDS_DAMAGED, err)
                                    : fail_foreign(archive, err);
    }

    archive->entries++;
    name = archive_entry_pathname(e);
    if (name == NULL || !mds_str_is_utf8(mds_str_of(name))) {
        return mds_fail(err, MDS_INVALID,
                        "\"%s\": the name of entry %u is no UTF-8",
                        archive->path, archive->entries);
    }

    kind = kind_of(e);
    if (kind != NULL) {
        return mds_fail(err, MDS_INVALID,
                        "\"%s\": entry \"%s\" is %s; want files and folders"
                        " alone",
                        archive->path, name, kind);
    }

    entry->name = name;
    entry->folder = archive_entry_filetype(e) == AE_IFDIR;
    *more = true;

    return MDS_OK;
}

mds_status_t
mdsctl_archive_read(mdsctl_archive_t *archive, void *data, size_t size,
                    mds_error_t *err, size_t *len)
{
    la_ssize_t n = archive_read_data(archive->reader, data, size);

    if (n < 0) {
        return fail(archive, MDS_DAMAGED, err);
    }

    *len = (size_t) n;
    return MDS_OK;
}

bool
mdsctl_archive_compressed(const mdsctl_archive_t *archive)
{
    /* The last filter is none. */
    return archive_filter_count(archive->reader) > 1;
}
