/*
 * The functions of libarchive that mdsctl calls; the library is loaded with the
 * first call (lazy.h).
 */

#include <archive.h>
#include <archive_entry.h>
#include <stdarg.h>
#include <stdio.h>

#include "lazy.h"

static mdsctl_lazy_library_t libarchive
    = { "libarchive.so.13", "libarchive13", NULL };

#define ARCHIVE struct archive *
#define ENTRY struct archive_entry *

MDSCTL_LAZY_1(libarchive, int, archive_errno, ARCHIVE)
MDSCTL_LAZY_1(libarchive, const char *, archive_error_string, ARCHIVE)
MDSCTL_LAZY_1(libarchive, int, archive_filter_count, ARCHIVE)
MDSCTL_LAZY_2(libarchive, la_int64_t, archive_filter_bytes, ARCHIVE, int)

MDSCTL_LAZY_0(libarchive, ARCHIVE, archive_read_new)
MDSCTL_LAZY_1(libarchive, int, archive_read_free, ARCHIVE)
MDSCTL_LAZY_1(libarchive, int, archive_read_support_filter_gzip, ARCHIVE)
MDSCTL_LAZY_1(libarchive, int, archive_read_support_filter_xz, ARCHIVE)
MDSCTL_LAZY_1(libarchive, int, archive_read_support_filter_zstd, ARCHIVE)
MDSCTL_LAZY_1(libarchive, int, archive_read_support_format_empty, ARCHIVE)
MDSCTL_LAZY_1(libarchive, int, archive_read_support_format_raw, ARCHIVE)
MDSCTL_LAZY_1(libarchive, int, archive_read_support_format_tar, ARCHIVE)
MDSCTL_LAZY_1(libarchive, int, archive_read_support_format_zip_streamable,
              ARCHIVE)
MDSCTL_LAZY_5(libarchive, int, archive_read_open, ARCHIVE, void *,
              archive_open_callback *, archive_read_callback *,
              archive_close_callback *)
MDSCTL_LAZY_3(libarchive, int, archive_read_open_filename, ARCHIVE,
              const char *, size_t)
MDSCTL_LAZY_2(libarchive, int, archive_read_next_header, ARCHIVE, ENTRY *)
MDSCTL_LAZY_3(libarchive, la_ssize_t, archive_read_data, ARCHIVE, void *,
              size_t)

MDSCTL_LAZY_0(libarchive, ARCHIVE, archive_write_new)
MDSCTL_LAZY_1(libarchive, int, archive_write_add_filter_zstd, ARCHIVE)
MDSCTL_LAZY_1(libarchive, int, archive_write_set_format_pax_restricted, ARCHIVE)
MDSCTL_LAZY_1(libarchive, int, archive_write_set_format_zip, ARCHIVE)
MDSCTL_LAZY_2(libarchive, int, archive_write_open_fd, ARCHIVE, int)
MDSCTL_LAZY_2(libarchive, int, archive_write_header, ARCHIVE, ENTRY)
MDSCTL_LAZY_3(libarchive, la_ssize_t, archive_write_data, ARCHIVE, const void *,
              size_t)
MDSCTL_LAZY_1(libarchive, int, archive_write_close, ARCHIVE)
MDSCTL_LAZY_1(libarchive, int, archive_write_free, ARCHIVE)

MDSCTL_LAZY_0(libarchive, ENTRY, archive_entry_new)
MDSCTL_LAZY_1(libarchive, void, archive_entry_free, ENTRY)
MDSCTL_LAZY_1(libarchive, __LA_MODE_T, archive_entry_filetype, ENTRY)
MDSCTL_LAZY_1(libarchive, const char *, archive_entry_hardlink, ENTRY)
MDSCTL_LAZY_1(libarchive, const char *, archive_entry_pathname, ENTRY)
MDSCTL_LAZY_2(libarchive, void, archive_entry_set_filetype, ENTRY, unsigned)
MDSCTL_LAZY_3(libarchive, void, archive_entry_set_mtime, ENTRY, time_t, long)
MDSCTL_LAZY_2(libarchive, void, archive_entry_set_pathname, ENTRY, const char *)
MDSCTL_LAZY_2(libarchive, void, archive_entry_set_perm, ENTRY, __LA_MODE_T)
MDSCTL_LAZY_2(libarchive, void, archive_entry_set_size, ENTRY, la_int64_t)

/* The text of an error is short. */
void
archive_set_error(ARCHIVE archive, int number, const char *format, ...)
{
    MDSCTL_LAZY_CALL(libarchive, archive_set_error)
    char    text[512];
    va_list args;

    va_start(args, format);
    (void) vsnprintf(text, sizeof(text), format, args);
    va_end(args);

    function(archive, number, "%s", text);
}
