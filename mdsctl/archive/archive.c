/* archive: reads the entries of zips and tars. */

#include "archive/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "archive/zip.h"
#include "escape.h"

#define CHUNK_BYTES ((size_t) 64 * 1024)

/*
 * A zip is read by its directory, because libarchive converts some names, and
 * returns the target of a symbolic link as no data.
 */
struct mdsctl_archive_s {
    const char          *path;
    struct archive      *tar; /* NULL if the file is a zip */
    mdsctl_zip_t        *zip;
    mdsctl_zip_reader_t *contents;   /* of the current entry of a zip */
    size_t               entries;    /* returned so far */
    char                *name;       /* of the current entry of a zip */
    char text[MDSCTL_ESCAPED_BYTES]; /* the current name, for messages */
};

/*
 * Sets locale and time zone of the process, which libarchive uses. In another
 * locale it would compose letters and accents of the names in a pax header.
 */
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
    const char *words = archive_error_string(a->tar);

    if (words == NULL) {
        words = "the archive cannot be read";
    }

    /* Some messages end with a newline. */
    return mds_fail(err, status, "\"%s\": %s%.200s%s%.*s", a->path,
                    a->text[0] != '\0' ? "entry \"" : "", a->text,
                    a->text[0] != '\0' ? "\": " : "",
                    (int) strcspn(words, "\n"), words);
}

static mds_status_t
fail_foreign(const mdsctl_archive_t *a, mds_error_t *err)
{
    return mds_fail(err, MDS_INCOMPATIBLE,
                    "\"%s\" is neither a zip nor a tar: %s", a->path,
                    archive_error_string(a->tar));
}

/* Fails for a file that is not an archive; its name says what it is. */
static mds_status_t
fail_raw(const mdsctl_archive_t *a, mds_error_t *err)
{
    errno = archive_errno(a->tar);

    return errno > 0 ? mds_fail_errno(err, "open \"%s\"", a->path)
                     : fail(a, MDS_DAMAGED, err);
}

static mds_status_t
open_reader(const char *path, bool raw, mds_error_t *err,
            mdsctl_archive_t **archive)
{
    mdsctl_archive_t *a = calloc(1, sizeof(*a));
    mds_status_t      status;

    fix_environment();

    if (a == NULL || (a->tar = archive_read_new()) == NULL) {
        free(a);
        return mds_fail_memory(err);
    }

    a->path = path == NULL ? "standard input" : path;

    if (raw) {
        archive_read_support_format_raw(a->tar);
        archive_read_support_format_empty(a->tar);
    } else {
        archive_read_support_format_tar(a->tar);
    }

    archive_read_support_filter_gzip(a->tar);
    archive_read_support_filter_xz(a->tar);
    archive_read_support_filter_zstd(a->tar);

    if (archive_read_open_filename(a->tar, path, CHUNK_BYTES) != ARCHIVE_OK) {
        status = raw ? fail_raw(a, err) : fail_foreign(a, err);
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

uint64_t
mdsctl_archive_position(const mdsctl_archive_t *archive)
{
    /* The last filter is the file itself. */
    int64_t bytes = archive_filter_bytes(archive->tar, -1);

    return bytes < 0 ? 0 : (uint64_t) bytes;
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

    rc = archive_read_next_header(a->tar, &entry);

    if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN && rc != ARCHIVE_EOF) {
        status = fail_foreign(a, err);
    } else {
        /* The last filter is the file itself. */
        *compressed = archive_filter_count(a->tar) > 1;
    }

    mdsctl_archive_close(a);
    return status;
}

void
mdsctl_archive_close(mdsctl_archive_t *archive)
{
    if (archive != NULL) {
        if (archive->tar != NULL) {
            archive_read_free(archive->tar);
        }
        mdsctl_zip_reader_close(archive->contents);
        mdsctl_zip_close(archive->zip);
        free(archive->name);
        free(archive);
    }
}

/* Returns words for a type that is neither a file nor a directory, or NULL. */
static const char *
special_type(unsigned mode)
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
check_entry(mdsctl_archive_t *a, mds_str_t name, const char *type,
            mds_error_t *err)
{
    a->entries++;
    mdsctl_escape(name, a->text, sizeof(a->text));

    if (!mds_str_is_utf8(name)) {
        return mds_fail(err, MDS_INVALID,
                        "\"%s\": the name of entry %zu, \"%.200s\", is not"
                        " valid UTF-8",
                        a->path, a->entries, a->text);
    }

    if (!mdsctl_is_plain(name)) {
        return mds_fail(err, MDS_INVALID,
                        "\"%s\": entry \"%.200s\" " MDSCTL_NOT_PLAIN, a->path,
                        a->text);
    }

    if (type != NULL) {
        return mds_fail(err, MDS_INVALID,
                        "\"%s\": entry \"%.200s\" is %s; only files and"
                        " directories are allowed",
                        a->path, a->text, type);
    }

    return MDS_OK;
}

static mds_status_t
next_in_zip(mdsctl_archive_t *a, mds_error_t *err, mdsctl_entry_t *entry,
            bool *more)
{
    size_t       i = a->entries;
    mds_str_t    name;
    unsigned     mode;
    mds_status_t status;

    mdsctl_zip_reader_close(a->contents);
    a->contents = NULL;
    free(a->name);
    a->name = NULL;

    if (i == mdsctl_zip_count(a->zip)) {
        *more = false;
        return MDS_OK;
    }

    name = mdsctl_zip_entry_name(a->zip, i);
    mode = mdsctl_zip_entry_mode(a->zip, i);

    status = check_entry(a, name, special_type(mode), err);
    if (status == MDS_OK) {
        status = mdsctl_zip_open_entry(a->zip, i, err, &a->contents);
    }
    if (status != MDS_OK) {
        return status;
    }

    a->name = strndup(name.data, name.len);
    if (a->name == NULL) {
        return mds_fail_memory(err);
    }

    *entry = (mdsctl_entry_t){ a->name, S_ISDIR(mode) };
    *more = true;
    return MDS_OK;
}

static mds_status_t
next_in_tar(mdsctl_archive_t *a, mds_error_t *err, mdsctl_entry_t *entry,
            bool *more)
{
    struct archive_entry *e;
    const char           *name, *type;
    mds_status_t          status;
    int                   rc = archive_read_next_header(a->tar, &e);

    if (rc == ARCHIVE_EOF) {
        *more = false;
        return MDS_OK;
    }

    if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN) {
        return a->entries > 0 ? fail(a, MDS_DAMAGED, err)
                              : fail_foreign(a, err);
    }

    name = archive_entry_pathname(e);
    if (name == NULL) {
        name = "\xff"; /* libarchive could not convert it */
    }

    type = archive_entry_hardlink(e) != NULL
               ? "a hard link"
               : special_type(archive_entry_filetype(e));
    status = check_entry(a, mds_str_of(name), type, err);
    if (status != MDS_OK) {
        return status;
    }

    *entry = (mdsctl_entry_t){ name, archive_entry_filetype(e) == AE_IFDIR };
    *more = true;
    return MDS_OK;
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
        return mdsctl_zip_reader_read(archive->contents, data, size, err, len);
    }

    n = archive_read_data(archive->tar, data, size);
    if (n < 0) {
        return fail(archive, MDS_DAMAGED, err);
    }

    *len = (size_t) n;
    return MDS_OK;
}
